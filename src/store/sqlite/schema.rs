//! The tables, and the way from every earlier version of them to the newest.

use rusqlite::{Connection, TransactionBehavior};

use super::connection::{self, unavailable};
use crate::store::StoreError;

/// What marks a file as ours (`PRAGMA application_id`): "cert" in ASCII.
const APPLICATION_ID: i64 = 0x6365_7274;

/// From each version to the next; forward only. What has been released never changes.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/1_log.sql"),
    include_str!("migrations/2_lists.sql"),
    include_str!("migrations/3_refusals.sql"),
    include_str!("migrations/4_outbox.sql"),
];

/// The newest version that this program knows.
const NEWEST: i64 = MIGRATIONS.len().cast_signed() as i64;

/// Brings the database to the newest version; whoever else opens it at the same time waits.
pub(super) fn migrate(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    // One look: between two, somebody else may make it a store.
    let look = connection.transaction().map_err(unavailable)?;
    let is_current = is_current(&look, place)?;
    drop(look);
    if is_current {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(unavailable)?;
    // Somebody else may have done it meanwhile, or more than that.
    if self::is_current(&transaction, place)? {
        return Ok(());
    }
    let version = version(&transaction)?;
    let missing = usize::try_from(version).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(missing) {
        transaction.execute_batch(migration).map_err(unavailable)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| transaction.pragma_update(None, "user_version", NEWEST))
        .and_then(|()| transaction.commit())
        .map_err(unavailable)
}

/// That there is nothing to do, for whoever may not do it.
pub(super) fn check(connection: &Connection, place: &str) -> Result<(), StoreError> {
    if is_current(connection, place)? {
        return Ok(());
    }
    Err(match version(connection)? {
        0 => StoreError::NotAStore {
            place: place.to_owned(),
            problem: "it is empty".to_owned(),
        },
        older => StoreError::Unavailable {
            reason: format!(
                "{place} has schema version {older}, but this program reads version {NEWEST}; whoever may \
                 write it must open it first, which upgrades it"
            ),
            cause: None,
        },
    })
}

/// Whether there is nothing to do; an error, where the file is no store or one of a newer program.
fn is_current(connection: &Connection, place: &str) -> Result<bool, StoreError> {
    let not_a_store = |problem: &str| StoreError::NotAStore {
        place: place.to_owned(),
        problem: problem.to_owned(),
    };
    let application: i64 = connection::pragma(connection, "application_id")?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(unavailable)?;
    match application {
        APPLICATION_ID => {}
        0 if tables == 0 && version(connection)? == 0 => return Ok(false),
        _ => return Err(not_a_store("it is a database of another program")),
    }
    match version(connection)? {
        newer if newer > NEWEST => Err(StoreError::NewerSchema {
            found: newer,
            known: NEWEST,
        }),
        NEWEST => Ok(true),
        version if version < 1 => Err(not_a_store("its schema version is missing")),
        _ => Ok(false),
    }
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection::pragma(connection, "user_version")
}
