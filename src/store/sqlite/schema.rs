//! The tables, and the way from every earlier version of them to the newest.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::failure::{code_of, pragma, text_of, unavailable};
use crate::store::{Migration, MigrationKind, MigrationStep, Result, Setup, StoreError};

/// What marked a file as ours (`PRAGMA application_id`) while the tables had no prefix: "cert" in
/// ASCII. The version was then in `PRAGMA user_version`.
const APPLICATION_ID: i64 = 0x6365_7274;

const LISTS: &str = include_str!("migrations/2_lists.sql");
const OUTBOX: &str = include_str!("migrations/4_outbox.sql");
const OUTBOX_INDEXES: &str = include_str!("migrations/4_indexes.sql");
const WORK: &str = include_str!("migrations/6_work.sql");
const TOKEN: &str = include_str!("migrations/7_token.sql");
const REPLY: &str = include_str!("migrations/8_reply.sql");
const ACT: &str = include_str!("migrations/9_act.sql");
const KEPT: &str = include_str!("migrations/10_kept.sql");

/// The parts of an SQL text, and the prefix of tables and indexes that stands in it for `{prefix}`.
type Parts = (&'static [&'static str], &'static str);

/// The tables of a new store, of the newest version.
const TABLES: Parts = (
    &[
        include_str!("migrations/tables.sql"),
        LISTS,
        OUTBOX,
        OUTBOX_INDEXES,
        WORK,
        TOKEN,
        REPLY,
        ACT,
        KEPT,
    ],
    "certlife_",
);

/// From each version to the next, beginning with the first; forward only. What has been released
/// never changes.
const MIGRATIONS: [Parts; 9] = [
    (&[LISTS], ""),
    (&[include_str!("migrations/3_refusals.sql")], ""),
    (&[OUTBOX, OUTBOX_INDEXES], ""),
    (
        &[
            include_str!("migrations/5_names.sql"),
            LISTS,
            OUTBOX_INDEXES,
        ],
        "certlife_",
    ),
    (&[WORK], "certlife_"),
    (&[TOKEN], "certlife_"),
    (&[REPLY], "certlife_"),
    (&[ACT], "certlife_"),
    (&[KEPT], "certlife_"),
];

/// The newest version that this program knows.
const NEWEST: i64 = MIGRATIONS.len().cast_signed() as i64 + 1;

/// From this version on, the version stands in a table of its own.
const PREFIXED: i64 = 5;

/// One row for each of the columns that are read and written, if they are there: a statement that
/// names others cannot be prepared.
const SHAPE: [&str; 13] = [
    "SELECT no, id FROM certlife_institution",
    "SELECT no, uuid, application_id, certificate_title, applicant_email FROM certlife_application",
    "SELECT application, institution, trigger_context, status, version, updated_at, event \
     FROM certlife_head INDEXED BY certlife_head_institution WHERE institution = 0",
    "SELECT seq, application, version, kind, at, previous, actor_kind, actor, text, idempotency_key \
     FROM certlife_event",
    "SELECT key, institution, event, refused FROM certlife_idempotency",
    "SELECT no, id, institution, kinds, enabled, settings, created_at, revision, failing_since, \
     not_before FROM certlife_webhook",
    "SELECT no, webhook, application, event, state, attempts, at, created_at, token, reason, \
     sent_at, milliseconds, status FROM certlife_delivery INDEXED BY certlife_delivery_lane WHERE application = 0",
    "SELECT no, delivery, at, milliseconds, status, error, excerpt FROM certlife_attempt",
    "SELECT application, institution, event, version, since, state, at, token, attempts, reason \
     FROM certlife_work INDEXED BY certlife_work_new WHERE state = 0",
    "SELECT event FROM certlife_work_seen",
    "SELECT no, id, name, institution, actor_kind, actor, scopes, secret_hash, created_at, \
     expires_at, last_used_at FROM certlife_token",
    "SELECT owner, institution, key, request, begun_at, status, headers, body FROM certlife_reply",
    "SELECT no, institution, at, actor_kind, actor, kind, subject, detail, outcome, reason \
     FROM certlife_act",
];

