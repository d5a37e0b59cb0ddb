//! The tables, and the way from every earlier version of them to the newest.

use deadpool_postgres::Pool;

use super::failure::{Failure, not_set_up};
use crate::store::StoreError;

/// From each version to the next; forward only. What has been released never changes.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/1_log.sql"),
    include_str!("migrations/2_lists.sql"),
    include_str!("migrations/3_refusals.sql"),
];

/// The newest version that this program knows.
const NEWEST: i64 = MIGRATIONS.len().cast_signed() as i64;

/// Held to the end of the migration, so that whoever else opens the store at the same time waits.
const LOCK: i64 = 0x6365_7274_6c69_6665;

/// The oldest server that is known to do, as `server_version_num` writes it.
const OLDEST_SERVER: i32 = 150_000;

/// Brings the database to the newest version, and the feed behind its last event.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let mut client = pool
        .get()
        .await
        .map_err(|error| Failure::from(error).into_error())?;
    let row = client
        .query_one("SELECT current_setting('server_version_num')::integer", &[])
        .await
        .map_err(not_set_up)?;
    let server: i32 = row.try_get(0).map_err(not_set_up)?;
    if server < OLDEST_SERVER {
        let reason = format!(
            "the server is PostgreSQL {}, but 15 or newer is needed",
            server / 10_000
        );
        return Err(StoreError::Misconfigured {
            reason,
            cause: None,
        });
    }
    let transaction = client.transaction().await.map_err(not_set_up)?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await
        .map_err(not_set_up)?;
    transaction
        .batch_execute(
            "SET LOCAL client_min_messages = warning; \
             CREATE TABLE IF NOT EXISTS certlife_schema (version bigint NOT NULL)",
        )
        .await
        .map_err(not_set_up)?;
    let row = transaction
        .query_opt("SELECT version FROM certlife_schema", &[])
        .await
        .map_err(not_set_up)?;
    let version: i64 = match &row {
        Some(row) => row.try_get(0).map_err(not_set_up)?,
        None => 0,
    };
    if version > NEWEST {
        return Err(StoreError::NewerSchema {
            found: version,
            known: NEWEST,
        });
    }
    let missing = usize::try_from(version).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(missing) {
        transaction
            .batch_execute(migration)
            .await
            .map_err(not_set_up)?;
    }
    let remember = match row {
        Some(_) => "UPDATE certlife_schema SET version = $1 WHERE version <> $1",
        None => "INSERT INTO certlife_schema VALUES ($1)",
    };
    transaction
        .execute(remember, &[&NEWEST])
        .await
        .map_err(not_set_up)?;
    transaction
        .batch_execute(REBASE)
        .await
        .map_err(not_set_up)?;
    transaction.commit().await.map_err(not_set_up)
}

/// A database that was restored from a dump counts its transactions anew; its feed goes on where the
/// dump ended.
const REBASE: &str = "\
    UPDATE certlife_feed SET base = last.transaction + 1 - pg_current_xact_id()::text::bigint \
    FROM (SELECT max(transaction) AS transaction FROM certlife_event) last \
    WHERE last.transaction >= base + pg_current_xact_id()::text::bigint";
