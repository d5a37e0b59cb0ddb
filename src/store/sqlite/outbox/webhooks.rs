//! Webhooks as rows.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use uuid::Uuid;

use crate::store::outbox::{Health, HealthChange, Put, Webhook};
use crate::store::sqlite::read::ask;
use crate::store::sqlite::write::Write;
use crate::store::stored::{self, Columns};
use crate::store::{InstitutionId, Result, StoreError};

/// Webhooks with their institutions; to be followed by a condition. One that was removed has no id.
macro_rules! webhooks {
    ($condition:literal) => {
        concat!(
            "SELECT w.id, i.id, w.settings, w.kinds, w.enabled, w.created_at, w.revision, \
             w.failing_since, w.not_before, w.no FROM certlife_webhook w \
             LEFT JOIN certlife_institution i ON i.no = w.institution WHERE w.id IS NOT NULL ",
            $condition
        )
    };
}

/// One of the institution.
pub(super) fn by_id(
    connection: &Connection,
    institution: &InstitutionId,
    id: Uuid,
) -> Result<Option<Webhook>> {
    let sql = webhooks!("AND w.id = ?1 AND i.id = ?2");
    let parameters: [&dyn ToSql; 2] = [&id.as_bytes().as_slice(), &institution.as_str()];
    Ok(ask(connection, sql, &parameters, webhook)?.pop())
}

/// The number of the row, and what stands there.
pub(super) fn with_number(
    connection: &Connection,
    id: Uuid,
) -> rusqlite::Result<Option<(i64, Result<Webhook>)>> {
    connection
        .prepare_cached(webhooks!("AND w.id = ?1"))?
        .query_row([id.as_bytes().as_slice()], |row| {
            Ok((row.get(9)?, webhook(row)))
        })
        .optional()
}

pub(super) fn list(
    connection: &Connection,
    institution: Option<&InstitutionId>,
) -> Result<Vec<Webhook>> {
    let sql = match institution {
        Some(_) => {
            webhooks!(
                "AND w.institution = (SELECT no FROM certlife_institution WHERE id = ?1) ORDER BY w.no"
            )
        }
        None => webhooks!("AND ?1 IS NULL ORDER BY w.no"),
    };
    let institution = institution.map(InstitutionId::as_str);
    ask(connection, sql, &[&institution], webhook)
}

/// Reads a row with its checks; what is wrong is reported with the row's key.
fn webhook(row: &Row<'_>) -> Result<Webhook> {
    stored::webhook(row).map_err(|problem| {
        let key = match (row.uuid(0, ""), row.integer(9, "")) {
            (Ok(id), _) => format!("webhook {id}"),
            (_, Ok(number)) => format!("webhook row {number}"),
            _ => "a row of table certlife_webhook".to_owned(),
        };
        StoreError::corrupt(key, problem)
    })
}

pub(super) fn add(write: &mut Write<'_>, webhook: &Webhook) -> rusqlite::Result<bool> {
    let institution = write.institution_or_new(&webhook.institution)?;
    let health = webhook.health;
    let added = write
        .connection()
        .prepare_cached(
            "INSERT INTO certlife_webhook (id, institution, kinds, enabled, settings, created_at, revision, \
             failing_since, not_before) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            webhook.id.as_bytes().as_slice(),
            institution,
            webhook.endpoint.kinds.bits(),
            webhook.endpoint.is_enabled(),
            webhook.endpoint.to_stored(),
            webhook.created_at.timestamp_millis(),
            webhook.revision.cast_signed(),
            health.failing_since.map(|it| it.timestamp_millis()),
            health.not_before.map(|it| it.timestamp_millis()),
        ])?;
    write.forget_subscribers();
    Ok(added == 1)
}

pub(super) fn put(write: &mut Write<'_>, webhook: &Webhook) -> rusqlite::Result<Put> {
    let connection = write.connection();
    let revision: Option<i64> = connection
        .prepare_cached(
            "SELECT w.revision FROM certlife_webhook w JOIN certlife_institution i ON i.no = w.institution \
             WHERE w.id = ?1 AND i.id = ?2",
        )?
        .query_row(
            params![
                webhook.id.as_bytes().as_slice(),
                webhook.institution.as_str()
            ],
            |row| row.get(0),
        )
        .optional()?;
    match revision {
        None => return Ok(Put::Unknown),
        Some(it) if it != webhook.revision.cast_signed() => return Ok(Put::Conflict),
        Some(_) => {}
    }
    let put = write
        .connection()
        .prepare_cached(
            "UPDATE certlife_webhook SET kinds = ?3, enabled = ?4, settings = ?5, revision = revision + 1, \
             failing_since = iif(enabled < ?4, NULL, failing_since), \
             not_before = iif(enabled < ?4, NULL, not_before) WHERE id = ?1 AND revision = ?2",
        )?
        .execute(params![
            webhook.id.as_bytes().as_slice(),
            webhook.revision.cast_signed(),
            webhook.endpoint.kinds.bits(),
            webhook.endpoint.is_enabled(),
            webhook.endpoint.to_stored(),
        ])?;
    write.forget_subscribers();
    Ok(if put == 1 { Put::Done } else { Put::Conflict })
}

/// From now on there is no such webhook. What belongs to it is cleared away afterwards.
pub(super) fn remove(
    write: &mut Write<'_>,
    institution: &InstitutionId,
    id: Uuid,
) -> rusqlite::Result<bool> {
    let removed = write
        .connection()
        .prepare_cached(
            "UPDATE certlife_webhook SET id = NULL, enabled = 0 WHERE id = ?1 \
             AND institution = (SELECT no FROM certlife_institution WHERE id = ?2)",
        )?
        .execute(params![id.as_bytes().as_slice(), institution.as_str()])?;
    write.forget_subscribers();
    Ok(removed == 1)
}

/// What changes nothing is not written.
pub(super) fn set_health(
    connection: &Connection,
    now: DateTime<Utc>,
    health: &[(Uuid, HealthChange)],
) -> rusqlite::Result<()> {
    let mut known = connection
        .prepare_cached("SELECT failing_since, not_before FROM certlife_webhook WHERE id = ?1")?;
    let mut put = connection.prepare_cached(
        "UPDATE certlife_webhook SET failing_since = ?2, not_before = ?3 WHERE id = ?1",
    )?;
    for (id, change) in health {
        let id = id.as_bytes().as_slice();
        let before = known.query_row([id], |row| Ok([row.get(0)?, row.get(1)?]));
        let Some(before) = before.optional()? else {
            continue;
        };
        let [failing_since, not_before] = before.map(|it: Option<i64>| {
            // A time that does not exist counts as none.
            it.and_then(DateTime::from_timestamp_millis)
        });
        let before = Health {
            failing_since,
            not_before,
        };
        let after = before.after(*change, now);
        let [failing_since, not_before] =
            [after.failing_since, after.not_before].map(|it| it.map(|it| it.timestamp_millis()));
        if after != before {
            put.execute(params![id, failing_since, not_before])?;
        }
    }
    Ok(())
}
