//! What is in progress, and claims on it, in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::store::outbox::is_of_lease;

/// What is in progress, as far as it was found.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// How many events were looked at.
    pub(super) seen: usize,
    /// By application.
    pub(super) rows: HashMap<u32, Row>,
    /// By institution.
    pub(super) queues: BTreeMap<u32, Queue>,
}

/// An application in progress.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) institution: u32,
    /// The place in the log of the event since which it is in progress.
    pub(super) event: u32,
    pub(super) since: DateTime<Utc>,
    /// When it is due again, or its lease ends; none if it was never claimed.
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) token: i64,
    pub(super) attempts: u32,
}

/// What is to be done for an institution.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Never claimed: events and their applications.
    pub(super) new: BTreeSet<(u32, u32)>,
    pub(super) later: BTreeSet<(DateTime<Utc>, u32)>,
}

impl Work {
    pub(super) fn remove(&mut self, application: u32) -> Option<Row> {
        let row = self.rows.remove(&application)?;
        if let Some(queue) = self.queues.get_mut(&row.institution) {
            match row.at {
                None => queue.new.remove(&(row.event, application)),
                Some(at) => queue.later.remove(&(at, application)),
            };
            if queue.new.is_empty() && queue.later.is_empty() {
                self.queues.remove(&row.institution);
            }
        }
        Some(row)
    }

    pub(super) fn insert(&mut self, application: u32, row: Row) {
        let queue = self.queues.entry(row.institution).or_default();
        match row.at {
            None => queue.new.insert((row.event, application)),
            Some(at) => queue.later.insert((at, application)),
        };
        self.rows.insert(application, row);
    }

    /// The row, if the lease is held.
    pub(super) fn held(&self, application: u32, token: i64) -> Option<&Row> {
        let row = self.rows.get(&application)?;
        (is_of_lease(token) && row.token == token).then_some(row)
    }

    /// The next that may be claimed: new, or due again.
    pub(super) fn next(&self, institution: u32, is_new: bool, now: DateTime<Utc>) -> Option<u32> {
        let queue = self.queues.get(&institution)?;
        if is_new {
            return queue.new.first().map(|(_, application)| *application);
        }
        let (at, application) = queue.later.first()?;
        (*at <= now).then_some(*application)
    }
}
