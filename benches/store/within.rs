//! Transitions within a transaction of the backend's, beside a transaction with one bare statement
//! that writes the same: one caller, one connection, and a commit each.

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Actor, PostgresStore, Request, SqliteStore};
use certificate_lifecycle::{Command, ProcessingError};
use rusqlite::{Connection, TransactionBehavior};
use tokio_postgres::NoTls;
use tokio_postgres::types::{ToSql, Type};

use crate::load::{Load, institution, rate, uuid};
use crate::pgbench::{self, Pgbench};
use crate::support::Row;
use crate::{APPLICATIONS, ROUND, bare, medians, postgres, row, runtime_for};

/// Commands for one application after the other, in an order that jumps all over them.
struct Commands {
    position: Cell<u64>,
    system: Actor,
    administrator: Actor,
    error: ProcessingError,
}

impl Commands {
    fn new() -> Self {
        Self {
            position: Cell::new(0),
            system: Actor::system("pdf-worker").unwrap(),
            administrator: Actor::administrator("jane").unwrap(),
            error: ProcessingError::new("PDF generation failed: template not found").unwrap(),
        }
    }

    fn next(&self) -> Request {
        let at = self.position.replace(self.position.get() + 1);
        let number = (at % APPLICATIONS).wrapping_mul(7919) % APPLICATIONS;
        let (actor, command) = if (at / APPLICATIONS).is_multiple_of(2) {
            (&self.system, Command::Fail(self.error.clone()))
        } else {
            (&self.administrator, Command::Retry)
        };
        Request::transition(institution(), actor.clone(), uuid(number), command)
    }
}

/// How many a second, one after the other.
async fn measure(mut one: impl AsyncFnMut()) -> f64 {
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < ROUND {
        one().await;
        done += 1;
    }
    rate(done, start.elapsed())
}

pub fn rows(folder: &Path) -> Vec<Row> {
    let mut rows = vec![sqlite(folder)];
    let postgres = Postgres::start();
    rows.extend([postgres.prepared(), postgres.not_prepared()]);
    rows
}

fn sqlite(folder: &Path) -> Row {
    let file = folder.join("within.db");
    let engine = Engine::new(SqliteStore::open(&file).unwrap());
    let runtime = runtime_for(1);
    runtime.block_on(Load::prepare(engine.clone(), 0, APPLICATIONS));
    let peer = folder.join("within-peer.db");
    bare::copy(&file, &peer);
    let bare = bare::Loop::open(&peer);
    let mut connection = Connection::open(&file).unwrap();
    connection
        .execute_batch("PRAGMA synchronous = full; PRAGMA cache_size = -65536;")
        .unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    let commands = Commands::new();
    let ours = || {
        let (start, mut done) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior).unwrap();
            let receipt = engine.within(&transaction).execute(commands.next());
            let _ = receipt.unwrap();
            transaction.commit().unwrap();
            done += 1;
        }
        rate(done, start.elapsed())
    };
    let measured = medians(ours, || bare.run(ROUND));
    row("SQLite, within a transaction", measured, "bare loop", 0.8)
}

/// What both sides of PostgreSQL's rows share.
struct Postgres {
    server: postgres::Server,
    runtime: tokio::runtime::Runtime,
    engine: Engine<PostgresStore>,
    commands: Commands,
    next: Cell<u64>,
}

impl Postgres {
    fn start() -> Self {
        let server = postgres::Server::start();
        let _tables = Pgbench::prepare(&server, APPLICATIONS);
        let runtime = runtime_for(1);
        let engine = runtime.block_on(async {
            let url = server.url_of_new_schema().await;
            let engine = Engine::new(PostgresStore::connect(&url).await.unwrap());
            Load::prepare(engine.clone(), 0, APPLICATIONS).await;
            engine
        });
        Self {
            server,
            runtime,
            engine,
            commands: Commands::new(),
            next: Cell::new(0),
        }
    }

    /// The number of the application that the bare statement moves on next.
    fn next(&self) -> i32 {
        let at = self.next.replace(self.next.get() + 1);
        i32::try_from(at % APPLICATIONS * 7919 % APPLICATIONS + 1).unwrap()
    }

    /// Through a pool, whose connection keeps prepared statements.
    fn prepared(&self) -> Row {
        let manager = deadpool_postgres::Manager::new(self.server.url().parse().unwrap(), NoTls);
        let pool = deadpool_postgres::Pool::builder(manager).max_size(1);
        let pool = pool.build().unwrap();
        let ours = async || {
            let mut client = pool.get().await.unwrap();
            measure(async || {
                let mut transaction = client.transaction().await.unwrap();
                let within = self.engine.within(&mut transaction);
                let _ = within.execute(self.commands.next()).await.unwrap();
                transaction.commit().await.unwrap();
            })
            .await
        };
        let bare = async || {
            let mut client = pool.get().await.unwrap();
            measure(async || {
                let transaction = client.transaction().await.unwrap();
                let sql = pgbench::transition_of_parameter();
                let statement = transaction.prepare_cached(sql).await.unwrap();
                let number = self.next();
                let rows = transaction.query(&statement, &[&number]).await.unwrap();
                assert_eq!(rows.len(), 1);
                transaction.commit().await.unwrap();
            })
            .await
        };
        let measured = medians(
            || self.runtime.block_on(ours()),
            || self.runtime.block_on(bare()),
        );
        let work = "PostgreSQL, within a transaction, prepared";
        row(work, measured, "bare statement", 0.8)
    }

    /// On a connection that keeps none.
    fn not_prepared(&self) -> Row {
        let client = || Cell::new(Some(self.runtime.block_on(self.server.client())));
        let (client, client_of_bare) = (client(), client());
        let ours = async || {
            let mut connection = client.take().unwrap();
            let rate = measure(async || {
                let mut transaction = connection.transaction().await.unwrap();
                let within = self.engine.within(&mut transaction);
                let _ = within.execute(self.commands.next()).await.unwrap();
                transaction.commit().await.unwrap();
            });
            let rate = rate.await;
            client.set(Some(connection));
            rate
        };
        let bare = async || {
            let mut connection = client_of_bare.take().unwrap();
            let rate = measure(async || {
                let transaction = connection.transaction().await.unwrap();
                let number = self.next();
                let parameters = [(&number as &(dyn ToSql + Sync), Type::INT4)];
                let sql = pgbench::transition_of_parameter();
                let rows = transaction.query_typed(sql, &parameters).await.unwrap();
                assert_eq!(rows.len(), 1);
                transaction.commit().await.unwrap();
            });
            let rate = rate.await;
            client_of_bare.set(Some(connection));
            rate
        };
        let measured = medians(
            || self.runtime.block_on(ours()),
            || self.runtime.block_on(bare()),
        );
        let work = "PostgreSQL, within a transaction, not prepared";
        row(work, measured, "bare statement", 0.8)
    }
}
