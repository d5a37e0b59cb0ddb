//! When the store is asked what is due, and when something is claimed.

use std::mem;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::backoff::{Backoff, RACE};
use crate::instants::Instants;
use crate::lengths::between;
use crate::store::{DueInstitution, InstitutionId};

/// How long small groups of free places are gathered before something is claimed for them.
pub(super) const GATHER: Duration = Duration::from_millis(2);

/// How long an answer of the store is good enough where institutions have more than there is room
/// for: so many times as long as it took, within these bounds.
const VALIDITY_FACTOR: u32 = 16;
const SHORTEST_VALIDITY: Duration = Duration::from_millis(5);
const LONGEST_VALIDITY: Duration = Duration::from_secs(1);

/// After a slow look that has found nothing to do, as at much that is not settled, the next one
/// waits so many times as long as it took: so that looks take up a part of the time, at most.
const PAUSE_FACTOR: u32 = 4;
const SLOW: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A clock that was set back is noticed after this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The golden ratio, as a part of 2⁶⁴: its multiples spread evenly.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What was in progress when the store was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// That is unknown, or something is due.
    Now,
    /// Something, but nothing that is due.
    Later,
    Nothing,
}

/// For which institutions how much is wanted.
pub(super) type Wanted = Vec<(InstitutionId, u32)>;

/// The next step of a processor that has room.
#[derive(Debug)]
pub(super) enum Step {
    AskDue,
    /// These institutions had more than there was room for a moment ago.
    ClaimFor(Vec<DueInstitution>),
    /// Something is claimed, in this turn.
    Claim(Wanted, u64),
}

#[derive(Debug)]
pub(super) struct Pacing {
    pending: Pending,
    /// Whether an answer is yet to come.
    is_asking: bool,
    /// A claim that is yet to be made.
    planned: Option<Wanted>,
    ask_at: Option<Instant>,
    /// Until when nothing is asked, whatever is committed meanwhile.
    held_until: Option<Instant>,
    failures: Backoff,
    /// Institutions that had more than there was room for.
    with_more: Vec<DueInstitution>,
    /// Those that something was last claimed for.
    claimed_for: Vec<DueInstitution>,
    asked_at: Option<Instant>,
    validity: Duration,
    has_more: bool,
    claims: u64,
}

impl Pacing {
    pub(super) const fn new(now: Instants) -> Self {
        Self {
            pending: Pending::Now,
            is_asking: false,
            planned: None,
            ask_at: Some(now.monotonic),
            held_until: None,
            failures: Backoff::after_failure(),
            with_more: Vec::new(),
            claimed_for: Vec::new(),
            asked_at: None,
            validity: SHORTEST_VALIDITY,
            has_more: false,
            claims: 0,
        }
    }

    pub(super) const fn pending(&self) -> Pending {
        self.pending
    }

    pub(super) const fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// When the next step is to be taken, if it is not known to wait for something else.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        if self.is_asking {
            return None;
        }
        let ask_at = self.ask_at?;
        Some(self.held_until.map_or(ask_at, |it| it.max(ask_at)))
    }

    /// The next step, if it is time for one.
    pub(super) fn next_step(&mut self, now: Instants) -> Option<Step> {
        let now = now.monotonic;
        if self.is_asking {
            return None;
        }
        if let Some(wanted) = self.planned.take() {
            let turn = self.claims.wrapping_mul(GOLDEN) >> 32;
            self.claims = self.claims.wrapping_add(1);
            self.is_asking = true;
            return Some(Step::Claim(wanted, turn));
        }
        let is_held = self.held_until.is_some_and(|until| now < until);
        if is_held || self.ask_at.is_none_or(|at| at > now) {
            return None;
        }
        self.held_until = None;
        self.ask_at = None;
        let with_more = mem::take(&mut self.with_more);
        let is_valid = |at| now.duration_since(at) < self.validity;
        if !with_more.is_empty() && self.asked_at.is_some_and(is_valid) {
            // The other institutions follow in a moment.
            self.ask_at = Some(now + self.validity);
            return Some(Step::ClaimFor(with_more));
        }
        self.asked_at = Some(now);
        self.is_asking = true;
        Some(Step::AskDue)
    }

    /// Plans a claim for these institutions, if there are any.
    pub(super) fn plan(&mut self, wanted: Wanted, claimed_for: Vec<DueInstitution>) {
        self.claimed_for = claimed_for;
        self.planned = (!wanted.is_empty()).then_some(wanted);
    }

    /// Remembers that these institutions have more: nothing could be claimed for them.
    pub(super) fn keep(&mut self, with_more: Vec<DueInstitution>) {
        self.with_more = with_more;
    }

    /// Nothing is claimed that is planned.
    pub(super) fn cancel(&mut self) {
        self.planned = None;
    }

    /// The store has answered what is due, after this time.
    pub(super) fn due_answered(&mut self, now: Instants, took: Duration, pending: Pending) {
        self.is_asking = false;
        self.failures.reset();
        self.pending = pending;
        self.validity = (took * VALIDITY_FACTOR).clamp(SHORTEST_VALIDITY, LONGEST_VALIDITY);
        if took > SLOW && pending != Pending::Now {
            let pause = (took * PAUSE_FACTOR).min(LONGEST_PAUSE);
            self.held_until = Some(now.after(pause));
        }
    }

    /// Whether something is due that there was no room for.
    pub(super) const fn set_has_more(&mut self, has_more: bool) {
        self.has_more = has_more;
    }

    /// A claim was answered: `filled` has the institutions for which there was as much as wanted.
    pub(super) fn claim_answered(
        &mut self,
        now: Instants,
        filled: impl Fn(&InstitutionId) -> bool,
        is_empty: bool,
    ) {
        self.is_asking = false;
        self.failures.reset();
        self.pending = Pending::Now;
        self.with_more = mem::take(&mut self.claimed_for);
        self.with_more.retain(|it| filled(&it.institution));
        self.has_more |= !self.with_more.is_empty();
        let wait = if is_empty { RACE } else { Duration::ZERO };
        self.ask_in(now, wait);
    }

    /// Work has ended, or outcomes were recorded. If there is more to claim, it is claimed soon.
    pub(super) fn room_came(&mut self, now: Instants, running: u32) {
        if self.has_more || self.pending == Pending::Now {
            let wait = if running == 0 { Duration::ZERO } else { GATHER };
            self.ask_in(now, wait);
        }
    }

    /// What is in progress has changed.
    pub(super) fn changed(&mut self, now: Instants) {
        self.pending = Pending::Now;
        self.ask_in(now, GATHER);
    }

    /// Something may be due.
    pub(super) const fn ask_now(&mut self, now: Instants) {
        self.ask_at = Some(now.monotonic);
    }

    /// Asks when this time has come.
    pub(super) fn ask_when(&mut self, now: Instants, at: DateTime<Utc>) {
        // A moment after it, by this clock.
        let wait = between(now.wall, at) + Duration::from_millis(1);
        self.ask_in(now, wait.min(LONGEST_SLEEP));
    }

    /// Asks after this delay, or earlier.
    pub(super) fn ask_in(&mut self, now: Instants, delay: Duration) {
        let at = now.after(delay);
        self.ask_at = Some(self.ask_at.map_or(at, |it| it.min(at)));
    }

    /// The store has failed: it is left alone for a while.
    pub(super) fn store_failed(&mut self, now: Instants) {
        self.is_asking = false;
        let at = now.after(self.failures.next());
        self.ask_at = Some(at);
        self.held_until = Some(at);
    }
}
