//! Whether what this server commits comes into the feed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Cursor;

/// How long an event that was committed may be missing in the feed.
const HELD_BACK: Duration = Duration::from_secs(60);

/// An event that this server has committed and not yet seen in the feed.
#[derive(Debug, Default)]
pub(super) struct Committed(Mutex<Option<(Cursor, Instant)>>);

impl Committed {
    fn first(&self) -> std::sync::MutexGuard<'_, Option<(Cursor, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event was committed at this place of the feed.
    pub(super) fn note(&self, cursor: Cursor) {
        self.first().get_or_insert_with(|| (cursor, Instant::now()));
    }

    /// Whether the feed, which ends here, has missed an event for too long.
    pub(super) fn is_held_back(&self, end: Cursor) -> bool {
        let mut first = self.first();
        if first.is_some_and(|(cursor, _)| cursor <= end) {
            *first = None;
        }
        first.is_some_and(|(_, since)| since.elapsed() > HELD_BACK)
    }
}
