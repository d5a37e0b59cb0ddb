//! What a dispatcher knows of one webhook.

use chrono::{DateTime, Utc};

use super::breaker::{Admission, Breaker};
use crate::store::{Due, Health};

/// A webhook, as this dispatcher sees it.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How many requests are under way.
    pub(super) under_way: u32,
    pub(super) breaker: Breaker,
    /// As the store had it at the last claim, and as it changed since.
    pub(super) health: Health,
    /// Whether the store is yet to be told of it.
    pub(super) has_unsaved_health: bool,
}

/// Whether something may be claimed for a webhook now.
pub(super) enum Readiness {
    /// So much, at most.
    Now(u32),
    /// Not before this time.
    At(DateTime<Utc>),
}

impl Line {
    /// What may be claimed for the webhook, given what is due and how many probes a failing one gets.
    pub(super) fn readiness(&self, due: &Due, now: DateTime<Utc>, probes: u32) -> Readiness {
        let is_due = due.has_new || due.at.is_some_and(|at| at <= now);
        if !is_due {
            // What is not due at once has a time.
            return Readiness::At(due.at.unwrap_or(now));
        }
        if let Some(not_before) = due.not_before
            && now < not_before
        {
            return Readiness::At(not_before);
        }
        match self.breaker.admits(now) {
            Admission::All if due.not_before.is_none() => Readiness::Now(u32::MAX),
            // Once it has asked to be left alone, it is tried with a few.
            Admission::All | Admission::Probes => {
                Readiness::Now(probes.saturating_sub(self.under_way))
            }
            Admission::Nothing(until) => Readiness::At(until),
        }
    }

    /// Whether there is nothing to be remembered.
    pub(super) const fn is_at_rest(&self) -> bool {
        self.under_way == 0 && self.breaker.is_at_rest() && !self.has_unsaved_health
    }
}
