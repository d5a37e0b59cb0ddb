//! When the store is asked what is due, and when something is claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::input::Instants;
use crate::backoff::{Backoff, RACE};
use crate::store::Due;

/// How long small groups of free places are gathered before something is claimed for them.
const GATHER: Duration = Duration::from_millis(2);

/// The same, as long as deliveries that were claimed ahead take the places.
const GATHER_AHEAD: Duration = Duration::from_millis(20);

/// How long an answer of the store is good enough where webhooks are busy.
const SHORTEST_VALIDITY: Duration = Duration::from_millis(5);

/// A slow answer is good for so many times as long as it took, and at most for this long.
const VALIDITY_FACTOR: u32 = 16;
const LONGEST_VALIDITY: Duration = Duration::from_millis(100);

/// The golden ratio, as a part of 2⁶⁴: its multiples spread evenly, and so does every second,
/// third, … of them. So each webhook has its turn, in whichever of the claims it is.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What was pending when the store was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// Something, or that is unknown.
    Some,
    /// Only deliveries whose outcomes the database refuses.
    Refused,
    Nothing,
}

/// For which webhooks how many deliveries are wanted.
pub(super) type Wanted = Vec<(Uuid, u32)>;

/// The next step of a dispatcher that has room.
#[derive(Debug)]
pub(super) enum Step {
    /// The store is asked what is due.
    AskDue,
    /// These webhooks had more than there was room for a moment ago: something is claimed for them.
    ClaimFor(Vec<Due>),
    /// Something is claimed, under this number.
    Claim(Wanted, u64),
}

/// What the store is asked.
#[derive(Debug)]
enum Question {
    None,
    /// A claim that is yet to be made.
    Claim(Wanted),
    /// Its answer is yet to come.
    UnderWay,
}

/// When the store is asked next.
#[derive(Debug)]
pub(super) struct Pacing {
    pending: Pending,
    question: Question,
    /// When to ask what is due.
    ask_at: Option<Instant>,
    /// Until when nothing is asked, even if something is due: the last claim came late.
    held_until: Option<Instant>,
    late_claims: Backoff,
    failures: Backoff,
    /// Claims to be made one by one, since one of them could not be read.
    one_by_one: Wanted,
    /// Whether there was more to claim than there was room for.
    has_more: bool,
    /// The webhooks that something was last claimed for.
    claimed_for: Vec<Due>,
    /// Those of them that had more than there was room for.
    with_more: Vec<Due>,
    /// When the store was last asked what is due.
    asked_at: Option<Instant>,
    /// How long its answer is good enough where webhooks are busy.
    validity: Duration,
    /// How many deliveries were under way or queued after the last claim.
    in_hand_after_claim: u32,
    /// How many of them were queued.
    queued_after_claim: u32,
    /// How many claims there were.
    claims: u64,
}

impl Pacing {
    pub(super) const fn new(now: Instants) -> Self {
        Self {
            pending: Pending::Some,
            question: Question::None,
            ask_at: Some(now.monotonic),
            held_until: None,
            late_claims: Backoff::where_late(),
            failures: Backoff::after_failure(),
            one_by_one: Vec::new(),
            has_more: false,
            claimed_for: Vec::new(),
            with_more: Vec::new(),
            asked_at: None,
            validity: SHORTEST_VALIDITY,
            in_hand_after_claim: 0,
            queued_after_claim: 0,
            claims: 0,
        }
    }

    pub(super) const fn pending(&self) -> Pending {
        self.pending
    }

    /// Whether an answer of the store, or a claim, is yet to come.
    pub(super) const fn is_asking(&self) -> bool {
        !matches!(self.question, Question::None)
    }

