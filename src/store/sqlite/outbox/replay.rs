//! What a webhook never got: found by a reader, and made by the writer.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::store::outbox::{Replay, Replayed, State};
use crate::store::sqlite::failure::unavailable;
use crate::store::sqlite::read::ask;
use crate::store::sqlite::row::cursor;
use crate::store::{InstitutionId, Result};

/// An event of which the webhook has no delivery.
pub(super) struct Missing {
    application: i64,
    event: i64,
    /// Seconds since 1970.
    at: i64,
}

/// What a step has looked at.
pub(super) struct Found {
    pub(super) events: Vec<Missing>,
    looked_at: usize,
    last: Option<i64>,
}

impl Found {
    /// The same for callers, with how many deliveries were made, if they were.
    pub(super) fn replayed(&self, replay: &Replay, made: Option<usize>) -> Replayed {
        let deliveries = made.unwrap_or(self.events.len()) as u64;
        let last = self.last.map(cursor);
        Replayed::of(deliveries, self.looked_at as u64, replay.size(), last)
    }
}

/// The numbers of a webhook and of its institution.
fn webhook_of(
    connection: &Connection,
    institution: &InstitutionId,
    id: Uuid,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let webhook = connection
        .prepare_cached(
            "SELECT w.no, w.institution FROM certlife_webhook w \
             JOIN certlife_institution i ON i.no = w.institution WHERE w.id = ?1 AND i.id = ?2",
        )?
        .query_row(
            params![id.as_bytes().as_slice(), institution.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
    webhook.optional()
}

/// Of the events that a step looks at, those that the webhook never got; none if there is no such
/// webhook.
pub(super) fn find(
    connection: &Connection,
    institution: &InstitutionId,
    replay: &Replay,
) -> Result<Option<Found>> {
    let webhook = webhook_of(connection, institution, replay.webhook);
    let Some((webhook, institution)) = webhook.map_err(unavailable)? else {
        return Ok(None);
    };
    // Beyond what SQLite can hold, nothing lies.
    let after = i64::try_from(replay.after.transaction()).unwrap_or(i64::MAX);
    let (from, before) = replay.seconds();
    let (kinds, limit) = (replay.kinds.bits(), replay.size());
    let mut found = Found {
        events: Vec::new(),
        looked_at: 0,
        last: None,
    };
    ask(
        connection,
        "SELECT e.seq, e.application, e.at, \
             ?3 >> e.kind & 1 = 1 AND e.at >= ?4 AND e.at < ?5 AND EXISTS ( \
                 SELECT 1 FROM certlife_head h \
                 WHERE h.application = e.application AND h.institution = ?2 \
             ) AND NOT EXISTS ( \
                 SELECT 1 FROM certlife_delivery d INDEXED BY certlife_delivery_lane \
                 WHERE d.application = e.application AND d.webhook = ?1 AND d.event = e.seq \
             ) \
         FROM certlife_event e WHERE e.seq > ?6 ORDER BY e.seq LIMIT ?7",
        &[
            &webhook,
            &institution,
            &kinds,
            &from,
            &before,
            &after,
            &limit,
        ],
        |row| {
            let event = row.get(0).map_err(unavailable)?;
            found.looked_at += 1;
            found.last = Some(event);
            if row.get(3).map_err(unavailable)? {
                found.events.push(Missing {
                    application: row.get(1).map_err(unavailable)?,
                    event,
                    at: row.get(2).map_err(unavailable)?,
                });
            }
            Ok(())
        },
    )?;
    Ok(Some(found))
}

/// Makes deliveries of these events, but for those that were made meanwhile; how many there were,
/// and none if the webhook was removed.
pub(super) fn make(
    connection: &Connection,
    institution: &InstitutionId,
    webhook: Uuid,
    now: DateTime<Utc>,
    events: &[Missing],
) -> rusqlite::Result<Option<usize>> {
    let Some((webhook, _)) = webhook_of(connection, institution, webhook)? else {
        return Ok(None);
    };
    // None goes before the leases have ended on what comes after it.
    let mut add = connection.prepare_cached(
        "INSERT OR IGNORE INTO certlife_delivery \
             (webhook, application, event, state, attempts, at, created_at, token) \
         VALUES (?1, ?2, ?3, ?4, 0, max(?5, coalesce(( \
             SELECT max(at) FROM certlife_delivery INDEXED BY certlife_delivery_lane \
             WHERE application = ?2 AND webhook = ?1 AND event > ?3 \
                 AND state < 2 AND token & 1 = 1), ?5)), ?6, 0)",
    )?;
    let mut made = 0;
    for it in events {
        made += add.execute(params![
            webhook,
            it.application,
            it.event,
            State::Later.code(),
            now.timestamp_millis(),
            it.at.saturating_mul(1000),
        ])?;
    }
    Ok(Some(made))
}
