//! Whatever is done to an outbox, in whatever order, it answers and keeps what the reference does:
//! the store in memory. A failure is shrunk to the fewest steps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Attempt, Claim, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus, HealthChange,
    InstitutionId, LeasedDelivery, MemoryStore, Outbox, Outcome, Put, Replay, Request, Settlement,
    Webhook,
};
use certificate_lifecycle::webhook::EventKinds;
use certificate_lifecycle::{Action, EventKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::harness::Harness;
use crate::outbox_world::{
    PLENTY, at_ms, attempted, disabled, endpoint, hook, in_theirs, name_of, of_ours, of_theirs,
};
use crate::support::at;
use crate::world::{TestClock, act, engine_on, ours, theirs, upload};

const CASES: u32 = 24;

/// One step. Numbers stand for what is there at the time: of so many, the one at this place, and
/// from the first again after the last.
#[derive(Debug, Clone)]
enum Step {
    /// The clock goes on.
    Wait(i64),
    /// Through which handle, the application, what happens to it, and whether all or none is.
    Write(usize, u64, Vec<Action>, bool),
    Register(u64),
    /// The webhook, whether it is enabled, its kinds, and whether an old revision is given.
    Put(u64, bool, Vec<EventKind>, bool),
    Remove(u64),
    /// The webhooks, and for how long.
    Claim(Vec<u64>, u64),
    /// Which of those that were ever claimed, what became of it, and whether there was an attempt.
    Settle(Vec<(usize, Outcome, bool)>, Option<(u64, HealthChange)>),
    Redeliver(Vec<usize>),
    Abandon(Vec<usize>),
    /// To which webhook, of which kinds, from when on, how many are looked at in a step, and
    /// whether they are only counted.
    Replay(u64, Vec<EventKind>, Option<i64>, u32, bool),
    /// What is older than so many seconds.
    Prune(i64),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Delivered),
        3 => (0..200_i64).prop_map(|seconds| Outcome::Retry { at: at(seconds) }),
        2 => "[a-z\u{0}'é]{0,4}".prop_map(|reason| Outcome::Dead { reason }),
        1 => Just(Outcome::Released),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let action =
        prop_oneof![3 => Just(Action::Fail), 3 => Just(Action::Retry), 1 => Just(Action::Approve)];
    let kinds = || prop::collection::vec(prop::sample::select(EventKind::ALL.to_vec()), 0..7);
    let time = || prop::option::of((0..200_000_i64).prop_map(at_ms));
    let health = (any::<bool>(), time(), time());
    let health = health.prop_map(|(delivered, failed_at, not_before)| {
        HealthChange::default()
            .with_delivered(delivered)
            .with_failed_at(failed_at)
            .with_not_before(not_before)
    });
    let settled = prop::collection::vec((any::<usize>(), outcome(), any::<bool>()), 0..8);
    let picked = || prop::collection::vec(any::<usize>(), 0..4);
    let seconds = prop::sample::select(vec![0_i64, 1, 2, 10, 60]);
    prop_oneof![
        4 => seconds.prop_map(Step::Wait),
        8 => (0..2_usize, 0..5_u64, prop::collection::vec(action, 0..4), any::<bool>())
            .prop_map(|(handle, number, actions, all)| Step::Write(handle, number, actions, all)),
        2 => (0..4_u64).prop_map(Step::Register),
        2 => (0..4_u64, prop::bool::weighted(0.7), kinds(), prop::bool::weighted(0.1))
            .prop_map(|(number, enabled, kinds, stale)| Step::Put(number, enabled, kinds, stale)),
        1 => (0..4_u64).prop_map(Step::Remove),
        8 => (prop::collection::vec(0..4_u64, 1..4), prop::sample::select(vec![1_u64, 30, 60]))
            .prop_map(|(numbers, lease)| Step::Claim(numbers, lease)),
        8 => (settled, prop::option::of((0..4_u64, health)))
            .prop_map(|(settled, health)| Step::Settle(settled, health)),
        2 => picked().prop_map(Step::Redeliver),
        1 => picked().prop_map(Step::Abandon),
        2 => (0..4_u64, kinds(), prop::option::of(0..100_i64), 1..50_u32, prop::bool::weighted(0.2))
            .prop_map(|(number, kinds, since, limit, is_dry)| {
                Step::Replay(number, kinds, since, limit, is_dry)
            }),
        1 => (0..100_i64).prop_map(Step::Prune),
    ]
}

