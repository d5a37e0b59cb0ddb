//! What a dispatcher decides, apart from futures, clocks and stores.
//!
//! A driver gives the [`Core`] an [`Input`] for all that happens, carries out each [`Effect`] that
//! it asks for, and wakes it at its [`next_timeout`](Core::next_timeout). The time is an argument.
//!
//! | part | decides |
//! |---|---|
//! | [`Webhooks`] | which webhook may be sent how much |
//! | [`Pacing`] | when the store is asked, and when something is claimed |
//! | [`Outcomes`] | what is to be recorded, and when |
//! | [`Housekeeping`] | when rows are counted and pruned |
//!
//! Only the methods of a part write its fields.

mod breaker;
mod claiming;
mod effect;
mod housekeeping;
mod input;
mod judge;
mod outcomes;
mod pacing;
mod settling;
mod summary;
mod webhook_state;
mod webhooks;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::DispatcherOptions;
use crate::store::{Claim, StoreError};
pub(super) use claiming::UNSENDABLE;
pub(super) use effect::{Cause, Disabling, Effect, Lease, NextAttempt, Report};
use housekeeping::Housekeeping;
pub(super) use input::{Input, Instants, Refused, Sent, Settled, Unrecorded, is_about_one};
pub(super) use judge::error;
use outcomes::Outcomes;
use pacing::{Pacing, Pending, Step};
pub use summary::Summary;
use webhooks::Webhooks;

/// How long a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until [`Input::Stop`].
    Stop,
    /// Also until nothing is pending.
    Idle,
    /// After [`Input::Stop`], until all that was begun is recorded.
    Finish,
}

/// The decisions of one run of a dispatcher.
#[derive(Debug)]
pub(super) struct Core {
    options: Arc<DispatcherOptions>,
    goal: Goal,
    webhooks: Webhooks,
    pacing: Pacing,
    outcomes: Outcomes,
    housekeeping: Housekeeping,
    summary: Summary,
    /// What is decided, and yet to be carried out.
    effects: VecDeque<Effect>,
    /// When the last outcomes are given up, after [`Input::Stop`].
    give_up_at: Option<Instant>,
    /// A fault that ends the run.
    failure: Option<StoreError>,
}

impl Core {
    pub(super) fn new(now: Instants, options: Arc<DispatcherOptions>, goal: Goal) -> Self {
        Self {
            goal,
            webhooks: Webhooks::default(),
            pacing: Pacing::new(now),
            outcomes: Outcomes::default(),
            housekeeping: Housekeeping::begun(now, options.housekeeping_every),
            summary: Summary::default(),
            effects: VecDeque::from([Effect::KeepHouse]),
            give_up_at: None,
            failure: None,
            options,
        }
    }

    /// Takes note of what has happened.
    pub(super) fn handle(&mut self, now: Instants, input: Input) {
        match input {
            Input::Due(took, answer) => self.due_answered(now, took, answer),
            Input::Claimed(claim, answer) => self.claim_answered(now, claim, answer),
            Input::Sent(sent) => self.sent(now, sent),
            Input::Settled(settled) => self.settled(now, settled),
            Input::Disabled(done) => {
                self.housekeeping.end_disabling();
                self.report_failed_housekeeping(done);
            }
            Input::HouseKept(done) => {
                self.housekeeping.end();
                self.report_failed_housekeeping(done);
            }
            Input::Woken => self.pacing.ask_now(now),
            Input::Timeout => self.timeout(now),
            Input::Stop => self.stop(now),
        }
    }

    /// The next thing to do now; none until the next input.
    pub(super) fn poll(&mut self, now: Instants) -> Option<Effect> {
        loop {
            if let Some(effect) = self.effects.pop_front() {
                return Some(effect);
            }
            if self.failure.is_some() {
                return None;
            }
            if let Some((settlements, health)) = self
                .outcomes
                .begin(now.monotonic, self.webhooks.under_way() > 0)
            {
                return Some(Effect::Settle(settlements, health));
            }
            if !self.may_claim() {
                self.pacing.cancel_claim(now);
                return None;
            }
            match self.pacing.next_step(now)? {
                Step::AskDue => return Some(Effect::AskDue),
                Step::Claim(wanted, turn) => {
                    return Some(Effect::Claim(Claim {
                        now: now.wall,
                        lease: self.options.lease(),
                        wanted,
                        turn,
                    }));
                }
                Step::ClaimFor(with_more) => {
                    self.claim_for(now, &with_more);
                    if !self.pacing.is_asking() {
                        self.pacing.keep(with_more);
                    }
                }
            }
        }
    }

