//! The tables, and the way from every earlier version of them to the newest.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::{Client, IsolationLevel, Row};

use super::failure::{Failure, not_set_up};
use crate::store::StoreError;

/// From each version to the next; forward only. What has been released never changes.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/1_log.sql"),
    include_str!("migrations/2_lists.sql"),
    include_str!("migrations/3_refusals.sql"),
    include_str!("migrations/4_outbox.sql"),
    include_str!("migrations/5_numbers.sql"),
];

/// The newest version that this program knows.
const NEWEST: i64 = MIGRATIONS.len().cast_signed() as i64;

/// Held to the end of the migration, so that whoever else opens the store at the same time waits.
const LOCK: i64 = 0x6365_7274_6c69_6665;

/// How long to wait for somebody else's migration.
const OTHERS: Duration = Duration::from_secs(60);

/// The oldest server that is known to do, as `server_version_num` writes it.
const OLDEST_SERVER: i32 = 150_000;

async fn connection(pool: &Pool) -> Result<Object, StoreError> {
    let client = pool.get().await;
    client.map_err(|error| Failure::from(error).into_error())
}

fn unusable(reason: String) -> StoreError {
    StoreError::Misconfigured {
        reason,
        cause: None,
    }
}

/// Whether the database has the newest version. This only looks, so that who may not change anything can
/// read: on a standby, or in a role without the rights.
pub(super) async fn is_newest(readers: &Pool) -> Result<bool, StoreError> {
    let client = connection(readers).await?;
    let sql = "SELECT current_setting('server_version_num')::integer, \
               current_setting('server_encoding'), \
               to_regclass(quote_ident(current_schema()) || '.certlife_schema') IS NOT NULL";
    let row = client.query_one(sql, &[]).await.map_err(not_set_up)?;
    let server: i32 = row.try_get(0).map_err(not_set_up)?;
    if server < OLDEST_SERVER {
        let found = server / 10_000;
        let reason = format!("the server is PostgreSQL {found}, but 15 or newer is needed");
        return Err(unusable(reason));
    }
    let encoding: String = row.try_get(1).map_err(not_set_up)?;
    if encoding != "UTF8" {
        return Err(unusable(format!(
            "the database is encoded in {encoding}, but titles may be in any script: it must be in UTF8 \
             (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
        )));
    }
    if !row.try_get(2).map_err(not_set_up)? {
        return Ok(false);
    }
    let row = client.query_opt(VERSION, &[]).await.map_err(not_set_up)?;
    Ok(version(row.as_ref())? == NEWEST)
}

const VERSION: &str = "SELECT version FROM certlife_schema";

fn version(row: Option<&Row>) -> Result<i64, StoreError> {
    let found = match row {
        Some(row) => row.try_get(0).map_err(not_set_up)?,
        None => 0,
    };
    if found > NEWEST {
        return Err(StoreError::NewerSchema {
            found,
            known: NEWEST,
        });
    }
    Ok(found)
}

/// Brings the database to the newest version.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let mut client = connection(pool).await?;
    // A snapshot that is older than the lock would not see what was done under it.
    let committed = IsolationLevel::ReadCommitted;
    let transaction = client.build_transaction().isolation_level(committed);
    let transaction = transaction.start().await.map_err(not_set_up)?;
    // Somebody else's migration may take longer than a row is waited for.
    let lock = format!(
        "SET LOCAL client_min_messages = warning; \
         SELECT set_config('certlife.lock_timeout', current_setting('lock_timeout'), true); \
         SET LOCAL lock_timeout = {}; SELECT pg_advisory_xact_lock({LOCK}); \
         SELECT set_config('lock_timeout', current_setting('certlife.lock_timeout'), true); \
         CREATE TABLE IF NOT EXISTS certlife_schema (version bigint NOT NULL)",
        OTHERS.as_millis()
    );
    transaction.batch_execute(&lock).await.map_err(not_set_up)?;
    let row = transaction.query_opt(VERSION, &[]).await;
    let row = row.map_err(not_set_up)?;
    let missing = usize::try_from(version(row.as_ref())?).unwrap_or_default();
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
    transaction.commit().await.map_err(not_set_up)
}

/// A row where the server's next transaction would stand before the feed's last event: the database was
/// restored from a dump, and counts its transactions anew. An error where the index of the feed is
/// missing, which is the last to be restored.
const IS_BEHIND: &str = "\
    SELECT FROM certlife_feed WHERE 'certlife_event_feed'::regclass IS NOT NULL \
    AND (SELECT max(transaction) FROM certlife_event) \
        >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// The feed goes on where the dump ended. Whoever writes or reads the feed holds this lock: nobody goes on
/// with the base from before while it is raised. Of several who do this at once, one does.
const REBASE: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED; \
    LOCK TABLE certlife_feed IN ACCESS EXCLUSIVE MODE; \
    UPDATE certlife_feed SET base = last.transaction + 1 - pg_current_xact_id()::text::bigint \
    FROM (SELECT max(transaction) AS transaction FROM certlife_event) last \
    WHERE last.transaction >= base + pg_current_xact_id()::text::bigint; \
    COMMIT";

/// Whether what is written next would stand before the last event of the feed.
pub(super) async fn is_behind(readers: &Pool) -> Result<bool, StoreError> {
    let client = connection(readers).await?;
    let behind = client.query_opt(IS_BEHIND, &[]).await;
    Ok(behind.map_err(not_set_up)?.is_some())
}

/// Sees to it that what this connection writes stands behind the last event of the feed. Every connection
/// that writes begins with it: behind a connection that was lost may be another database.
pub(super) async fn catch_up(client: &Client) -> Result<(), tokio_postgres::Error> {
    if client.query_opt(IS_BEHIND, &[]).await?.is_some() {
        client.batch_execute(REBASE).await?;
    }
    Ok(())
}
