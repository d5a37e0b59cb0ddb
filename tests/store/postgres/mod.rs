//! What only a server can do to a store.

mod corrupt;
mod damaged;
mod edited;
mod faults;
mod limits;
mod locks;
mod migration;
mod misconfigured;
mod outbox;
mod personal;
mod refused;
mod restored;
mod rights;
mod runtimes;
mod scarce;
mod setup;
mod slow;
mod tls;
mod upgrade;
mod wire;
mod withheld;
mod work;

pub use slow::Slow;

use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{PostgresOptions, PostgresStore};

use crate::harness::{Harness, Postgres};
use crate::server::client;
use crate::world::{TestClock, engine_on};

/// Options that make a test of what takes too long a short one.
fn impatient() -> PostgresOptions {
    PostgresOptions::default()
        .with_connect_timeout(Duration::from_secs(2))
        .with_lock_timeout(Duration::from_millis(200))
        .with_answer_timeout(Duration::from_millis(500))
        .with_patience(Some(Duration::from_secs(20)))
}

async fn engine(url: &str, options: PostgresOptions) -> Engine<PostgresStore> {
    let store = PostgresStore::connect_with(url, options).await.unwrap();
    engine_on(store, &TestClock::default())
}

/// New statistics of this schema's tables; without their names, of those of all tests.
const ANALYZE: &str = "ANALYZE certlife_application, certlife_event, certlife_idempotency, \
    certlife_delivery, certlife_webhook, certlife_attempt";

/// An empty schema, and an engine on it.
async fn fresh() -> (Postgres, Engine<PostgresStore>) {
    let schema = Postgres::fresh().await;
    let engine = engine(schema.url(), impatient()).await;
    (schema, engine)
}

/// The process that serves a connection.
async fn pid(client: &tokio_postgres::Client) -> i32 {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    row.unwrap().get(0)
}

/// Until a connection waits for a lock that the one of this process holds.
async fn a_session_waits_for(schema: &Postgres, pid: i32) {
    let observer = client(schema.url()).await;
    loop {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
        let held_up = observer.query_one(sql, &[&pid]).await.unwrap();
        if held_up.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Carries out SQL beside the store, in its schema.
async fn edit(schema: &Postgres, sql: &str) {
    client(schema.url()).await.batch_execute(sql).await.unwrap();
}

/// Everything that the tables say, row by row.
async fn dump(schema: &Postgres) -> Vec<String> {
    let client = client(schema.url()).await;
    let mut rows = Vec::new();
    for table in [
        "certlife_application",
        "certlife_event",
        "certlife_idempotency",
        "certlife_delivery",
        "certlife_webhook",
        "certlife_attempt",
        "certlife_token",
        "certlife_reply",
        "certlife_act",
    ] {
        // Earlier versions have neither tokens nor replies nor acts.
        let is_there = "SELECT to_regclass($1) IS NOT NULL";
        if !client
            .query_one(is_there, &[&table])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            continue;
        }
        let sql = format!("SELECT row_to_json({table})::text FROM {table} ORDER BY 1");
        let found = client.query(&sql, &[]).await.unwrap();
        rows.extend(
            found
                .iter()
                .map(|row| format!("{table} {}", row.get::<_, String>(0))),
        );
    }
    rows
}
