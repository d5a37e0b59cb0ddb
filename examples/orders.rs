//! A backend with a table of its own: each certificate has a serial number, counted up without
//! gaps. The number and the approval of its application are one commit.
//!
//! ```sh
//! cargo run --example orders --features sqlite,postgres -- sqlite:/tmp/orders.db
//! cargo run --example orders --features sqlite,postgres -- postgres://user@host/database
//! ```
//!
//! Run it twice, or kill it in between: it continues where it was. No certificate is approved
//! without its serial number, and no serial number belongs to one that is not approved.

use std::ops::RangeInclusive;

use certificate_lifecycle::engine::{Engine, ScopedCommand};
use certificate_lifecycle::store::{
    Actor, AnyStore, ExecuteError, IdempotencyKey, InstitutionId, Store, StoreAddress, StoreError,
};
use certificate_lifecycle::{ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle};
use rusqlite::{ErrorCode, TransactionBehavior};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The backend's own table, in the store's database; the same SQL in SQLite and PostgreSQL.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS certificate \
     (serial bigint NOT NULL UNIQUE, application text NOT NULL UNIQUE)";
const NEXT: &str = "INSERT INTO certificate (serial, application) \
     SELECT coalesce(max(serial), 0) + 1, CAST($1 AS text) FROM certificate RETURNING serial";
const GIVEN: &str = "SELECT serial FROM certificate WHERE application = $1";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let default = std::env::temp_dir().join("certificate-orders.db");
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| format!("sqlite:{}", default.display()));
    run(&address.parse()?, 1..=5, &|_| ()).await
}

/// Hears of each step that was done; a test kills the process there.
type Report<'r> = &'r (dyn Fn(&str) + Send + Sync);

/// Sees the orders with these numbers through to their certificates.
///
/// # Errors
/// The first error that repeating does not end. Run it again, and it continues.
pub async fn run(
    address: &StoreAddress,
    orders: RangeInclusive<u64>,
    report: Report<'_>,
) -> Result<(), Error> {
    let mut issuer = Issuer {
        engine: Engine::new(AnyStore::open(address).await?),
        database: Database::open(address).await?,
        institution: InstitutionId::new("example-university")?,
        report,
    };
    for order in orders {
        issuer.accept(order).await?;
        let serial = issuer.approve(order).await?;
        println!("order {order}: certificate {serial}");
    }
    Ok(())
}

/// The same order is the same application, however often it is worked on.
#[must_use]
pub fn application_of(order: u64) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("order:{order}").as_bytes())
}

/// A connection of the backend's own.
enum Database {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Database {
    /// With the backend's table in it.
    async fn open(address: &StoreAddress) -> Result<Self, Error> {
        match address {
            StoreAddress::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path)?;
                // It waits while the store writes, or another process.
                connection.busy_timeout(std::time::Duration::from_secs(30))?;
                connection.execute(TABLE, [])?;
                Ok(Self::Sqlite(connection))
            }
            StoreAddress::Postgres(url) => {
                let (client, connection) =
                    tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                // Of two processes that start at once, one makes the table.
                let lock = "SELECT pg_advisory_xact_lock(7);";
                client.batch_execute(&format!("{lock} {TABLE}")).await?;
                Ok(Self::Postgres(client))
            }
            _ => Err("sqlite:PATH or postgres://USER@HOST/DATABASE".into()),
        }
    }
}

struct Issuer<'r> {
    engine: Engine<AnyStore>,
    database: Database,
    institution: InstitutionId,
    report: Report<'r>,
}

