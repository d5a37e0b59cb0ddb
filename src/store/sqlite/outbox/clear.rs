//! What is forgotten, a little at a time.
//! States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::outbox::State;

/// How many deliveries of a removed webhook go in one transaction.
pub(super) const STEP: u32 = 500;

/// Deletes some of what belongs to a webhook that was removed; whether there may be more.
pub(super) fn removed(connection: &Connection) -> rusqlite::Result<bool> {
    let webhook: Option<i64> = connection
        .prepare_cached("SELECT no FROM certlife_webhook WHERE id IS NULL LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(webhook) = webhook else {
        return Ok(false);
    };
    // Each index leads to some of them.
    let sql = "SELECT no FROM certlife_delivery WHERE webhook = ?1 AND state = 0 \
               UNION ALL SELECT no FROM certlife_delivery WHERE webhook = ?1 AND state = 1 \
               UNION ALL SELECT no FROM certlife_delivery WHERE webhook = ?1 AND state = 2 \
               UNION ALL SELECT no FROM certlife_delivery WHERE webhook = ?1 AND state NOT BETWEEN 0 AND 2 \
               LIMIT ?2";
    let deliveries: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map(params![webhook, STEP], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    delete(connection, &deliveries)?;
    if deliveries.len() < STEP as usize {
        connection
            .prepare_cached("DELETE FROM certlife_webhook WHERE no = ?1")?
            .execute([webhook])?;
    }
    Ok(true)
}

/// Deletes attempts that were made before this time, and those of the deliveries that were
/// delivered before it; how many of both. The deliveries, and those with such an attempt in their
/// row, were found by a reader: none can write while the writer looks for them.
pub(super) fn old(
    connection: &Connection,
    before: i64,
    limit: u32,
    found: &[i64],
) -> rusqlite::Result<u64> {
    let mut attempts = connection
        .prepare_cached(
            "DELETE FROM certlife_attempt WHERE no IN \
             (SELECT no FROM certlife_attempt WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![before, limit])?;
    // One may have been redelivered since.
    let sql = "SELECT at, sent_at < ?3 FROM certlife_delivery WHERE no = ?1 AND +state = ?2";
    let mut delivered = connection.prepare_cached(sql)?;
    let mut forget = connection.prepare_cached(
        "UPDATE certlife_delivery SET sent_at = NULL, milliseconds = NULL, status = NULL WHERE no = ?1",
    )?;
    let mut deliveries = Vec::with_capacity(found.len());
    for number in found {
        let row = delivered.query_row(params![number, State::Delivered.code(), before], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<bool>>(1)?))
        });
        let Some((at, is_attempt_old)) = row.optional()? else {
            continue;
        };
        let is_attempt_old = is_attempt_old == Some(true);
        attempts += usize::from(is_attempt_old);
        if at < before {
            deliveries.push(*number);
        } else if is_attempt_old {
            forget.execute([number])?;
        }
    }
    delete(connection, &deliveries)?;
    let attempts = attempts.min(usize::try_from(limit).unwrap_or(usize::MAX));
    let count = attempts.saturating_add(deliveries.len());
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Deletes deliveries with their attempts.
fn delete(connection: &Connection, deliveries: &[i64]) -> rusqlite::Result<()> {
    let mut attempts =
        connection.prepare_cached("DELETE FROM certlife_attempt WHERE delivery = ?1")?;
    let mut delivery = connection.prepare_cached("DELETE FROM certlife_delivery WHERE no = ?1")?;
    for number in deliveries {
        attempts.execute([number])?;
        delivery.execute([number])?;
    }
    Ok(())
}
