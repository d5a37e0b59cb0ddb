//! A core under watch: each of its effects is checked against what it was given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use uuid::Uuid;

use super::super::{Core, DispatcherOptions, Effect, Goal, Input, Instants, Summary};
use crate::store::{DeliveryId, Outcome, Settlement, StoreError};

/// How many effects may follow from one input.
const MOST_EFFECTS: usize = 2000;

/// How often the store is asked in a second, if nothing else happens.
const MOST_QUESTIONS: u32 = 30;

/// How far a delivery under a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is in hand.
    Claimed,
    /// A request is under way.
    Sending,
    /// The request is over.
    Sent,
    /// Its settlement is under way.
    Settling,
    /// Its settlement failed, and comes again.
    Unrecorded,
    /// Its settlement is over.
    Settled,
}

/// A core, and what it may do now.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Watched {
    core: Core,
    options: Arc<DispatcherOptions>,
    leases: BTreeMap<(DeliveryId, i64), Stage>,
    /// Those whose settlement is under way.
    settling: Vec<(DeliveryId, i64)>,
    under_way: BTreeMap<Uuid, u32>,
    is_asking: bool,
    /// How often the store was asked since then, while nothing else happened.
    questions: (Instant, u32),
    is_settling: bool,
    is_keeping_house: bool,
    disabling: u32,
    /// Whether the last outcomes could not be recorded.
    is_cut_off: bool,
    is_stopped: bool,
}

impl Watched {
    /// A core, and its first effects.
    pub(super) fn new(
        now: Instants,
        options: &Arc<DispatcherOptions>,
        goal: Goal,
    ) -> (Self, Vec<Effect>) {
        let mut it = Self {
            core: Core::new(now, Arc::clone(options), goal),
            options: Arc::clone(options),
            leases: BTreeMap::new(),
            settling: Vec::new(),
            under_way: BTreeMap::new(),
            is_asking: false,
            questions: (now.monotonic, 0),
            is_settling: false,
            is_keeping_house: false,
            disabling: 0,
            is_cut_off: false,
            is_stopped: false,
        };
        let effects = it.poll(now);
        (it, effects)
    }

    /// Gives the core inputs of one moment, and returns what it asks for, without reports.
    pub(super) fn give(&mut self, now: Instants, inputs: Vec<Input>) -> Vec<Effect> {
        for input in inputs {
            if !matches!(input, Input::Due(..) | Input::Timeout) {
                self.questions = (now.monotonic, 0);
            }
            self.note(&input);
            self.core.handle(now, input);
        }
        self.poll(now)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.core.next_timeout()
    }

    pub(super) fn is_done(&self) -> bool {
        self.core.is_done()
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Whether the last outcomes could not be recorded.
    pub(super) const fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Whether nothing is under way that an input will answer, but for housekeeping.
    pub(super) fn waits(&self) -> bool {
        !self.is_asking && !self.is_settling && self.requests() == 0
    }

    /// The end of the run: if it ends well, each lease was settled.
    pub(super) fn finish(self) -> Result<Summary, StoreError> {
        assert!(self.core.is_done());
        let open = self.leases.iter().find(|it| *it.1 != Stage::Settled);
        let open = open.map(|it| format!("{it:?}"));
        let finished = self.core.finish();
        assert!(
            finished.is_err() || open.is_none(),
            "never settled: {open:?}"
        );
        finished
    }

    fn requests(&self) -> u32 {
        self.under_way.values().sum()
    }

    fn note(&mut self, input: &Input) {
        match input {
            Input::Due(..) => self.is_asking = false,
            Input::Claimed(_, answer) => {
                self.is_asking = false;
                for it in answer.iter().flat_map(|it| &it.deliveries) {
                    let before = self.leases.insert((it.id, it.token), Stage::Claimed);
                    assert_eq!(before, None, "{} has an old token", it.id);
                }
            }
            Input::Sent(sent) => {
                let lease = (sent.lease.id, sent.lease.token);
                self.step(lease, &[Stage::Sending], Stage::Sent);
                *self.under_way.get_mut(&sent.webhook.id).unwrap() -= 1;
            }
            Input::Settled(settled) => {
                self.is_settling = false;
                self.is_cut_off = settled.unrecorded.is_some();
                let unrecorded = settled.unrecorded.iter().flat_map(|it| &it.settlements);
                let unrecorded: Vec<_> = unrecorded.map(|it| (it.id, it.token)).collect();
                for lease in std::mem::take(&mut self.settling) {
                    self.step(lease, &[Stage::Settling], Stage::Settled);
                }
                for lease in unrecorded {
                    self.step(lease, &[Stage::Settled], Stage::Unrecorded);
                }
            }
            Input::Disabled(_) => self.disabling -= 1,
            Input::HouseKept(_) => self.is_keeping_house = false,
            Input::Stop => self.is_stopped = true,
            Input::Woken | Input::Timeout => {}
        }
    }

    fn poll(&mut self, now: Instants) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(effect) = self.core.poll(now) {
            assert!(effects.len() < MOST_EFFECTS, "the core spins");
            self.check(&effect, now);
            if !matches!(effect, Effect::Report(_)) {
                effects.push(effect);
            }
        }
        effects
    }

