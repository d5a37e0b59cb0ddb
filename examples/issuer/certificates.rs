//! The work: makes a certificate, and approves its application together with a row of the backend's
//! own.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Control, Outcome, Work, Worker};
use certificate_lifecycle::store::{Actor, AnyStore, ExecuteError, StoreAddress};
use certificate_lifecycle::{AnyApplication, ProcessingError};
use rusqlite::TransactionBehavior;
use tokio::sync::Mutex;

use super::Failure;

/// The backend's own table, in the store's database; the same SQL in SQLite and PostgreSQL.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS certificate \
     (application text PRIMARY KEY, document text NOT NULL)";
const INSERT: &str = "INSERT INTO certificate VALUES ($1, $2)";

pub struct Certificates {
    engine: Engine<AnyStore>,
    /// In whose name applications are approved.
    system: Actor,
    database: Database,
}

/// A connection of the backend's own.
enum Database {
    Sqlite(Mutex<rusqlite::Connection>),
    Postgres(Mutex<tokio_postgres::Client>),
}

impl Certificates {
    pub async fn open(address: &StoreAddress, engine: Engine<AnyStore>) -> Result<Self, Failure> {
        let database = match address {
            StoreAddress::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path)?;
                connection.busy_timeout(std::time::Duration::from_secs(30))?;
                connection.execute(TABLE, [])?;
                Database::Sqlite(Mutex::new(connection))
            }
            StoreAddress::Postgres(url) => {
                let (client, connection) =
                    tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                // Of two processes that start at once, one makes the table.
                let lock = "SELECT pg_advisory_xact_lock(7);";
                client.batch_execute(&format!("{lock} {TABLE}")).await?;
                Database::Postgres(Mutex::new(client))
            }
            _ => return Err("expected sqlite:PATH or postgres://USER@HOST/DATABASE".into()),
        };
        Ok(Self {
            engine,
            system: Actor::system("issuer")?,
            database,
        })
    }

    /// The row and the approval, in one transaction. Dropped before the commit, it is rolled back.
    async fn approve(&self, work: &Work, document: String) -> Result<(), Failure> {
        let row = (work.uuid().to_string(), document);
        let scope = self.engine.scope(&work.institution, &self.system);
        let approve = scope.approve(work.uuid()).expecting(work.version());
        match &self.database {
            Database::Sqlite(connection) => {
                let mut connection = connection.lock().await;
                // It waits for its turn to write.
                tokio::task::block_in_place(|| -> Result<(), Failure> {
                    let behavior = TransactionBehavior::Immediate;
                    let transaction = connection.transaction_with_behavior(behavior)?;
                    approve.within(&transaction)?;
                    transaction.execute(INSERT, row)?;
                    Ok(transaction.commit()?)
                })?;
            }
            Database::Postgres(client) => {
                let mut client = client.lock().await;
                let mut transaction = client.transaction().await?;
                approve.within(&mut transaction).await?;
                transaction.execute(INSERT, &[&row.0, &row.1]).await?;
                transaction.commit().await?;
            }
        }
        // Dispatchers and those who wait look at once.
        self.engine.wake();
        Ok(())
    }
}

impl Worker for Certificates {
    async fn work(&self, work: &Work, _: &Control) -> Outcome {
        let document = match make(&work.application) {
            Ok(document) => document,
            Err(error) => return Outcome::Fail(error),
        };
        match self.approve(work, document).await {
            Ok(()) => Outcome::Done,
            Err(error) => match error.downcast_ref::<ExecuteError>() {
                // It was moved on meanwhile: then nothing of this stays.
                Some(ExecuteError::Refused(_)) => Outcome::Done,
                _ => Outcome::Again(error.to_string()),
            },
        }
    }
}

/// Your rendering.
fn make(application: &AnyApplication) -> Result<String, ProcessingError> {
    let details = application.details();
    let (title, email) = (details.certificate_title(), details.applicant_email());
    match ProcessingError::new("there is no template for drafts") {
        Ok(error) if title.as_str().contains("draft") => Err(error),
        _ => Ok(format!("{title} for {email}")),
    }
}
