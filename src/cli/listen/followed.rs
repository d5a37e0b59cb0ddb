//! The applications that a receiver remembers.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use certificate_lifecycle::webhook::{Arrival, TrackError, TrackedApplication, Tracker, Verified};

/// How many applications are remembered: those whose events came last.
const MOST: usize = 10_000;

/// How many ranges of versions may be missing of one of them.
const MOST_GAPS: usize = 100;

/// A tracker that forgets, so that its memory has a limit.
#[derive(Default)]
pub(super) struct Followed {
    tracker: Tracker,
    /// When an event of each application came last, and the other way round, in no unit but the
    /// order.
    last: HashMap<Uuid, u64>,
    order: BTreeMap<u64, Uuid>,
    events: u64,
}

impl Followed {
    /// Takes in an event, as [`Tracker::take`] does.
    pub(super) fn take(&mut self, event: &Verified<'_>) -> Result<Arrival, TrackError> {
        let news = self.tracker.take(event)?;
        let uuid = event.payload.uuid();
        self.events += 1;
        if let Some(before) = self.last.insert(uuid, self.events) {
            self.order.remove(&before);
        }
        self.order.insert(self.events, uuid);
        if self.last.len() > MOST
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.last.remove(&oldest);
            self.tracker.forget(oldest);
        }
        let known = self.tracker.get(uuid);
        if known.is_some_and(|it| it.missing().nth(MOST_GAPS).is_some()) {
            // It begins anew with this event.
            self.tracker.forget(uuid);
            return self.tracker.take(event);
        }
        Ok(news)
    }

    /// What is known of an application.
    pub(super) fn get(&self, uuid: Uuid) -> Option<&TrackedApplication> {
        self.tracker.get(uuid)
    }
}
