//! The tables that are there: whose they are, and of which version.

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;

use super::connections::Connections;
use super::failure::{Failure, not_fitting, not_read};
use super::session::Session;
use super::sql::statements;
use crate::store::{Result, Setup, StoreError};

/// The oldest server that is known to do, as `server_version_num` writes it.
const OLDEST_SERVER: i32 = 150_000;

/// The newest version that this program knows: that of the last step of `migrate`.
pub(super) const NEWEST: i64 = 12;

/// The version that the statements of this program need. Steps beyond it can wait for `migrate`.
pub(super) const NEEDED: i64 = 12;

/// The columns that are read and written, of each table. A statement that names others cannot be
/// prepared.
const SHAPE: [(&str, &str); 12] = [
    (
        "certlife_application",
        "uuid, institution, application_id, certificate_title, applicant_email, trigger_context, \
         seal, status, version, updated_at, transaction, number",
    ),
    (
        "certlife_event",
        "uuid, version, kind, at, actor_kind, actor, text, idempotency_key, transaction, place",
    ),
    (
        "certlife_idempotency",
        "key, institution, uuid, version, refused",
    ),
    ("certlife_feed", "base, history, skipped"),
    (
        "certlife_webhook",
        "id, number, institution, kinds, enabled, settings, created_at, revision, failing_since, \
         not_before, removed",
    ),
    (
        "certlife_delivery",
        "application, webhook, version, transaction, place, number, at, created_at, token, \
         attempts, state, reason",
    ),
    (
        "certlife_attempt",
        "delivery, number, at, milliseconds, status, error, excerpt",
    ),
    (
        "certlife_work",
        "uuid, institution, version, transaction, place, since, state, at, token, attempts, reason",
    ),
    ("certlife_work_seen", "transaction, place"),
    (
        "certlife_token",
        "id, number, name, institution, actor_kind, actor, scopes, secret_hash, created_at, \
         expires_at, last_used_at",
    ),
    (
        "certlife_reply",
        "institution, key, owner, request, begun_at, status, headers, body",
    ),
    (
        "certlife_act",
        "number, institution, at, actor_kind, actor, kind, subject, detail, outcome, reason",
    ),
];

pub(super) async fn connection(connections: &Connections) -> Result<Session> {
    connections.get().await.map_err(Failure::into_error)
}

/// The version of the tables, as two numbers: a program of before goes on working after an
/// expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// What the oldest program that works with these tables must know. A program refuses what is
    /// above all it knows.
    pub(super) oldest: i64,
    /// The newest step that was applied. It may be above all that a program knows.
    pub(super) expanded: i64,
}

statements! {
    /// What is opened. The role's rights on a schema of the path decide whether PostgreSQL looks
    /// into it at all.
    PLACE() = "\
        SELECT current_setting('server_version_num')::integer, \
            current_setting('server_encoding'), \
            current_database()::text, current_schema()::text, current_user::text, \
            quote_ident(current_schema()), ( \
                SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                WHERE c.relname = 'certlife_schema' AND NOT has_schema_privilege(n.oid, 'USAGE') \
                    AND n.nspname = ANY (regexp_split_to_array(replace(replace( \
                        current_setting('search_path'), '\"$user\"', current_user), '\"', ''), \
                        ' *, *')) \
                LIMIT 1 \
            )";

    /// Whether there is a table of the version.
    EXISTS() =
        "SELECT to_regclass(quote_ident(current_schema()) || '.certlife_schema') IS NOT NULL";

    /// The row of the version, whether or not it has the column that came with version 6.
    VERSION() = "SELECT version, (to_jsonb(it) ->> 'expanded')::bigint FROM certlife_schema it";
}

