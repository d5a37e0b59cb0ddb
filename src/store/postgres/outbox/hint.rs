//! Where the queues of busy webhooks begin.
//!
//! What was claimed and settled leaves dead entries at the front of the queues' indexes until they
//! are vacuumed, a minute's worth of them, and a search for the first that is left walks past
//! them all. So it is remembered for a moment how far the claims for a busy webhook have come. What
//! appears before that, because its transaction has taken long or another machine's clock is
//! behind, is seen by the next look at all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How often all is looked at.
const LOOK_AT_ALL: Duration = Duration::from_millis(100);

/// After so long without a claim, a webhook is no longer busy.
const FORGET: Duration = Duration::from_secs(10);

/// So many new deliveries, claimed here, make a webhook a busy one.
const BUSY: usize = 4096;

/// How many numbers a transaction may take to commit.
const SLACK: i64 = 8192;

/// How many milliseconds what becomes due may lie back.
const SLACK_OF_TIME: i64 = 1000;

/// The first number of what is new, and the first time of what is due again, that need be looked
/// at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DueHint {
    pub(super) number: i64,
    pub(super) at: i64,
}

impl DueHint {
    /// Before all.
    const ALL: Self = Self {
        number: i64::MIN,
        at: i64::MIN,
    };
}

#[derive(Debug)]
struct Known {
    hint: DueHint,
    /// When all was looked at.
    looked: Instant,
    /// How many new ones were claimed since it became known.
    claimed: usize,
}

/// What a look has found.
pub(super) struct Found {
    /// From where it looked.
    pub(super) from: DueHint,
    /// The last new one that it took, and how many.
    pub(super) last_new: Option<i64>,
    pub(super) new: usize,
    /// Whether it took all that is due again at this time, in milliseconds.
    pub(super) none_left_at: Option<i64>,
}

/// The hints of the busy webhooks.
#[derive(Debug, Default)]
pub(in crate::store::postgres) struct DueHints {
    known: Mutex<HashMap<Uuid, Known>>,
}

impl DueHints {
    fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From where to look for what is to be sent to a webhook.
    pub(super) fn of(&self, webhook: Uuid, now: Instant) -> DueHint {
        let known = self.known();
        let known = known.get(&webhook).filter(|it| {
            it.claimed >= BUSY && now.saturating_duration_since(it.looked) < LOOK_AT_ALL
        });
        known.map_or(DueHint::ALL, |it| it.hint)
    }

    /// Notes what was found, of a look that began at `now`.
    pub(super) fn found(&self, webhook: Uuid, now: Instant, found: &Found) {
        let mut all = self.known();
        let is_of_all = found.from == DueHint::ALL;
        if is_of_all {
            all.retain(|_, it| now.saturating_duration_since(it.looked) < FORGET);
        }
        let known = all.entry(webhook).or_insert(Known {
            hint: DueHint::ALL,
            looked: now,
            claimed: 0,
        });
        if is_of_all {
            known.hint = DueHint::ALL;
            known.looked = now;
        }
        known.claimed = known.claimed.saturating_add(found.new);
        if let Some(last) = found.last_new {
            known.hint.number = known.hint.number.max(last.saturating_sub(SLACK));
        }
        if let Some(at) = found.none_left_at {
            known.hint.at = known.hint.at.max(at.saturating_sub(SLACK_OF_TIME));
        }
    }

    /// Something has become due at this time, in milliseconds.
    pub(super) fn due_at(&self, at: i64) {
        for known in self.known().values_mut() {
            known.hint.at = known.hint.at.min(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBHOOK: Uuid = Uuid::nil();

    fn found(from: DueHint, last_new: i64, new: usize) -> Found {
        Found {
            from,
            last_new: Some(last_new),
            new,
            none_left_at: Some(50_000),
        }
    }

    #[test]
    fn a_webhook_that_is_not_busy_has_no_front() {
        let (hints, now) = (DueHints::default(), Instant::now());
        hints.found(WEBHOOK, now, &found(DueHint::ALL, 100_000, BUSY - 1));
        assert_eq!(hints.of(WEBHOOK, now), DueHint::ALL);
        hints.found(WEBHOOK, now, &found(DueHint::ALL, 100_001, 1));
        let hint = DueHint {
            number: 100_001 - SLACK,
            at: 50_000 - SLACK_OF_TIME,
        };
        assert_eq!(hints.of(WEBHOOK, now), hint);
        assert_eq!(hints.of(Uuid::max(), now), DueHint::ALL);
    }

    #[test]
    fn all_is_looked_at_again_and_again() {
        let (hints, start) = (DueHints::default(), Instant::now());
        hints.found(WEBHOOK, start, &found(DueHint::ALL, 100_000, BUSY));
        let later = start + LOOK_AT_ALL / 2;
        let hint = hints.of(WEBHOOK, later);
        assert_ne!(hint, DueHint::ALL);
        hints.found(WEBHOOK, later, &found(hint, 100_064, 64));
        assert_eq!(hints.of(WEBHOOK, later).number, 100_064 - SLACK);
        assert_eq!(hints.of(WEBHOOK, start + LOOK_AT_ALL), DueHint::ALL);
        // What that finds at the front is looked at from then on.
        let again = start + LOOK_AT_ALL;
        let none_left_at = None;
        let first = Found {
            none_left_at,
            ..found(DueHint::ALL, 20_000, 64)
        };
        hints.found(WEBHOOK, again, &first);
        let hint = DueHint {
            number: 20_000 - SLACK,
            at: i64::MIN,
        };
        assert_eq!(hints.of(WEBHOOK, again), hint);
    }

    #[test]
    fn what_becomes_due_is_not_passed_by() {
        let (hints, now) = (DueHints::default(), Instant::now());
        hints.found(WEBHOOK, now, &found(DueHint::ALL, 100_000, BUSY));
        hints.due_at(70_000);
        assert_eq!(hints.of(WEBHOOK, now).at, 49_000);
        hints.due_at(3000);
        assert_eq!(hints.of(WEBHOOK, now).at, 3000);
    }

    #[test]
    fn a_webhook_that_is_left_alone_is_forgotten() {
        let (hints, now) = (DueHints::default(), Instant::now());
        hints.found(WEBHOOK, now, &found(DueHint::ALL, 100_000, BUSY));
        hints.found(Uuid::max(), now + FORGET, &found(DueHint::ALL, 100_000, 1));
        assert_eq!(hints.known().len(), 1);
    }
}
