//! What is forgotten, a little at a time.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::state;

/// How many deliveries of a removed webhook go in one transaction.
pub(super) const STEP: u32 = 500;

/// Deletes some of what belongs to a webhook that was removed; whether there may be more.
pub(super) fn removed(connection: &Connection) -> rusqlite::Result<bool> {
    let webhook: Option<i64> = connection
        .prepare_cached("SELECT no FROM webhook WHERE id IS NULL LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(webhook) = webhook else {
        return Ok(false);
    };
    let deliveries: Vec<i64> = connection
        .prepare_cached("SELECT no FROM delivery WHERE webhook = ?1 LIMIT ?2")?
        .query_map(params![webhook, STEP], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    delete(connection, &deliveries)?;
    if deliveries.len() < STEP as usize {
        connection
            .prepare_cached("DELETE FROM webhook WHERE no = ?1")?
            .execute([webhook])?;
    }
    Ok(true)
}

/// Deletes attempts that were made before this time, and deliveries that were delivered before it; how many.
pub(super) fn old(
    connection: &Connection,
    before: DateTime<Utc>,
    limit: u32,
) -> rusqlite::Result<u64> {
    let before = before.timestamp_millis();
    let attempts = connection
        .prepare_cached(
            "DELETE FROM attempt WHERE no IN \
             (SELECT no FROM attempt WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![before, limit])?;
    let webhooks: Vec<i64> = connection
        .prepare_cached("SELECT no FROM webhook WHERE id IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut old = connection.prepare_cached(
        "SELECT no FROM delivery WHERE webhook = ?1 AND state = ?2 AND at < ?3 ORDER BY at LIMIT ?4",
    )?;
    let mut deliveries: Vec<i64> = Vec::new();
    for webhook in webhooks {
        let found = u32::try_from(deliveries.len()).unwrap_or(u32::MAX);
        let room = limit.saturating_sub(found);
        let found = old.query_map(params![webhook, state::DELIVERED, before, room], |row| {
            row.get(0)
        })?;
        for delivery in found {
            deliveries.push(delivery?);
        }
    }
    delete(connection, &deliveries)?;
    let count = attempts.saturating_add(deliveries.len());
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Deletes deliveries with their attempts.
fn delete(connection: &Connection, deliveries: &[i64]) -> rusqlite::Result<()> {
    let mut attempts = connection.prepare_cached("DELETE FROM attempt WHERE delivery = ?1")?;
    let mut delivery = connection.prepare_cached("DELETE FROM delivery WHERE no = ?1")?;
    for number in deliveries {
        attempts.execute([number])?;
        delivery.execute([number])?;
    }
    Ok(())
}
