//! What a dispatcher knows of one webhook.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::breaker::{Admission, Breaker};
use super::send::Leased;
use crate::lifecycle::event::Event;
use crate::store::{Due, Health, Webhook};

/// A webhook, as this dispatcher sees it.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How many requests are under way.
    pub(super) under_way: u32,
    /// How many may be, since something was last claimed.
    pub(super) allowed: u32,
    /// What was claimed ahead, to be sent when a request has ended.
    pub(super) waiting: VecDeque<Waiting>,
    /// Whether its server answers so quickly that it is worth it to claim ahead.
    pub(super) is_quick: bool,
    /// When a request was begun last.
    pub(super) tried_at: Option<Instant>,
    pub(super) breaker: Breaker,
    /// As the store had it at the last claim, and as it changed since.
    pub(super) health: Health,
    /// Whether the store is yet to be told of it.
    pub(super) has_unsaved_health: bool,
    /// When the store was last told that something was delivered.
    pub(super) told_at: Option<DateTime<Utc>>,
    /// Until when it is left alone, since the store cannot read it.
    pub(super) unreadable_until: Option<DateTime<Utc>>,
}

/// A delivery that was claimed ahead.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) webhook: Arc<Webhook>,
    pub(super) event: Event,
    pub(super) leased: Leased,
    /// When the claim was made.
    pub(super) since: DateTime<Utc>,
}

/// Whether something may be claimed for a webhook now.
pub(super) enum Readiness {
    /// Whatever there is room for.
    Now,
    /// A few, to see whether it is well again.
    Probes,
    /// Whatever those leave who have not failed of late.
    Suspicious,
    /// Not before this time.
    At(DateTime<Utc>),
}

impl Line {
    /// What may be claimed for the webhook, given what is due.
    pub(super) fn readiness(&self, due: &Due, now: DateTime<Utc>) -> Readiness {
        let is_due = due.has_new || due.at.is_some_and(|at| at <= now);
        if !is_due {
            // What is not due at once has a time.
            return Readiness::At(due.at.unwrap_or(now));
        }
        let asked = self.health.not_before;
        if let Some(until) = asked.max(self.unreadable_until)
            && now < until
        {
            return Readiness::At(until);
        }
        match self.breaker.admits(now) {
            Admission::All if asked.is_none() && !self.breaker.is_suspicious() => Readiness::Now,
            // Once it has asked to be left alone, it is tried with a few.
            Admission::All if asked.is_none() => Readiness::Suspicious,
            Admission::All | Admission::Probes => Readiness::Probes,
            Admission::Nothing(until) => Readiness::At(until),
        }
    }

    /// How much more may be claimed ahead of so many requests.
    pub(super) fn ahead(&self, requests: u32) -> u32 {
        if !self.is_quick || self.breaker.is_suspicious() {
            return 0;
        }
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        requests.saturating_sub(waiting)
    }

    /// Whether there is nothing to be remembered.
    pub(super) fn is_at_rest(&self) -> bool {
        self.under_way == 0
            && self.waiting.is_empty()
            && self.breaker.is_at_rest()
            && !self.has_unsaved_health
            && self.unreadable_until.is_none()
            && self.health.not_before.is_none()
    }
}
