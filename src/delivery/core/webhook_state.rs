//! What a dispatcher knows of one webhook.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::super::options::DispatcherOptions;
use super::super::transport::SendError;
use super::breaker::{Admission, Breaker};
use super::effect::{Cause, NextAttempt};
use super::input::Sent;
use super::judge::{Consequence, Tried};
use crate::lengths::delta;
use crate::store::{Due, Health, HealthChange, Outcome};

/// How long a webhook is left alone that the store cannot read.
const UNREADABLE: Duration = Duration::from_secs(30);

/// How often the store learns that a webhook is well.
const REPORT_AGAIN: Duration = Duration::from_secs(60);

/// A server that answers within so many milliseconds is quick: a delivery that is claimed ahead for
/// it is sent soon.
const QUICK: u64 = 100;

/// How many deliveries are claimed ahead for each request that is allowed, and for all of them, at
/// most. A claim of many costs less for each of them.
const AHEAD: u32 = 8;
const MOST_AHEAD: u32 = 512;

/// A webhook, as this dispatcher sees it.
#[derive(Debug, Default)]
pub(super) struct WebhookState {
    /// How many requests are under way.
    under_way: u32,
    /// How many may be, since something was last claimed.
    allowed: u32,
    /// Deliveries claimed ahead, each to be sent when a request has ended.
    queue: VecDeque<NextAttempt>,
    /// Whether its server answers so quickly that claiming ahead is worth it.
    is_quick: bool,
    /// How many deliveries it has taken since it failed last.
    in_a_row: u32,
    /// When a request was begun last.
    tried_at: Option<Instant>,
    breaker: Breaker,
    /// As the store had it at the last claim, and as it changed since.
    health: Health,
    /// Whether the store may not know `health` yet.
    has_unsaved_health: bool,
    /// When a delivery was last reported to the store as a change of health.
    reported_at: Option<DateTime<Utc>>,
    /// Until when it is left alone, since the store cannot read it.
    unreadable_until: Option<DateTime<Utc>>,
}

/// Whether something may be claimed for a webhook now.
pub(super) enum Readiness {
    /// As much as there is room for.
    Now,
    /// A few, to see whether it is well again.
    Probes,
    /// As much as the webhooks leave that have not failed of late.
    Suspicious,
    /// Not before this time.
    At(DateTime<Utc>),
}

/// What follows from an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What becomes of the delivery.
    pub(super) outcome: Outcome,
    /// A change of the webhook's health that the store is to know.
    pub(super) health: Option<HealthChange>,
    /// Why the webhook is to be disabled, if it is.
    pub(super) disable: Option<Cause>,
    /// How the circuit has changed, if it has.
    pub(super) circuit: Option<Circuit>,
}

/// A change of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circuit {
    Opened,
    Closed,
}

impl WebhookState {
    /// How much may be claimed for the webhook, given what is due.
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

    /// How much more may be claimed ahead of the requests that are allowed. A failure gives back
    /// what was claimed ahead. So it is more only after more have succeeded in a row.
    pub(super) fn ahead(&self) -> u32 {
        if !self.is_quick || self.breaker.is_suspicious() {
            return 0;
        }
        let most = self.allowed.saturating_mul(AHEAD).min(MOST_AHEAD);
        let ahead = (self.in_a_row / 2).min(most).max(self.allowed);
        ahead.saturating_sub(self.queued())
    }