    fn check(&mut self, effect: &Effect, now: Instants) {
        match effect {
            Effect::AskDue | Effect::Claim(_) => {
                assert!(!self.is_asking, "{effect:?}, but another question is open");
                assert!(!self.is_stopped, "{effect:?} after Stop");
                assert!(
                    !self.is_cut_off,
                    "{effect:?}, but outcomes are not recorded"
                );
                self.is_asking = true;
                self.check_pace(now);
                if let Effect::Claim(claim) = effect {
                    assert!(!claim.wanted.is_empty() && claim.wanted.iter().all(|it| it.1 > 0));
                    assert_eq!((claim.now, claim.lease), (now.wall, self.options.lease()));
                }
            }
            Effect::Send(attempt) => {
                assert!(!self.is_stopped, "a request begins after Stop");
                let lease = (attempt.lease.id, attempt.lease.token);
                self.step(lease, &[Stage::Claimed], Stage::Sending);
                self.check_room(attempt.webhook.id);
                let age = (now.wall - attempt.claimed_at).to_std().unwrap_or_default();
                assert!(
                    age <= self.options.margin / 2,
                    "sent {age:?} after the claim"
                );
            }
            Effect::Settle(settlements, _) => {
                assert!(!self.is_settling, "two settlements at once");
                self.is_settling = true;
                for it in settlements {
                    self.check_settlement(it);
                }
            }
            Effect::Disable(_) => self.disabling += 1,
            Effect::KeepHouse => {
                assert!(!self.is_keeping_house, "housekeeping twice at once");
                self.is_keeping_house = true;
            }
            Effect::Report(_) => {}
        }
    }

    /// The core does not ask over and over.
    fn check_pace(&mut self, now: Instants) {
        let (since, count) = self.questions;
        self.questions = if now.monotonic - since < Duration::from_secs(1) {
            (since, count + 1)
        } else {
            (now.monotonic, 0)
        };
        assert!(count < MOST_QUESTIONS, "the core spins: {count} questions");
    }

    /// One more request fits in all, and in the share of the webhook: a webhook alone has half of
    /// the room, and several have less.
    fn check_room(&mut self, webhook: Uuid) {
        let concurrency = self.options.concurrency;
        assert!(self.requests() < concurrency, "beyond {concurrency}");
        let has = self.under_way.entry(webhook).or_default();
        *has += 1;
        let most = (concurrency / 2).max(1);
        assert!(*has <= most, "{has} of {concurrency} for one webhook");
    }

    /// A settlement has its attempt if a request was made; a release may have none.
    fn check_settlement(&mut self, settlement: &Settlement) {
        let from: &[Stage] = match (&settlement.outcome, &settlement.attempt) {
            (Outcome::Released | Outcome::Dead { .. }, None) => {
                &[Stage::Claimed, Stage::Sent, Stage::Unrecorded]
            }
            (_, Some(_)) => &[Stage::Sent, Stage::Unrecorded],
            (outcome, None) => panic!("{outcome:?} without an attempt"),
        };
        let lease = (settlement.id, settlement.token);
        self.step(lease, from, Stage::Settling);
        self.settling.push(lease);
    }

    fn step(&mut self, lease: (DeliveryId, i64), from: &[Stage], to: Stage) {
        let stage = self.leases.get_mut(&lease);
        let stage = stage.unwrap_or_else(|| panic!("{lease:?} is not leased"));
        assert!(from.contains(stage), "{lease:?} is {stage:?}, not {from:?}");
        *stage = to;
    }

    /// Something is due at this time: the core does something, or wakes soon after that.
    pub(super) fn check_waking(&self, now: Instants, due_at: TimeDelta, slack: Duration) {
        if !self.waits() || self.is_done() || self.is_stopped {
            return;
        }
        let Some(at) = self.next_timeout() else {
            panic!("something is due, but the core sleeps");
        };
        let latest = now.after(due_at.to_std().unwrap_or_default() + slack);
        assert!(at <= latest, "the core sleeps {:?} too long", at - latest);
    }
}
