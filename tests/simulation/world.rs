//! What all that is simulated shares: time, chance, and the record of what happened.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use certificate_lifecycle::store::{
    Claim, ClaimedBatch, DeliveryId, MemoryStore, Outbox, Settlement, Verdict,
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::random::Random;

/// One simulated world. Everything runs on one thread; the locks are only what the traits ask for.
pub struct World {
    random: Mutex<Random>,
    start: Instant,
    /// Reads, writes, requests, commands, crashes.
    steps: AtomicU64,
    /// Whether anything goes wrong.
    is_faulty: Mutex<bool>,
    record: Mutex<Record>,
    /// What tells dispatchers of commits: one each, so that they hear of them in the same order every time.
    bells: Mutex<Vec<MemoryStore>>,
}

/// An event's place at a webhook: webhook, application, version.
pub type Place = (Uuid, Uuid, u64);

/// What happened, for the checks.
#[derive(Default)]
pub struct Record {
    /// What every subscriber must get.
    pub expected: BTreeSet<Place>,
    /// The application and the version of every event.
    pub events: BTreeMap<Uuid, (Uuid, u64)>,
    /// The institution of every webhook that there ever was, and of every application.
    pub institutions: BTreeMap<Uuid, String>,
    /// What receivers have said yes to, with the bytes.
    pub accepted: BTreeMap<Place, Vec<u8>>,
    /// What has arrived at all.
    pub arrived: BTreeMap<Place, Vec<u8>>,
    /// What the store has settled as dead.
    pub dead: BTreeMap<Place, String>,
    pub places: BTreeMap<DeliveryId, Place>,
    /// The newest lease of each delivery: its token, its end, and whether it was settled.
    leases: BTreeMap<DeliveryId, (i64, DateTime<Utc>, bool)>,
    /// How often what went wrong or might have.
    pub counts: BTreeMap<&'static str, u64>,
    trace: DefaultHasher,
}

thread_local! {
    /// What every failed check of this thread's simulation ends with.
    pub static REPLAY: RefCell<String> = const { RefCell::new(String::new()) };
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            random: Mutex::new(Random::new(seed)),
            start: Instant::now(),
            steps: AtomicU64::new(0),
            is_faulty: Mutex::new(true),
            record: Mutex::default(),
            bells: Mutex::default(),
        })
    }

    /// A store of its own, whose only use is that it can be heard.
    pub fn bell(&self) -> MemoryStore {
        let bell = MemoryStore::new();
        self.bells.lock().unwrap().push(bell.clone());
        bell
    }

    /// Something was committed. Now and then somebody does not hear of it.
    pub async fn ring(&self) {
        let bells = self.bells.lock().unwrap().clone();
        for bell in bells {
            if !self.is_faulty() || self.percent(90) {
                // It wakes whoever listens, even if there is nothing to be done.
                bell.redeliver(self.now(), Vec::new()).await.unwrap();
            }
        }
    }

    pub fn random<T>(&self, draw: impl FnOnce(&Random) -> T) -> T {
        draw(&self.random.lock().unwrap())
    }

    pub fn percent(&self, often: u64) -> bool {
        self.random(|it| it.percent(often))
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    pub fn is_faulty(&self) -> bool {
        *self.is_faulty.lock().unwrap()
    }

    /// From now on, nothing goes wrong.
    pub fn heal(&self) {
        *self.is_faulty.lock().unwrap() = false;
    }

    /// The true time.
    pub fn now(&self) -> DateTime<Utc> {
        let base: DateTime<Utc> = "2026-06-04T10:30:00Z".parse().unwrap();
        base + TimeDelta::from_std(self.start.elapsed()).unwrap()
    }

    /// Something takes its time, up to so many milliseconds; often none. Whoever else is ready goes first.
    pub async fn pause(&self, most: u64) {
        let milliseconds = self.random(|it| {
            if it.percent(30) {
                0
            } else {
                it.below(most + 1)
            }
        });
        self.step(&("pause", milliseconds));
        if milliseconds == 0 {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    }

    /// Something happened.
    pub fn step(&self, what: &impl Hash) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let at = self.start.elapsed().as_millis();
        let mut record = self.record();
        (at, what).hash(&mut record.trace);
    }

    pub fn count(&self, what: &'static str) {
        *self.record().counts.entry(what).or_default() += 1;
    }

    /// A number for all that happened, in its order.
    pub fn trace(&self) -> u64 {
        self.record().trace.finish()
    }
}

impl Record {
    /// A claim was carried out: no lease on any of it was alive.
    pub fn claimed(&mut self, claim: &Claim, batch: &ClaimedBatch) {
        let until = claim.now + claim.lease;
        for it in &batch.deliveries {
            if let Some((token, end, is_settled)) = self.leases.get(&it.id) {
                check(it.token > *token, || {
                    format!("{}: token {token} again", it.id)
                });
                let is_over = *is_settled || *end <= claim.now;
                check(is_over, || format!("{}: two live leases", it.id));
                if !is_settled {
                    *self.counts.entry("leases taken over").or_default() += 1;
                }
            }
            self.leases.insert(it.id, (it.token, until, false));
            let event = it.event.as_ref().unwrap();
            let place = (it.webhook, event.uuid(), event.version());
            self.places.insert(it.id, place);
        }
    }

    /// A settlement was carried out: only the newest lease counts.
    pub fn settled(&mut self, settlement: &Settlement, counted: bool) {
        let Some((token, _, is_settled)) = self.leases.get_mut(&settlement.id) else {
            return;
        };
        let is_newest = *token == settlement.token && !*is_settled;
        check(!counted || is_newest, || {
            format!("{}: an old lease counted", settlement.id)
        });
        if counted {
            *is_settled = true;
            if let Verdict::Dead { reason } = &settlement.verdict {
                let place = self.places[&settlement.id];
                self.dead.insert(place, reason.clone());
            }
        } else {
            *self
                .counts
                .entry("settlements that came too late")
                .or_default() += 1;
        }
    }
}

/// Fails with what was violated, and how to see it again.
pub fn check(holds: bool, violated: impl FnOnce() -> String) {
    if !holds {
        let replay = REPLAY.with_borrow(Clone::clone);
        panic!("{}\n{replay}", violated());
    }
}
