//! What a processor decides, apart from futures, clocks and stores.
//!
//! A driver gives the [`Core`] an [`Input`] for all that happens, carries out each [`Effect`] that
//! it asks for, and wakes it at its [`next_timeout`](Core::next_timeout). The time is an argument.
//!
//! | part | decides |
//! |---|---|
//! | [`Held`] | which leases are held, and when they are renewed |
//! | [`Pacing`] | when the store is asked, and when something is claimed |
//! | [`Outcomes`] | what is to be recorded, and when |
//!
//! Only the methods of a part write its fields.

mod claiming;
mod effect;
mod held;
mod input;
mod outcomes;
mod pacing;
mod settling;
mod summary;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::ProcessorOptions;
use super::work::Cancelled;
use crate::instants::Instants;
use crate::store::{StoreError, WorkClaim, WorkLease};
pub(super) use effect::{Effect, Report};
use held::Held;
pub(super) use input::{Ended, Input};
use outcomes::Outcomes;
use pacing::{Pacing, Pending, Step};
pub use summary::Summary;

/// How long a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until [`Input::Stop`].
    Stop,
    /// Also until nothing is in progress.
    Idle,
    /// Also until nothing is due.
    Once,
    /// After [`Input::Stop`], until all that was begun is recorded.
    Finish,
}

/// The decisions of one run of a processor.
#[derive(Debug)]
pub(super) struct Core {
    options: Arc<ProcessorOptions>,
    goal: Goal,
    held: Held,
    pacing: Pacing,
    outcomes: Outcomes,
    summary: Summary,
    /// Where the next distribution of the room begins.
    rotation: usize,
    /// When the backlog is counted next; none while it is being counted.
    count_at: Option<Instant>,
    /// What is decided, and yet to be carried out.
    effects: VecDeque<Effect>,
    /// When what is under way is cancelled, after [`Input::Stop`].
    cancel_at: Option<Instant>,
    /// When the last outcomes are given up, after [`Input::Stop`].
    give_up_at: Option<Instant>,
    /// A fault that ends the run.
    failure: Option<StoreError>,
}

impl Core {
    pub(super) fn new(now: Instants, options: Arc<ProcessorOptions>, goal: Goal) -> Self {
        Self {
            options,
            goal,
            held: Held::new(),
            pacing: Pacing::new(now),
            outcomes: Outcomes::new(),
            summary: Summary::default(),
            rotation: 0,
            count_at: Some(now.monotonic),
            effects: VecDeque::new(),
            cancel_at: None,
            give_up_at: None,
            failure: None,
        }
    }

    /// Takes note of what has happened.
    pub(super) fn handle(&mut self, now: Instants, input: Input) {
        match input {
            Input::Due(took, answer) => self.due_answered(now, took, answer),
            Input::Claimed(claim, answer) => self.claim_answered(now, &claim, answer),
            Input::Ended(lease, ended) => self.ended(now, lease, ended),
            Input::Renewed(leases, answer) => self.renewed(now, &leases, answer),
            Input::Settled(settlements, answers) => self.settled(now, settlements, answers),
            Input::Counted(counted) => {
                self.count_at = Some(now.after(self.options.count_every));
                if let Err(error) = counted {
                    let what = "the backlog cannot be counted";
                    self.report(Report::StoreFailed { what, error });
                }
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
            if let Some(settlements) = self.outcomes.begin(now) {
                return Some(Effect::Settle(settlements));
            }
            let leases = self.held.begin_renewal(now, self.renew_every());
            if !leases.is_empty() {
                return Some(Effect::Renew(leases, self.end_of_lease(now)));
            }
            if self.count_at.is_some_and(|at| at <= now.monotonic) && self.goal != Goal::Finish {
                self.count_at = None;
                return Some(Effect::Count);
            }
            if !self.may_claim() {
                self.pacing.cancel();
                return None;
            }
            match self.pacing.next_step(now)? {
                Step::AskDue => return Some(Effect::AskDue),
                Step::Claim(wanted, turn) => {
                    let claim = WorkClaim::new(now.wall, self.options.lease, wanted);
                    return Some(Effect::Claim(claim.with_turn(turn)));
                }
                Step::ClaimFor(with_more) => {
                    if !self.claim_for(&with_more) {
                        self.pacing.keep(with_more);
                    }
                }
            }
        }
    }

    /// When [`Input::Timeout`] is due, if nothing else happens before.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let times = [
            self.pacing.next_timeout().filter(|_| self.may_claim()),
            self.outcomes.next_timeout(),
            self.held.next_timeout(),
            self.count_at.filter(|_| self.goal != Goal::Finish),
            self.cancel_at,
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
            Goal::Idle => self.pacing.pending() == Pending::Nothing,
            Goal::Once => self.pacing.pending() != Pending::Now,
            Goal::Finish => true,
        };
        has_reached_its_goal
            && self.held.is_empty()
            && !self.pacing.is_asking()
            && self.effects.is_empty()
    }

    /// What the run has come to.
    ///
    /// # Errors
    /// The fault that ended the run.
    pub(super) fn finish(self) -> Result<Summary, StoreError> {
        self.failure.map_or(Ok(self.summary), Err)
    }

    /// Whether there is room for more.
    fn may_claim(&self) -> bool {
        self.goal != Goal::Finish && self.free() > 0
    }

    /// How much more may be worked on.
    fn free(&self) -> u32 {
        let concurrency = self.options.concurrency;
        // Where outcomes cannot be recorded, there are not more and more of them.
        if self.outcomes.waiting() > 2 * concurrency as usize {
            return 0;
        }
        concurrency.saturating_sub(self.held.running())
    }

    fn renew_every(&self) -> Duration {
        self.options.lease / 3
    }

    fn timeout(&mut self, now: Instants) {
        let has_come = |at: Option<Instant>| at.is_some_and(|at| at <= now.monotonic);
        if has_come(self.cancel_at) {
            self.cancel_at = None;
            for lease in self.held.leases_of_running() {
                self.cancel(lease, Cancelled::Stop);
            }
        }
        if has_come(self.give_up_at) {
            self.failure = Some(StoreError::Unavailable {
                reason: "the last outcomes could not be recorded".to_owned(),
                cause: None,
            });
        }
    }

    fn stop(&mut self, now: Instants) {
        self.goal = Goal::Finish;
        self.pacing.cancel();
        let cancel_at = now.after(self.options.grace);
        self.cancel_at = Some(cancel_at);
        self.give_up_at = Some(cancel_at + self.options.lease);
    }

    fn cancel(&mut self, lease: WorkLease, why: Cancelled) {
        if self.held.cancel(lease, why) {
            self.effects.push_back(Effect::Cancel(lease, why));
        }
    }

    /// The store has failed. If waiting does not help, the run ends.
    fn store_failed(&mut self, error: StoreError, what: &'static str) {
        if error.is_lasting() {
            self.failure = Some(error);
        } else {
            self.report(Report::StoreFailed { what, error });
        }
    }

    fn report(&mut self, report: Report) {
        self.effects.push_back(Effect::Report(report));
    }
}