    /// When the next step is to be taken, if it is not known to wait for something else.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        if self.is_asking() {
            None
        } else {
            self.held_until.or(self.ask_at)
        }
    }

    /// The next step, if it is time for one.
    pub(super) fn next_step(&mut self, now: Instants) -> Option<Step> {
        let now = now.monotonic;
        match mem::replace(&mut self.question, Question::None) {
            Question::None => {}
            Question::Claim(wanted) => return Some(self.begin_claim(wanted)),
            Question::UnderWay => {
                self.question = Question::UnderWay;
                return None;
            }
        }
        if self.held_until.is_some_and(|until| now < until) {
            return None;
        }
        self.held_until = None;
        if let Some(wanted) = self.one_by_one.pop() {
            self.claimed_for.clear();
            return Some(self.begin_claim(vec![wanted]));
        }
        if self.ask_at.is_none_or(|at| at > now) {
            return None;
        }
        self.ask_at = None;
        let with_more = mem::take(&mut self.with_more);
        let is_valid = |at| now.duration_since(at) < self.validity;
        if !with_more.is_empty() && self.asked_at.is_some_and(is_valid) {
            // The other webhooks follow in a moment.
            self.ask_at = Some(now + self.validity);
            return Some(Step::ClaimFor(with_more));
        }
        self.asked_at = Some(now);
        self.question = Question::UnderWay;
        Some(Step::AskDue)
    }

    fn begin_claim(&mut self, wanted: Wanted) -> Step {
        let turn = self.claims.wrapping_mul(GOLDEN) >> 32;
        self.claims = self.claims.wrapping_add(1);
        self.question = Question::UnderWay;
        Step::Claim(wanted, turn)
    }

    /// Plans a claim for these webhooks, if there are any.
    pub(super) fn plan_claim(&mut self, wanted: Wanted, claimed_for: Vec<Due>, has_more: bool) {
        self.has_more = has_more;
        self.claimed_for = claimed_for;
        if !wanted.is_empty() {
            self.question = Question::Claim(wanted);
        }
    }

    /// Remembers that these webhooks have more: nothing could be claimed for them.
    pub(super) fn keep(&mut self, with_more: Vec<Due>) {
        self.with_more = with_more;
    }

    /// Drops a claim that is planned: the store is asked anew when claims are possible again.
    pub(super) fn cancel_claim(&mut self, now: Instants) {
        if let Question::Claim(_) = self.question {
            self.question = Question::None;
            self.ask_at = Some(now.monotonic);
        }
    }

    /// The store has answered, or failed to.
    pub(super) fn answered(&mut self) {
        self.question = Question::None;
    }

    pub(super) const fn set_pending(&mut self, pending: Pending) {
        self.pending = pending;
    }

    /// A slow answer is good for longer.
    pub(super) fn answer_took(&mut self, took: Duration) {
        self.validity = (took * VALIDITY_FACTOR).clamp(SHORTEST_VALIDITY, LONGEST_VALIDITY);
    }

    /// Something may be due.
    pub(super) fn ask_now(&mut self, now: Instants) {
        if self.pending == Pending::Refused {
            self.pending = Pending::Some;
        }
        self.ask_at = Some(now.monotonic);
    }

    /// Asks after this delay, or earlier.
    pub(super) fn ask_in(&mut self, now: Instants, delay: Duration) {
        let at = now.after(delay);
        self.ask_at = Some(self.ask_at.map_or(at, |it| it.min(at)));
    }

    /// Asks after this delay, and not before, whatever is committed meanwhile: a store that can be
    /// read but not written would be asked at every commit.
    pub(super) fn hold(&mut self, now: Instants, delay: Duration) {
        self.ask_at = Some(now.after(delay));
        self.held_until = self.ask_at;
    }

    /// The next claims are made one by one.
    pub(super) fn claim_one_by_one(&mut self, wanted: Wanted) {
        self.one_by_one = wanted;
    }

    /// A claim came too late to be sent under, or in time. Returns how many in a row were late.
    ///
    /// A released delivery is due at once. Where every claim comes late, since the store is slow or
    /// the clock jumps, it would be claimed and released without a pause. So the next claim waits
    /// longer each time, and no commit cuts that short.
    pub(super) fn claim_came(&mut self, now: Instants, is_late: bool) -> Option<u32> {
        if !is_late {
            self.late_claims.reset();
            return None;
        }
        let delay = self.late_claims.next();
        self.held_until = Some(now.after(delay));
        Some(self.late_claims.times())
    }

    /// Notes which webhooks had more than there was room for, by how many deliveries each `got`;
    /// and how many are under way or queued now.
    pub(super) fn claimed(
        &mut self,
        now: Instants,
        wanted: &[(Uuid, u32)],
        got: &BTreeMap<Uuid, u32>,
        under_way: u32,
        queued: u32,
    ) {
        self.in_hand_after_claim = under_way + queued;
        self.queued_after_claim = queued;
        let is_filled = |(id, room): &&(Uuid, u32)| got.get(id).is_some_and(|got| got >= room);
        let filled: BTreeSet<Uuid> = wanted.iter().filter(is_filled).map(|it| it.0).collect();
        self.has_more |= !filled.is_empty();
        self.with_more = mem::take(&mut self.claimed_for);
        self.with_more.retain(|it| filled.contains(&it.webhook));
        if got.is_empty() {
            self.ask_in(now, RACE);
        }
    }

    /// A request has ended: if there is more to claim, some time soon, or now if that is worth it.
    /// A large claim costs less for each delivery. So if a queued delivery took the place, the
    /// next claim waits until half of the queue is used up.
    pub(super) fn request_ended(
        &mut self,
        now: Instants,
        under_way: u32,
        queued: u32,
        is_replaced: bool,
    ) {
        if !self.has_more {
            return;
        }
        let mark = self.in_hand_after_claim;
        let is_worth_it = if is_replaced {
            queued <= self.queued_after_claim / 2
        } else {
            under_way + queued <= mark - mark / 4
        };
        let delay = match (is_worth_it, is_replaced) {
            (true, _) => Duration::ZERO,
            (false, true) => GATHER_AHEAD,
            (false, false) => GATHER,
        };
        self.ask_in(now, delay);
    }

    /// Outcomes are recorded: deliveries that waited for them may be due.
    pub(super) fn outcomes_recorded(&mut self, now: Instants, under_way: u32, queued: u32) {
        self.failures.reset();
        if !self.has_more || under_way == 0 {
            self.ask_now(now);
        } else if queued > self.queued_after_claim / 2 {
            self.ask_in(now, GATHER_AHEAD);
        } else {
            self.ask_in(now, GATHER);
        }
    }

    /// The store works: the next wait after a failure is short again.
    pub(super) const fn store_works(&mut self) {
        self.failures.reset();
    }

    /// The store has failed: how long it is left alone.
    pub(super) fn store_failed(&mut self) -> Duration {
        self.failures.next()
    }
}