    pub(super) fn queued(&self) -> u32 {
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX)
    }

    pub(super) const fn under_way(&self) -> u32 {
        self.under_way
    }

    pub(super) const fn tried_at(&self) -> Option<Instant> {
        self.tried_at
    }

    pub(super) const fn is_suspicious(&self) -> bool {
        self.breaker.is_suspicious()
    }

    pub(super) const fn has_room(&self) -> bool {
        self.under_way < self.allowed
    }

    /// Whether there is nothing to be remembered.
    pub(super) fn is_at_rest(&self) -> bool {
        self.under_way == 0
            && self.queue.is_empty()
            && self.breaker.is_at_rest()
            && !self.has_unsaved_health
            && self.unreadable_until.is_none()
            && self.health.not_before.is_none()
    }

    /// The store's view of the webhook: it has something pending.
    pub(super) fn note_due(&mut self, due: &Due, now: DateTime<Utc>) {
        // An unsaved pause counts beside one that other dispatchers have saved.
        self.health.not_before = if self.has_unsaved_health {
            self.health.not_before.max(due.not_before)
        } else {
            due.not_before
        };
        // Also where the clock was set back meanwhile.
        let is_yet = |until: &DateTime<Utc>| now < *until && *until <= now + UNREADABLE;
        self.unreadable_until = self.unreadable_until.filter(is_yet);
    }

    /// The store's view of the webhook's health, at a claim.
    pub(super) const fn note_health(&mut self, health: Health) {
        if !self.has_unsaved_health {
            self.health = health;
        }
    }

    pub(super) const fn set_unsaved_health(&mut self, is_unsaved: bool) {
        self.has_unsaved_health = is_unsaved;
    }

    /// The store cannot read the webhook.
    pub(super) fn note_unreadable(&mut self, now: DateTime<Utc>) {
        self.unreadable_until = Some(now + UNREADABLE);
    }

    /// So many requests may be under way.
    pub(super) const fn allow(&mut self, requests: u32) {
        self.allowed = requests;
    }

    pub(super) fn enqueue(&mut self, attempt: NextAttempt) {
        self.queue.push_back(attempt);
    }

    pub(super) fn dequeue(&mut self) -> Option<NextAttempt> {
        self.queue.pop_front()
    }

    pub(super) fn empty_queue(&mut self) -> VecDeque<NextAttempt> {
        mem::take(&mut self.queue)
    }

    /// A request begins.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.under_way += 1;
        self.tried_at = Some(now);
    }

    /// A request is over.
    pub(super) const fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Decides what follows from an attempt, and remembers what it says of the webhook.
    pub(super) fn judge(&mut self, sent: &Sent, options: &DispatcherOptions) -> Verdict {
        let tried = Tried {
            webhook: sent.webhook.id,
            event_id: sent.event_id,
            attempts: sent.lease.earlier_attempts,
            answer: &sent.answer,
            error: sent.attempt.error.as_deref(),
            now: sent.answered_at,
            health: self.health,
            opened: self.breaker.opened(),
        };
        let judgement = tried.judge(options);
        self.is_quick = sent.attempt.milliseconds < QUICK;
        let disable = match judgement.consequence {
            Consequence::None => None,
            Consequence::Gone => Some(Cause::Gone(sent.webhook.endpoint.url.clone())),
            Consequence::Failing(since) => Some(Cause::Failing(since)),
        };
        Verdict {
            circuit: self.note_answer(sent, judgement.outcome == Outcome::Delivered, options),
            health: self.note_change(judgement.change, sent.answered_at),
            outcome: judgement.outcome,
            disable,
        }
    }

    fn note_answer(
        &mut self,
        sent: &Sent,
        is_delivered: bool,
        options: &DispatcherOptions,
    ) -> Option<Circuit> {
        let was_open = self.breaker.opened() > 0;
        if is_delivered {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.breaker.succeed();
            return was_open.then_some(Circuit::Closed);
        }
        self.in_a_row = 0;
        let is_silence = matches!(sent.answer, Err(SendError::Timeout(_)));
        self.breaker
            .fail(sent.answered_at, options.longest_break(), is_silence);
        (!was_open && self.breaker.opened() > 0).then_some(Circuit::Opened)
    }

    /// The change, if the store is to know of it.
    ///
    /// What other dispatchers have noted meanwhile is not known here. So a delivery is reported now
    /// and then, even where it changes nothing.
    fn note_change(&mut self, change: HealthChange, now: DateTime<Utc>) -> Option<HealthChange> {
        let health = self.health.after(change, now);
        let is_news = self
            .reported_at
            .is_none_or(|at| (now - at).abs() > delta(REPORT_AGAIN));
        if health == self.health && !(change.delivered && is_news) {
            return None;
        }
        self.health = health;
        self.has_unsaved_health = true;
        if change.delivered {
            self.reported_at = Some(now);
        }
        Some(change)
    }
}