impl Issuer<'_> {
    /// The order is submitted and accepted. Keys make each command repeatable.
    async fn accept(&self, order: u64) -> Result<(), Error> {
        let (john, jane) = (Actor::customer("john")?, Actor::administrator("jane")?);
        let details = ApplicationDetails::new(
            ApplicationId::new(order)?,
            application_of(order),
            CertificateTitle::new("Certificate of Achievement")?,
            ApplicantEmail::new("john@example.com")?,
        );
        let customer = self.engine.scope(&self.institution, &john);
        let submit = customer.submit(details).with_key(key("submit", order)?);
        submit.await?;
        (self.report)("submitted");
        let office = self.engine.scope(&self.institution, &jane);
        let accept = office.begin_processing(application_of(order));
        accept.with_key(key("accept", order)?).await?;
        (self.report)("accepted");
        Ok(())
    }

    /// The order is approved and has a serial number. A transaction that lost to another is
    /// repeated as a whole.
    async fn approve(&mut self, order: u64) -> Result<i64, Error> {
        let (commits, worker) = (self.engine.store().commits(), Actor::system("worker")?);
        let mut failures = 0;
        loop {
            let approve = self.engine.scope(&self.institution, &worker);
            let approve = approve.approve(application_of(order));
            let approve = approve.with_key(key("approve", order)?);
            let approved = match &mut self.database {
                // It blocks while another writes to the file.
                Database::Sqlite(connection) => tokio::task::block_in_place(|| {
                    on_sqlite(connection, approve, order, self.report)
                }),
                Database::Postgres(client) => {
                    on_postgres(client, approve, order, self.report).await
                }
            };
            match approved {
                Err(error) if is_to_be_repeated(&error) => {
                    failures += 1;
                    commits.back_off(failures).await;
                }
                Err(error) => return Err(error),
                Ok(serial) => {
                    (self.report)("committed");
                    // Dispatchers and followers look at once, and not after their usual pause.
                    self.engine.wake();
                    return Ok(serial);
                }
            }
        }
    }
}

/// Dropped before the commit, the transaction is rolled back.
fn on_sqlite(
    connection: &mut rusqlite::Connection,
    approve: ScopedCommand<'_, AnyStore>,
    order: u64,
    report: Report<'_>,
) -> Result<i64, Error> {
    // At once with the lock of the writer: one that has only read might not get it any more.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    report("begun");
    let receipt = approve.within(&transaction)?;
    report("approved");
    // An approval that was committed before has its number.
    let sql = if receipt.replayed { GIVEN } else { NEXT };
    let application = application_of(order).to_string();
    let serial = transaction.query_row(sql, [application], |row| row.get(0))?;
    report("numbered");
    transaction.commit()?;
    Ok(serial)
}

/// The same on PostgreSQL.
async fn on_postgres(
    client: &mut tokio_postgres::Client,
    approve: ScopedCommand<'_, AnyStore>,
    order: u64,
    report: Report<'_>,
) -> Result<i64, Error> {
    let mut transaction = client.transaction().await?;
    // One after the other, for numbers without gaps. It writes nothing, so the feed goes on.
    let lock = "LOCK TABLE certificate IN SHARE ROW EXCLUSIVE MODE";
    transaction.batch_execute(lock).await?;
    report("begun");
    let receipt = approve.within(&mut transaction).await?;
    report("approved");
    let sql = if receipt.replayed { GIVEN } else { NEXT };
    let application = application_of(order).to_string();
    let serial = transaction.query_one(sql, &[&application]).await?.get(0);
    report("numbered");
    transaction.commit().await?;
    Ok(serial)
}

/// Whether the transaction lost to others, so that it helps to repeat it.
fn is_to_be_repeated(error: &Error) -> bool {
    match (
        error.downcast_ref(),
        error.downcast_ref(),
        error.downcast_ref(),
    ) {
        (Some(ExecuteError::Store(error)), _, _) => {
            matches!(error, StoreError::Unavailable { .. })
        }
        (_, Some(error), _) => {
            rusqlite::Error::sqlite_error_code(error) == Some(ErrorCode::DatabaseBusy)
        }
        (_, _, Some(error)) => {
            let code = tokio_postgres::Error::code(error);
            code == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
                || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
        }
        _ => false,
    }
}

fn key(action: &str, order: u64) -> Result<IdempotencyKey, Error> {
    Ok(IdempotencyKey::new(format!("{action} order {order}"))?)
}