/// What is opened, and its schema as SQL names it; if that can be a store.
pub(super) async fn place(client: &impl GenericClient) -> Result<(String, String)> {
    let row = client.query_one(PLACE, &[]).await.map_err(not_read)?;
    let server: i32 = row.try_get(0).map_err(not_read)?;
    if server < OLDEST_SERVER {
        let found = server / 10_000;
        let reason = format!("the server is PostgreSQL {found}, but 15 or newer is needed");
        return Err(StoreError::misconfigured(reason));
    }
    let encoding: String = row.try_get(1).map_err(not_read)?;
    if encoding != "UTF8" {
        return Err(StoreError::misconfigured(format!(
            "the database is encoded in {encoding}, but titles may be in any script: it must be in UTF8 \
             (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
        )));
    }
    let withheld: Option<String> = row.try_get(6).map_err(not_read)?;
    if let Some(schema) = withheld {
        let role: String = row.try_get(4).map_err(not_read)?;
        return Err(StoreError::misconfigured(format!(
            "the role {role:?} may not use the schema {schema:?}, which has a store (GRANT USAGE ON SCHEMA)"
        )));
    }
    let database: String = row.try_get(2).map_err(not_read)?;
    let schema: Option<String> = row.try_get(3).map_err(not_read)?;
    let quoted: Option<String> = row.try_get(5).map_err(not_read)?;
    let place = match schema {
        Some(schema) => format!("schema {schema:?} of database {database:?}"),
        None => format!("database {database:?} (no schema of its search_path can be used)"),
    };
    Ok((place, quoted.unwrap_or_default()))
}

/// The version of the tables; none where there are none. An error where the table of the version is
/// that of another program.
pub(super) async fn version(client: &impl GenericClient, place: &str) -> Result<Option<Version>> {
    let row = client.query_one(EXISTS, &[]).await.map_err(not_read)?;
    if !row.try_get(0).map_err(not_read)? {
        return Ok(None);
    }
    let not_a_store = |problem: String| StoreError::NotAStore {
        place: place.to_owned(),
        problem,
    };
    let rows = client
        .query(VERSION, &[])
        .await
        .map_err(|error| not_fitting(error, place, not_read))?;
    let [row] = &*rows else {
        return Err(not_a_store(if rows.is_empty() {
            "its schema version is missing, as while a dump is being restored".to_owned()
        } else {
            "it has more than one schema version".to_owned()
        }));
    };
    let is_number = row.columns().iter().all(|it| *it.type_() == Type::INT8);
    let (oldest, expanded): (Option<i64>, Option<i64>) = if is_number {
        (
            row.try_get(0).map_err(not_read)?,
            row.try_get(1).map_err(not_read)?,
        )
    } else {
        (None, None)
    };
    match oldest {
        Some(found) if found > NEWEST => Err(StoreError::NewerSchema {
            found,
            known: NEWEST,
        }),
        Some(oldest) if oldest > 0 => Ok(Some(Version {
            oldest,
            expanded: expanded.map_or(oldest, |it| it.max(oldest)),
        })),
        _ => Err(not_a_store(
            "its table certlife_schema is that of another program".to_owned(),
        )),
    }
}

/// What is not to be made or upgraded.
pub(super) fn refuse(found: Option<Version>, place: &str, setup: Setup, needed: i64) -> Result<()> {
    match (found, setup) {
        (None, Setup::Upgrade | Setup::Keep) => Err(StoreError::NoStore {
            place: place.to_owned(),
        }),
        (Some(found), Setup::Keep) if found.expanded < needed => Err(StoreError::OlderSchema {
            found: found.expanded,
            needed,
        }),
        _ => Ok(()),
    }
}

/// The tables that came after version 6, with their version.
const LATER: [(&str, i64); 5] = [
    ("certlife_work", 7),
    ("certlife_work_seen", 7),
    ("certlife_token", 8),
    ("certlife_reply", 9),
    ("certlife_act", 10),
];

/// The columns that came after version 6, of tables of before, with their version.
const LATER_COLUMNS: [(&str, &str, i64); 2] = [
    ("certlife_delivery", ", sent_at, milliseconds, status", 11),
    ("certlife_delivery", ", leased_until", 12),
];

/// That the tables of this version have the columns that are read and written. To prepare a
/// statement takes no rights on them.
pub(super) async fn check_shape(
    client: &impl GenericClient,
    place: &str,
    version: i64,
) -> Result<()> {
    let is_there = |name: &str| {
        LATER
            .iter()
            .all(|(later, since)| *later != name || *since <= version)
    };
    let tables = SHAPE.iter().filter(|(table, _)| is_there(table));
    let tables = tables.map(|(table, columns)| {
        let later = LATER_COLUMNS.iter();
        let later = later.filter(|(extended, _, since)| extended == table && *since <= version);
        let later: String = later.map(|(_, columns, _)| *columns).collect();
        format!("(SELECT {columns}{later} FROM {table}) {table}")
    });
    let sql = format!("SELECT FROM {}", tables.collect::<Vec<_>>().join(", "));
    let prepared = client.prepare(&sql).await;
    prepared.map_err(|error| not_fitting(error, place, not_read))?;
    Ok(())
}
