//! Who wants the events: the writer's view of the webhooks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, params};

use crate::lifecycle::event::EventKind;
use crate::webhook::EventKinds;

/// An enabled webhook.
#[derive(Debug, Clone, Copy)]
struct Subscriber {
    /// The number of its row.
    webhook: i64,
    /// The bits of [`EventKinds`].
    kinds: i64,
}

/// The enabled webhooks of the institutions that were written to, so that who has none pays for
/// none.
///
/// It holds only while no other writer does: see [`Write::begin`](super::write::Write::begin).
pub(super) struct Subscribers<'c> {
    enabled: CachedStatement<'c>,
    add_delivery: CachedStatement<'c>,
    by_institution: HashMap<i64, Vec<Subscriber>>,
}

impl<'c> Subscribers<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            enabled: connection.prepare_cached(
                "SELECT no, kinds FROM certlife_webhook WHERE institution = ?1 AND enabled = 1 ORDER BY no",
            )?,
            add_delivery: connection.prepare_cached(
                "INSERT INTO certlife_delivery (webhook, application, event, state, attempts, at, \
                 created_at, token) VALUES (?1, ?2, ?3, 0, 0, 0, ?4, 0)",
            )?,
            by_institution: HashMap::new(),
        })
    }

    /// Webhooks were changed, or what was known of them may have been rolled back.
    pub(super) fn forget(&mut self) {
        self.by_institution.clear();
    }

    /// One delivery for each webhook of the institution that wants the event.
    pub(super) fn deliver(
        &mut self,
        institution: i64,
        application: i64,
        event: i64,
        kind: EventKind,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        let known = match self.by_institution.entry(institution) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(read(&mut self.enabled, institution)?),
        };
        let wanted = EventKinds::from_iter([kind]).bits();
        for subscriber in known.iter().filter(|it| it.kinds & i64::from(wanted) != 0) {
            self.add_delivery.execute(params![
                subscriber.webhook,
                application,
                event,
                now.timestamp_millis(),
            ])?;
        }
        Ok(())
    }
}

fn read(enabled: &mut CachedStatement<'_>, institution: i64) -> rusqlite::Result<Vec<Subscriber>> {
    let subscribers = enabled.query_map([institution], |row| {
        Ok(Subscriber {
            webhook: row.get(0)?,
            kinds: row.get(1)?,
        })
    })?;
    subscribers.collect()
}