/// Whose webhook has this number: the third is theirs.
fn of(number: u64) -> InstitutionId {
    if number == 3 { theirs() } else { ours() }
}

/// What tells one delivery from all others, in either store.
type Name = (Uuid, Uuid, u64);

/// One of the two stores, and what was claimed of it.
struct Side<S: Outbox> {
    store: S,
    engines: Vec<Engine<S>>,
    /// In the order of the claims, and within one by name.
    claimed: Vec<(Name, LeasedDelivery)>,
}

/// What can be compared of a step.
#[derive(Debug, PartialEq)]
enum Answer {
    Nothing,
    Written(Vec<bool>),
    Is(bool),
    Put(Put),
    LeasedDelivery(Vec<(Name, u32, String)>, Vec<Webhook>),
    Settled(Vec<bool>),
    Count(u64),
}

/// All that can be known of an outbox.
#[derive(Debug, PartialEq)]
struct Seen {
    webhooks: Vec<Webhook>,
    deliveries: BTreeMap<Name, (Delivery, Vec<Attempt>)>,
    /// Which have something that is due by now.
    due: BTreeSet<(Uuid, bool)>,
    backlog: BTreeMap<Uuid, (u64, Option<i64>, u64)>,
}

impl<S: Outbox> Side<S> {
    fn new(stores: Vec<S>, clock: &TestClock) -> Self {
        Self {
            store: stores[0].clone(),
            engines: stores.into_iter().map(|it| engine_on(it, clock)).collect(),
            claimed: Vec::new(),
        }
    }

    async fn deliveries(&self) -> BTreeMap<Name, Delivery> {
        let all = self
            .store
            .deliveries(None, DeliveryFilter::default(), None, 100_000);
        let all = all.await.unwrap().deliveries.into_iter();
        all.map(|it| (name_of(&it), it)).collect()
    }

    /// Those at these places of all that there are, and now and then one that is not there.
    async fn picked(&self, places: &[usize]) -> Vec<DeliveryId> {
        let all: Vec<_> = self
            .deliveries()
            .await
            .into_values()
            .map(|it| it.id)
            .collect();
        let places = places.iter().map(|it| it % (all.len() + 1));
        places
            .map(|place| all.get(place).copied().unwrap_or(DeliveryId(i64::MAX)))
            .collect()
    }

    async fn take(&mut self, step: &Step, now: i64) -> Answer {
        match step {
            Step::Wait(_) => Answer::Nothing,
            Step::Write(handle, number, actions, all) => {
                self.write(*handle, *number, actions, *all).await
            }
            Step::Register(number) => {
                let webhook = if *number == 3 {
                    of_theirs(*number)
                } else {
                    of_ours(*number)
                };
                Answer::Is(self.store.add_webhook(webhook).await.unwrap())
            }
            Step::Put(number, is_enabled, kinds, is_stale) => {
                self.put(*number, *is_enabled, kinds, *is_stale).await
            }
            Step::Remove(number) => Answer::Is(
                self.store
                    .remove_webhook(&of(*number), hook(*number))
                    .await
                    .unwrap(),
            ),
            Step::Claim(numbers, lease) => self.claim(numbers, *lease, now).await,
            Step::Settle(settled, health) => self.settle(settled, health.as_ref(), now).await,
            Step::Redeliver(places) => {
                let (picked, mut count) = (self.picked(places).await, 0);
                // Each finds its own of them.
                for of in [ours(), theirs()] {
                    let redelivered = self.store.redeliver(&of, at(now), picked.clone());
                    count += redelivered.await.unwrap();
                }
                Answer::Count(count)
            }
            Step::Abandon(places) => {
                let (picked, mut count) = (self.picked(places).await, 0);
                for of in [ours(), theirs()] {
                    let reason = "it is not wanted".to_owned();
                    let abandoned = self.store.abandon(&of, at(now), picked.clone(), reason);
                    count += abandoned.await.unwrap();
                }
                Answer::Count(count)
            }
            Step::Replay(number, kinds, since, limit, is_dry) => {
                let replay = Replay::new(hook(*number))
                    .with_kinds(kinds.iter().copied().collect())
                    .with_since(since.map(at))
                    .with_limit(*limit)
                    .with_is_dry_run(*is_dry);
                self.replay(*number, replay, now).await
            }
            Step::Prune(age) => {
                Answer::Count(self.store.prune(at(now - age), 10_000).await.unwrap())
            }
        }
    }