/// Brings the database to the newest version, as far as that is wanted; also if another opens it at
/// the same time waits. What was done.
pub(super) fn set_up(connection: &mut Connection, place: &str, setup: Setup) -> Result<Migration> {
    // One look: between two, another may make it a store.
    let look = connection.transaction().map_err(unavailable)?;
    let found = version(&look, place)?;
    if found == Some(NEWEST) {
        check_shape(&look, place)?;
        return Ok(from_here(found));
    }
    refuse(found, place, setup)?;
    drop(look);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(unavailable)?;
    // Another may have done it meanwhile, or more than that.
    let found = version(&transaction, place)?;
    if found == Some(NEWEST) {
        check_shape(&transaction, place)?;
        return Ok(from_here(found));
    }
    refuse(found, place, setup)?;
    let run = |(parts, prefix): Parts| {
        let sql = parts.concat().replace("{prefix}", prefix);
        let done = transaction.execute_batch(&sql);
        done.map_err(|error| refused(error, place))
    };
    if found.is_none() {
        run(TABLES)?;
    }
    let from = found.unwrap_or(NEWEST);
    let done = usize::try_from(from - 1).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(done) {
        // What is in the way of new names, such as a view of others that is broken, has to be put
        // right: it is a store.
        run(*migration).map_err(|error| match error {
            StoreError::NotAStore { problem, .. } if from < PREFIXED => StoreError::misconfigured(
                format!("{place} cannot be upgraded to schema version {NEWEST}: {problem}"),
            ),
            error => error,
        })?;
    }
    // A step that only adds has not seen whether the others are there, and ours.
    check_shape(&transaction, place)?;
    run((&["DELETE FROM certlife_schema"], ""))?;
    transaction
        .execute("INSERT INTO certlife_schema VALUES (?1)", [NEWEST])
        .and_then(|_| transaction.commit())
        .map_err(unavailable)?;
    Ok(from_here(found))
}

/// The way from this version to the newest: all of it is one transaction. No program works with
/// another version than the newest that it knows, since it is alone with its file
/// (docs/decisions/0011-upgrades.md).
fn from_here(found: Option<i64>) -> Migration {
    let step = |version, kind| MigrationStep::new(version, kind, version);
    Migration {
        from: found,
        to: NEWEST,
        steps: match found {
            None => vec![step(NEWEST, MigrationKind::Creation)],
            Some(from) => (from + 1..=NEWEST)
                .map(|it| step(it, MigrationKind::Contraction))
                .collect(),
        },
    }
}

/// What is to be done, where a store is to be made or is there.
pub(super) fn pending(connection: &Connection, place: &str, setup: Setup) -> Result<Migration> {
    let found = version(connection, place)?;
    match found {
        None => refuse(found, place, setup)?,
        Some(NEWEST) => check_shape(connection, place)?,
        Some(_) => {}
    }
    Ok(from_here(found))
}

/// The same, where there is no file.
pub(super) fn pending_creation(place: &str, setup: Setup) -> Result<Migration> {
    refuse(None, place, setup)?;
    Ok(from_here(None))
}

/// That there is nothing to do, for a program that may not do it.
pub(super) fn check(connection: &Connection, place: &str) -> Result<()> {
    let found = version(connection, place)?;
    refuse(found, place, Setup::Keep)?;
    check_shape(connection, place)
}

/// What is not to be made or upgraded.
fn refuse(found: Option<i64>, place: &str, setup: Setup) -> Result<()> {
    match (found, setup) {
        (None, Setup::Upgrade | Setup::Keep) => Err(StoreError::NoStore {
            place: place.to_owned(),
        }),
        (Some(found), Setup::Keep) if found < NEWEST => Err(StoreError::OlderSchema {
            found,
            needed: NEWEST,
        }),
        _ => Ok(()),
    }
}

/// The version of the tables; none where there are none, whatever else there is. An error, where
/// they are those of another program or of a newer one.
fn version(connection: &Connection, place: &str) -> Result<Option<i64>> {
    let not_a_store = |problem: &str| StoreError::NotAStore {
        place: place.to_owned(),
        problem: problem.to_owned(),
    };
    let is_versioned = connection
        .prepare_cached(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'certlife_schema'",
        )
        .and_then(|mut it| it.exists([]))
        .map_err(unavailable)?;
    let found = if is_versioned {
        let sql = "SELECT version FROM certlife_schema";
        let versions = connection.prepare(sql).and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let versions = versions.map_err(|error| match error {
            rusqlite::Error::InvalidColumnType(..) => {
                not_a_store("its table certlife_schema is that of another program")
            }
            error => refused(error, place),
        })?;
        match versions[..] {
            [version] if version >= PREFIXED => Some(version),
            _ => None,
        }
    } else {
        let application: i64 = pragma(connection, "application_id")?;
        if application != APPLICATION_ID {
            return Ok(None);
        }
        let version: i64 = pragma(connection, "user_version")?;
        Some(version).filter(|it| (1..PREFIXED).contains(it))
    };
    match found {
        None => Err(not_a_store("its schema version is missing")),
        Some(newer) if newer > NEWEST => Err(StoreError::NewerSchema {
            found: newer,
            known: NEWEST,
        }),
        known => Ok(known),
    }
}

/// That the tables have the columns that are read and written.
fn check_shape(connection: &Connection, place: &str) -> Result<()> {
    for sql in SHAPE {
        connection
            .prepare(sql)
            .map_err(|error| refused(error, place))?;
    }
    Ok(())
}

/// Why a statement does not fit: where SQLite itself is well, what stands there is not what was
/// expected.
fn refused(error: rusqlite::Error, place: &str) -> StoreError {
    match code_of(&error) {
        // A table, a column or an index that is missing or there already.
        Some(ErrorCode::Unknown) => StoreError::NotAStore {
            place: place.to_owned(),
            problem: format!(
                "its tables are not those of this program ({})",
                text_of(&error)
            ),
        },
        _ => unavailable(error),
    }
}
