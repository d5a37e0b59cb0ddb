//! What is known of applications from events that come twice, late, or out of order.

use std::collections::HashMap;

use uuid::Uuid;

use super::verify::Verified;
use crate::event::payload::EventPayload;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::state::Status;

/// How many transitions of one application are looked through for an event's version.
const MOST_VERSIONS: u64 = 100_000;

/// Follows applications by their verified events.
///
/// An event's id tells its version (both are made from the application), so neither duplicates nor
/// late arrivals confuse it: the state is that of the newest version seen.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    applications: HashMap<Uuid, TrackedApplication>,
}

/// What is known of one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedApplication {
    newest: EventPayload<'static>,
    version: u64,
    /// The versions seen, as ranges in order: first and last of each.
    seen: Vec<(u64, u64)>,
}

/// What an event was to a [`Tracker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is the newest of its application so far.
    Newest,
    /// It was not seen before, but a newer one was: the state stays.
    Late,
    /// It was seen before: nothing changed.
    Duplicate,
}

/// Why an event cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrackError {
    /// The delivery had no Standard Webhooks headers, so nothing tells duplicates apart.
    #[error("the delivery has no event id, so a duplicate cannot be recognized")]
    NoEventId,
    /// The id is not made from the application's.
    #[error("event id {event_id} is not one of application {uuid}")]
    ForeignId {
        /// The event's id.
        event_id: Uuid,
        /// The application that its body names.
        uuid: Uuid,
    },
}

impl Tracker {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in an event.
    ///
    /// # Errors
    /// [`TrackError`]; what is known stays as it is.
    pub fn take(&mut self, event: &Verified<'_>) -> Result<Arrival, TrackError> {
        let event_id = event.event_id.ok_or(TrackError::NoEventId)?;
        let uuid = event.payload.uuid();
        let version = version_of(uuid, event_id).ok_or(TrackError::ForeignId { event_id, uuid })?;
        let Some(known) = self.applications.get_mut(&uuid) else {
            let tracked = TrackedApplication {
                newest: event.payload.clone().into_owned(),
                version,
                seen: vec![(version, version)],
            };
            self.applications.insert(uuid, tracked);
            return Ok(Arrival::Newest);
        };
        if !known.see(version) {
            return Ok(Arrival::Duplicate);
        }
        if version < known.version {
            return Ok(Arrival::Late);
        }
        known.version = version;
        known.newest = event.payload.clone().into_owned();
        Ok(Arrival::Newest)
    }

    /// What is known of an application.
    #[must_use]
    pub fn get(&self, uuid: Uuid) -> Option<&TrackedApplication> {
        self.applications.get(&uuid)
    }

    /// All applications that are known, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &TrackedApplication> {
        self.applications.values()
    }

    /// Forgets an application, such as one whose state is final.
    pub fn forget(&mut self, uuid: Uuid) -> Option<TrackedApplication> {
        self.applications.remove(&uuid)
    }
}

impl TrackedApplication {
    /// The state that the newest event left.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.newest.kind().status()
    }

    /// The newest event.
    #[must_use]
    pub const fn newest(&self) -> &EventPayload<'static> {
        &self.newest
    }

    /// The kind of the newest event.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.newest.kind()
    }

    /// The version that the newest event left.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The versions before the newest whose events have not come, as ranges: first and last of
    /// each.
    pub fn missing(&self) -> impl Iterator<Item = (u64, u64)> {
        let before = std::iter::once(0).chain(self.seen.iter().map(|(_, last)| *last));
        let gaps = before.zip(self.seen.iter().map(|(first, _)| *first));
        gaps.filter(|(last, first)| last + 1 < *first)
            .map(|(last, first)| (last + 1, first - 1))
    }

    /// Marks the version as seen; whether it was not.
    fn see(&mut self, version: u64) -> bool {
        let at = self.seen.partition_point(|(_, last)| *last < version);
        if self
            .seen
            .get(at)
            .is_some_and(|(first, _)| *first <= version)
        {
            return false;
        }
        self.seen.insert(at, (version, version));
        // At most the ranges beside it are joined.
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.seen.len());
        for (first, last) in self.seen.drain(..) {
            match joined.last_mut() {
                Some((_, end)) if *end + 1 == first => *end = last,
                _ => joined.push((first, last)),
            }
        }
        self.seen = joined;
        true
    }
}

/// The version whose event has this id.
fn version_of(uuid: Uuid, event_id: Uuid) -> Option<u64> {
    (1..=MOST_VERSIONS).find(|version| crate::lifecycle::event::id_of(uuid, *version) == event_id)
}