    async fn replay(&self, number: u64, mut step: Replay, now: i64) -> Answer {
        let mut count = 0;
        loop {
            let replayed = self.store.replay(&of(number), at(now), step).await;
            let Some(replayed) = replayed.unwrap() else {
                return Answer::Nothing;
            };
            count += replayed.deliveries;
            match replayed.next {
                Some(next) => step.after = next,
                None => return Answer::Count(count),
            }
        }
    }

    async fn write(&self, handle: usize, number: u64, actions: &[Action], all: bool) -> Answer {
        let engine = &self.engines[handle % self.engines.len()];
        let actions = actions.iter().map(|action| act(number, *action));
        let requests = std::iter::once(upload(number)).chain(actions);
        // Every fifth application is theirs.
        let of = |it: Request| if number == 4 { in_theirs(it) } else { it };
        let requests = requests.map(of).collect();
        let answers = if all {
            engine.execute_all(requests).await
        } else {
            engine.execute_many(requests).await
        };
        Answer::Written(answers.iter().map(Result::is_ok).collect())
    }

    async fn put(
        &self,
        number: u64,
        is_enabled: bool,
        kinds: &[EventKind],
        is_stale: bool,
    ) -> Answer {
        let known = self.store.webhook(&of(number), hook(number)).await.unwrap();
        let mut webhook = known.unwrap_or_else(|| of_ours(number));
        webhook.revision = webhook.revision.wrapping_sub(u64::from(is_stale));
        webhook.endpoint = endpoint(number);
        webhook.endpoint.kinds = kinds.iter().copied().collect::<EventKinds>();
        if !is_enabled {
            webhook.endpoint = disabled(webhook.endpoint);
        }
        Answer::Put(self.store.put_webhook(webhook).await.unwrap())
    }