    /// When [`Input::Timeout`] is due, if nothing else happens before.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let times = [
            self.ask_at(),
            self.outcomes.next_timeout(),
            self.housekeeping_at(),
            self.give_up_at,
        ];
        times.into_iter().flatten().min()
    }

    /// Whether the run is over: see [`finish`](Self::finish).
    pub(super) fn is_done(&self) -> bool {
        if self.failure.is_some() {
            return true;
        }
        let has_reached_its_goal = match self.goal {
            Goal::Stop => false,
            Goal::Idle => {
                self.pacing.pending() != Pending::Some && !self.housekeeping.is_under_way()
            }
            Goal::Finish => true,
        };
        has_reached_its_goal && !self.is_busy()
    }

    /// What the run has come to.
    ///
    /// # Errors
    /// The fault that ended the run. If nothing is left but deliveries whose outcomes the database
    /// refuses, the last refusal.
    pub(super) fn finish(self) -> Result<Summary, StoreError> {
        let is_stuck = self.goal == Goal::Idle && self.pacing.pending() == Pending::Refused;
        let refusal = self.outcomes.refusal().filter(|_| is_stuck);
        match self.failure.as_ref().or(refusal) {
            Some(error) => Err(error.clone()),
            None => Ok(self.summary),
        }
    }

    /// Whether something was begun that is not over.
    fn is_busy(&self) -> bool {
        self.webhooks.in_hand() > 0
            || self.outcomes.is_busy()
            || self.pacing.is_asking()
            || self.housekeeping.is_disabling()
            || !self.effects.is_empty()
    }

    fn may_claim(&self) -> bool {
        self.goal != Goal::Finish && !self.outcomes.is_behind(self.options.concurrency)
    }

    fn ask_at(&self) -> Option<Instant> {
        self.pacing.next_timeout().filter(|_| self.may_claim())
    }

    fn housekeeping_at(&self) -> Option<Instant> {
        let next = self.housekeeping.next_timeout();
        next.filter(|_| self.goal != Goal::Finish)
    }

    /// The first of the times that have come: each has an input of its own, so that what it leads
    /// to comes before the next one.
    fn timeout(&mut self, now: Instants) {
        let has_come = |at: Option<Instant>| at.is_some_and(|at| at <= now.monotonic);
        if has_come(self.ask_at()) {
            // The next poll asks.
        } else if has_come(self.outcomes.next_timeout()) {
            self.outcomes.retry();
        } else if has_come(self.housekeeping_at()) {
            self.housekeeping
                .begin(now, self.options.housekeeping_every);
            self.effects.push_back(Effect::KeepHouse);
        } else if has_come(self.give_up_at) {
            self.failure = Some(StoreError::Unavailable {
                reason: "the last outcomes could not be recorded".to_owned(),
                cause: None,
            });
        }
    }

    fn stop(&mut self, now: Instants) {
        self.goal = Goal::Finish;
        self.pacing.cancel_claim(now);
        self.outcomes.add_all(self.webhooks.release_all());
        self.give_up_at = Some(now.after(self.options.lease()));
    }

    /// The store has failed: how long to leave it alone. None if waiting does not help: the run
    /// ends.
    fn store_failed(&mut self, error: StoreError, what: &'static str) -> Option<Duration> {
        if error.is_lasting() {
            self.failure = Some(error);
            return None;
        }
        self.report(Report::StoreFailed { what, error });
        Some(self.pacing.store_failed())
    }

    fn report(&mut self, report: Report) {
        self.effects.push_back(Effect::Report(report));
    }

    fn report_failed_housekeeping(&mut self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            self.report(Report::HousekeepingFailed(error));
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::unchecked_time_subtraction,
    reason = "tests"
)]
#[path = "../../../tests/simulation/core/mod.rs"]
mod tests;
