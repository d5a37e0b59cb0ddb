//! The tables, and the way from every earlier version of them to the newest.

use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient, IsolationLevel};

use super::connections::Connections;
use super::failure::{Failure, not_fitting, not_read, not_set_up};
use super::session::Session;
use crate::store::{Setup, StoreError};

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

/// The columns that are read and written, of each table. A statement that names others cannot be prepared.
const SHAPE: [(&str, &str); 7] = [
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
    ("certlife_feed", "base"),
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
];

async fn connection(connections: &Connections) -> Result<Session, StoreError> {
    connections.get().await.map_err(Failure::into_error)
}

fn unusable(reason: String) -> StoreError {
    StoreError::Misconfigured {
        reason,
        cause: None,
    }
}

/// Brings the database to the newest version, as far as that is wanted. First it only looks, so that who may not change
/// anything can read: on a standby, or in a role without the rights. The index of the feed, by its whole name.
pub(super) async fn set_up(
    readers: &Connections,
    migrating: &Connections,
    setup: Setup,
) -> Result<String, StoreError> {
    let client = connection(readers).await?;
    let (place, schema) = place(&**client).await?;
    let found = version(&**client, &place).await?;
    if found == Some(NEWEST) {
        check_shape(&client, &place).await?;
    } else {
        refuse(found, &place, setup)?;
        // There may be no other connection.
        drop(client);
        migrate(migrating, &place, setup).await?;
    }
    Ok(format!("{schema}.certlife_event_feed"))
}

/// What is opened. The role's rights on a schema of the path decide whether PostgreSQL looks into it at all.
const PLACE: &str = "\
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

/// What is opened, and its schema as SQL names it; if that can be a store.
async fn place(client: &impl GenericClient) -> Result<(String, String), StoreError> {
    let row = client.query_one(PLACE, &[]).await.map_err(not_read)?;
    let server: i32 = row.try_get(0).map_err(not_read)?;
    if server < OLDEST_SERVER {
        let found = server / 10_000;
        let reason = format!("the server is PostgreSQL {found}, but 15 or newer is needed");
        return Err(unusable(reason));
    }
    let encoding: String = row.try_get(1).map_err(not_read)?;
    if encoding != "UTF8" {
        return Err(unusable(format!(
            "the database is encoded in {encoding}, but titles may be in any script: it must be in UTF8 \
             (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
        )));
    }
    let withheld: Option<String> = row.try_get(6).map_err(not_read)?;
    if let Some(schema) = withheld {
        let role: String = row.try_get(4).map_err(not_read)?;
        return Err(unusable(format!(
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

/// The version of the tables; none where there are none. An error where the table of the version is that of another
/// program.
async fn version(client: &impl GenericClient, place: &str) -> Result<Option<i64>, StoreError> {
    let exists =
        "SELECT to_regclass(quote_ident(current_schema()) || '.certlife_schema') IS NOT NULL";
    let row = client.query_one(exists, &[]).await.map_err(not_read)?;
    if !row.try_get(0).map_err(not_read)? {
        return Ok(None);
    }
    let not_a_store = |problem: String| StoreError::NotAStore {
        place: place.to_owned(),
        problem,
    };
    let rows = client.query("SELECT version FROM certlife_schema", &[]);
    let rows = rows
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
    let found = if is_number {
        row.try_get(0).map_err(not_read)?
    } else {
        None
    };
    match found {
        Some(found) if found > NEWEST => Err(StoreError::NewerSchema {
            found,
            known: NEWEST,
        }),
        Some(found) if found > 0 => Ok(Some(found)),
        _ => Err(not_a_store(
            "its table certlife_schema is that of another program".to_owned(),
        )),
    }
}

/// What is not to be made or upgraded.
fn refuse(found: Option<i64>, place: &str, setup: Setup) -> Result<(), StoreError> {
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

/// That the tables have the columns that are read and written. To prepare a statement takes no rights on them.
async fn check_shape(client: &Client, place: &str) -> Result<(), StoreError> {
    let tables = SHAPE.map(|(table, columns)| format!("(SELECT {columns} FROM {table}) {table}"));
    let sql = format!("SELECT FROM {}", tables.join(", "));
    let prepared = client.prepare(&sql).await;
    prepared.map_err(|error| not_fitting(error, place, not_read))?;
    Ok(())
}

async fn migrate(connections: &Connections, place: &str, setup: Setup) -> Result<(), StoreError> {
    let mut client = connection(connections).await?;
    // A snapshot that is older than the lock would not see what was done under it.
    let committed = IsolationLevel::ReadCommitted;
    let transaction = client.build_transaction().isolation_level(committed);
    let transaction = transaction.start().await.map_err(not_set_up)?;
    // Somebody else's migration may take longer than a row is waited for.
    let lock = format!(
        "SET LOCAL client_min_messages = warning; \
         SELECT set_config('certlife.lock_timeout', current_setting('lock_timeout'), true); \
         SET LOCAL lock_timeout = {}; SELECT pg_advisory_xact_lock({LOCK}); \
         SELECT set_config('lock_timeout', current_setting('certlife.lock_timeout'), true)",
        OTHERS.as_millis()
    );
    transaction.batch_execute(&lock).await.map_err(not_set_up)?;
    // Others may have done it meanwhile, or more than that.
    let found = version(&*transaction, place).await?;
    if found == Some(NEWEST) {
        return Ok(());
    }
    refuse(found, place, setup)?;
    let missing = usize::try_from(found.unwrap_or_default()).unwrap_or_default();
    let missing = MIGRATIONS.iter().skip(missing).copied();
    let remember = match found {
        Some(_) => "UPDATE certlife_schema SET version = $1",
        None => "INSERT INTO certlife_schema VALUES ($1)",
    };
    let first = found
        .is_none()
        .then_some("CREATE TABLE certlife_schema (version bigint NOT NULL)");
    let migrated = async {
        for sql in first.into_iter().chain(missing) {
            transaction.batch_execute(sql).await?;
        }
        transaction.execute(remember, &[&NEWEST]).await
    };
    let migrated = migrated.await;
    migrated.map_err(|error| not_fitting(error, place, not_set_up))?;
    transaction.commit().await.map_err(not_set_up)
}