    async fn claim(&mut self, numbers: &[u64], lease: u64, now: i64) -> Answer {
        let numbers: BTreeSet<_> = numbers.iter().map(|it| hook(*it)).collect();
        let claim = Claim::new(
            at(now),
            Duration::from_secs(lease),
            numbers.into_iter().map(|it| (it, PLENTY)).collect(),
        );
        let batch = self.store.claim(claim).await.unwrap();
        let named = batch.deliveries.into_iter().map(|it| {
            let event = it.event.as_ref().unwrap();
            ((it.webhook, event.uuid(), event.version()), it)
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable_by_key(|(name, _)| *name);
        let reported = named.iter().map(|(name, claimed)| {
            let json = claimed.event.as_ref().unwrap().to_json(claimed.webhook);
            (*name, claimed.attempts, json)
        });
        let reported = reported.collect();
        self.claimed.extend(named);
        let mut webhooks = batch.webhooks;
        webhooks.sort_by_key(|it| it.id);
        Answer::LeasedDelivery(reported, webhooks)
    }

    async fn settle(
        &mut self,
        settled: &[(usize, Outcome, bool)],
        health: Option<&(u64, HealthChange)>,
        now: i64,
    ) -> Answer {
        // Mostly the last that were claimed.
        let last = self.claimed.len().saturating_sub(12);
        let recent = &self.claimed[last..];
        let settlements = settled.iter().filter(|_| !recent.is_empty());
        let settlements = settlements.map(|(place, outcome, is_attempted)| {
            let (_, claimed) = &recent[place % recent.len()];
            Settlement::new(claimed.id, claimed.token, outcome.clone())
                .with_attempt(is_attempted.then(|| attempted(now, 200)))
        });
        let settlements = settlements.collect();
        let health = health
            .iter()
            .map(|(number, health)| (hook(*number), *health));
        let settled = self.store.settle(at(now), settlements, health.collect());
        Answer::Settled(settled.await.unwrap())
    }

    async fn seen(&self, now: i64) -> Seen {
        let store = &self.store;
        let webhooks = store.webhooks(None).await.unwrap();
        let of = [ours(), theirs()].map(|of| async move { store.webhooks(Some(&of)).await });
        let mut listed = 0;
        for institution in of {
            listed += institution.await.unwrap().len();
        }
        assert_eq!(listed, webhooks.len());
        let mut deliveries = BTreeMap::new();
        let mut lanes = BTreeSet::new();
        let (mut due, mut counted) = (BTreeSet::new(), BTreeMap::new());
        for (name, mut delivery) in self.deliveries().await {
            let attempts = store
                .attempts(&delivery.institution, delivery.id)
                .await
                .unwrap();
            delivery.id = DeliveryId(0);
            if delivery.status == DeliveryStatus::Pending {
                // Until when the others of its application wait is the store's own affair.
                let is_first = lanes.insert((name.0, name.1));
                let time = if is_first { delivery.at } else { at(0) };
                delivery.at = time.max(at(now));
                counted.entry(name.0).or_insert(0_u64);
                *counted.entry(name.0).or_default() += 1;
            }
            deliveries.insert(name, (delivery, attempts));
        }
        for it in store.due().await.unwrap() {
            let is_now = it.has_new || it.at.is_some_and(|time| time <= at(now));
            due.insert((it.webhook, is_now));
            assert!(counted.contains_key(&it.webhook), "nothing is pending");
        }
        let backlog = store.backlog(None).await.unwrap().into_iter().map(|it| {
            let oldest = it.oldest.map(|time| time.timestamp());
            (it.webhook, (it.pending, oldest, it.dead))
        });
        let backlog: BTreeMap<_, _> = backlog.collect();
        for (webhook, pending) in counted {
            assert_eq!(backlog[&webhook].0, pending);
        }
        Seen {
            webhooks,
            deliveries,
            due,
            backlog,
        }
    }
}

async fn walk<H: Harness<Store: Outbox>>(steps: Vec<Step>) {
    let clock = TestClock::default();
    let harness = H::fresh().await;
    let mut now = 0;
    let stores = vec![harness.open().await, harness.open().await];
    let mut one = Side::new(stores, &clock);
    let mut reference = Side::new(vec![MemoryStore::new()], &clock);
    for step in steps {
        if let Step::Wait(seconds) = step {
            now += seconds;
            clock.set(now);
        }
        let (answer, expected) = (one.take(&step, now).await, reference.take(&step, now).await);
        assert_eq!(answer, expected, "{step:?}");
        assert_eq!(one.seen(now).await, reference.seen(now).await, "{step:?}");
    }
}

pub async fn a_random_walk_is_that_of_the_reference<H: Harness<Store: Outbox>>() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let beginning = prop::collection::vec((0..4_u64).prop_map(Step::Register), 1..5);
    let steps = (beginning, prop::collection::vec(step(), 1..60));
    tokio::task::block_in_place(|| {
        let walked = TestRunner::new(config).run(&steps, |(beginning, steps)| {
            let steps = beginning.into_iter().chain(steps).collect();
            Handle::current().block_on(walk::<H>(steps));
            Ok(())
        });
        if let Err(failure) = walked {
            panic!("{failure}");
        }
    });
}

/// A random walk found it: what was named twice counted twice, where the delivery goes to a later
/// time.
pub async fn a_delivery_that_is_named_twice_is_redelivered_once<H: Harness<Store: Outbox>>() {
    // Given a delivery that is over, and a lease on the one after it
    let steps = vec![
        Step::Register(2),
        Step::Write(0, 1, vec![Action::Approve], false),
        Step::Claim(vec![2], 1),
        Step::Settle(vec![(0, Outcome::Delivered, true)], None),
        Step::Claim(vec![2], 60),
        // When it is named three times
        Step::Redeliver(vec![0, 0, 0]),
        Step::Redeliver(vec![1, 0, 1]),
    ];
    // Then the store counts as the reference does
    walk::<H>(steps.clone()).await;
    let harness = H::fresh().await;
    let clock = TestClock::default();
    let mut side = Side::new(vec![harness.open().await], &clock);
    let mut answers = Vec::new();
    for step in &steps {
        answers.push(side.take(step, 0).await);
    }
    assert_eq!(answers[5], Answer::Count(1));
}
