//! A world: what happens next, and who acts in it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, binary_heap::PeekMut};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use uuid::Uuid;

use super::super::{Effect, Goal, Instants};
use super::actors::{Answer, Request, Sender};
use super::random::Random;
use super::record::Record;
use super::{institution, webhook};
use crate::store::{DeliveryFilter, MemoryStore, Outbox};

/// As in `tests/simulation`: the delays before the attempts, in seconds.
pub(super) const DELAYS: [u64; 5] = [0, 1, 2, 4, 8];

/// How much longer than a request a lease lasts.
pub(super) const MARGIN: Duration = Duration::from_secs(3);

/// How wrong a dispatcher's clock is at most, in milliseconds.
const SKEW: u64 = 3000;

/// How many dispatchers there are, and how many commands.
const DISPATCHERS: u64 = 3;
const COMMANDS: u64 = 180;

/// How many inputs a dispatcher has at most without time passing.
pub(super) const MOST_INPUTS: u32 = 200;

/// How long a dispatcher has to end after it was stopped: the lease, the longest request, and the
/// longest time that it is suspended; and what an answer of the store takes.
const ENDS_WITHIN: Duration = Duration::from_secs(5 + 3 + 12 + 8);

/// What is to happen.
pub(super) enum Happening {
    /// A customer or an administrator commands something.
    Command,
    /// Receivers change their moods, the store goes away or comes back.
    Fate,
    Begin,
    End(u64),
    /// A question arrives at the store.
    Ask(u64, Effect),
    Give(u64, Answer),
    /// A request arrives at its receiver.
    Arrive(Request),
    Wake(u64),
    Timeout(u64, Instant),
    /// It should have ended by now.
    Overdue(u64),
}

pub(super) struct World {
    pub(super) random: Random,
    pub(super) store: MemoryStore,
    pub(super) record: Record,
    /// Reads, writes, requests, commands, crashes, as in `tests/simulation`.
    pub(super) steps: u64,
    /// Long enough that deliveries die and webhooks are disabled.
    is_long: bool,
    pub(super) is_faulty: bool,
    pub(super) is_store_away: bool,
    /// By the number of their webhook.
    pub(super) moods: BTreeMap<u64, Mood>,
    pub(super) senders: BTreeMap<u64, Sender>,
    pub(super) applications: Vec<Uuid>,
    lives: u64,
    commands: u64,
    start: Instant,
    /// The true time, in nanoseconds from the start on.
    now: u64,
    /// The same time by a monotonic clock, and by a clock that is right.
    instants: Instants,
    happenings: BinaryHeap<Planned>,
    next: u64,
}

/// What is to happen at a time. The earliest is the greatest; of one time, the first that was
/// planned.
struct Planned {
    /// The time, and a number in the order of planning: one number, which is compared fastest.
    key: u128,
    what: Box<Happening>,
}

impl Planned {
    fn new(at: u64, number: u64, what: Happening) -> Self {
        Self {
            key: u128::from(at) << 64 | u128::from(number),
            what: Box::new(what),
        }
    }

    const fn at(&self) -> u64 {
        (self.key >> 64) as u64
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Planned {}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap()
}

/// How a receiver behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// It answers 500.
    Ill,
    /// It answers 503, and asks to be left alone.
    Overloaded,
    Silent,
    Away,
    /// It answers 410.
    Gone,
}

const MOODS: [Mood; 8] = [
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Ill,
    Mood::Overloaded,
    Mood::Silent,
    Mood::Away,
    Mood::Gone,
];

/// What became of a world.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) steps: u64,
    pub(super) took: Duration,
    pub(super) counts: BTreeMap<&'static str, u64>,
}

/// A world, from its beginning to its end.
pub(super) fn run(seed: u64) -> End {
    let mut world = World::new(seed);
    for number in 0..4 {
        let added = world.store.add_webhook(webhook(number));
        assert!(added.now_or_never().unwrap().unwrap());
    }
    world.plan(0, Happening::Command);
    world.plan(1000, Happening::Fate);
    for _ in 0..DISPATCHERS {
        world.plan_within(3000, Happening::Begin);
    }
    while world.commands < COMMANDS {
        world.go_on();
    }
    world.end()
}

impl World {
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let start = Instant::now();
        let wall = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        Self {
            is_long: random.percent(20),
            random,
            store: MemoryStore::new(),
            record: Record::default(),
            steps: 0,
            is_faulty: true,
            is_store_away: false,
            moods: BTreeMap::new(),
            senders: BTreeMap::new(),
            applications: Vec::new(),
            lives: 0,
            commands: 0,
            start,
            now: 0,
            instants: Instants {
                monotonic: start,
                wall,
            },
            happenings: BinaryHeap::new(),
            next: 0,
        }
    }

    /// The true time.
    pub(super) const fn now(&self) -> DateTime<Utc> {
        self.instants.wall
    }

    /// The time by a clock that is so wrong.
    pub(super) fn instants(&self, skew: TimeDelta) -> Instants {
        Instants {
            monotonic: self.instants.monotonic,
            wall: self.instants.wall + skew,
        }
    }

    /// Time passes until then.
    fn pass_until(&mut self, at: u64) {
        let passed = Duration::from_nanos(at - self.now);
        if !passed.is_zero() {
            self.now = at;
            self.instants.monotonic += passed;
            self.instants.wall += passed;
        }
    }

    /// After so many milliseconds.
    pub(super) fn plan(&mut self, milliseconds: u64, what: Happening) {
        self.plan_at(self.now + milliseconds * 1_000_000, what);
    }

    /// Some time within so many milliseconds; often at once.
    pub(super) fn plan_within(&mut self, most: u64, what: Happening) {
        let is_at_once = self.random.percent(30);
        let milliseconds = if is_at_once {
            0
        } else {
            self.random.below(most + 1)
        };
        self.plan(milliseconds, what);
    }

    fn plan_at(&mut self, at: u64, what: Happening) {
        self.next += 1;
        self.happenings.push(Planned::new(at, self.next, what));
    }

    pub(super) fn plan_timeout(&mut self, life: u64, at: Instant) {
        let time = nanoseconds(at.saturating_duration_since(self.start));
        self.plan_at(time.max(self.now), Happening::Timeout(life, at));
    }

    fn go_on(&mut self) {
        let first = self.happenings.pop().expect("the world stands still");
        let at = first.at();
        self.pass_until(at);
        match *first.what {
            Happening::Command => {
                self.command();
                self.commands += 1;
                let most = if self.is_long { 1000 } else { 230 };
                self.plan_within(most, Happening::Command);
            }
            Happening::Fate => {
                self.fate();
                let most = if self.is_long { 12_000 } else { 4000 };
                self.plan_within(most, Happening::Fate);
            }
            Happening::Begin => {
                let skew = i64::try_from(self.random.below(SKEW * 2)).unwrap() - SKEW.cast_signed();
                let life = self.begin(TimeDelta::milliseconds(skew), Goal::Stop);
                let length = self.random.below(30_000);
                self.plan(length, Happening::End(life));
            }
            Happening::End(life) => self.end_of(life),
            Happening::Overdue(life) => {
                assert!(!self.senders.contains_key(&life), "{life} does not end");
            }
            Happening::Arrive(request) => self.arrive(request),
            Happening::Ask(life, effect) => self.ask(life, effect),
            Happening::Give(life, answer) => {
                if let Some(until) = self.asleep_until(life) {
                    return self.plan_at(until, Happening::Give(life, answer));
                }
                let mut answers = vec![answer];
                // What is over at the same time is handled together, as the driver does it.
                while matches!(answers[0], Answer::Sent(..))
                    && let Some(next) = self.happenings.peek_mut()
                    && next.at() == at
                    && matches!(*next.what, Happening::Give(it, Answer::Sent(..)) if it == life)
                {
                    if let Happening::Give(_, answer) = *PeekMut::pop(next).what {
                        answers.push(answer);
                    }
                }
                self.give(life, answers);
            }
            Happening::Wake(life) => match self.asleep_until(life) {
                Some(until) => self.plan_at(until, Happening::Wake(life)),
                None => self.give(life, vec![Answer::Woken]),
            },
            Happening::Timeout(life, time) => match self.asleep_until(life) {
                Some(until) => self.plan_at(until, Happening::Timeout(life, time)),
                None => self.time_out(life, time),
            },
        }
    }

    /// Until when a dispatcher is suspended, if it is.
    fn asleep_until(&self, life: u64) -> Option<u64> {
        let until = self.senders.get(&life)?.asleep_until;
        (until > self.now).then_some(until)
    }

    /// It stands still for a while: longer than two leases, at most.
    pub(super) fn suspend(&mut self, life: u64) {
        let until = self.now + self.random.below(12_000) * 1_000_000;
        if let Some(sender) = self.senders.get_mut(&life) {
            sender.asleep_until = until;
            self.record.count("suspensions");
        }
    }

    fn begin(&mut self, skew: TimeDelta, goal: Goal) -> u64 {
        self.lives += 1;
        let life = self.lives;
        let concurrency = u32::try_from(1 + self.random.below(20)).unwrap();
        let (sender, effects) = Sender::new(self.instants(skew), skew, concurrency, goal);
        self.senders.insert(life, sender);
        self.carry_out(life, effects);
        life
    }

    /// A dispatcher is shut down, or crashes.
    fn end_of(&mut self, life: u64) {
        if self.random.percent(30) {
            self.record.count("shut down");
            let wait = u64::try_from(ENDS_WITHIN.as_millis()).unwrap();
            self.plan(wait, Happening::Overdue(life));
            self.give(life, vec![Answer::Stop]);
        } else {
            self.record.count("crashes");
            self.steps += 1;
            self.senders.remove(&life);
            self.plan_within(3000, Happening::Begin);
        }
    }

    /// A dispatcher has ended: another one begins.
    pub(super) fn ended(&mut self, life: u64) {
        let sender = self.senders.remove(&life).unwrap();
        let is_stopped = sender.watched.is_stopped();
        assert!(is_stopped || !self.is_faulty, "{life} stopped by itself");
        if let Err(error) = sender.watched.finish() {
            assert!(self.is_faulty && !error.is_lasting(), "{error}");
            self.record.count("last outcomes not recorded");
        }
        if self.is_faulty {
            self.plan_within(3000, Happening::Begin);
        }
    }

    fn fate(&mut self) {
        let webhooks = self.store.webhooks(None).now_or_never().unwrap().unwrap();
        let mut webhook = self.random.pick(&webhooks).clone();
        let number = webhook.id.as_u64_pair().1;
        self.moods.insert(number, *self.random.pick(&MOODS));
        self.is_store_away = self.random.percent(10);
        if self.is_store_away {
            self.record.count("store away");
        }
        if webhook.endpoint.disabled.take().is_some() {
            self.enable(webhook);
        }
    }

    /// The end: nothing goes wrong any more, what is left is delivered, and all is checked.
    fn end(mut self) -> End {
        // What is on the wire arrives nevertheless.
        self.happenings
            .retain(|it| matches!(*it.what, Happening::Arrive(_)));
        self.senders.clear();
        (self.is_faulty, self.is_store_away) = (false, false);
        self.moods.clear();
        for mut webhook in self.store.webhooks(None).now_or_never().unwrap().unwrap() {
            if webhook.endpoint.disabled.take().is_some() {
                self.enable(webhook);
            }
        }
        let healed_at = self.now;
        self.begin(TimeDelta::zero(), Goal::Idle);
        while !self.senders.is_empty() {
            self.go_on();
            let took = Duration::from_nanos(self.now - healed_at);
            assert!(
                took < Duration::from_secs(3600),
                "something is pending for ever"
            );
        }
        while !self.happenings.is_empty() {
            self.go_on();
        }
        let all = DeliveryFilter::default();
        let page = self.store.deliveries(None, all, None, u32::MAX);
        let rows = page.now_or_never().unwrap().unwrap().deliveries;
        self.record.ends(&rows);
        assert_eq!(institution().as_str(), "north");
        End {
            steps: self.steps,
            took: Duration::from_nanos(self.now),
            counts: self.record.counts,
        }
    }
}
