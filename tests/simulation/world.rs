//! What all that is simulated shares: time, chance, and the record of what happened.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use certificate_lifecycle::store::{InstitutionId, MemoryStore, Outbox};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::random::Random;
use crate::record::Record;

/// How long a request may take.
pub const TIMEOUT: TimeDelta = TimeDelta::seconds(2);

/// How much longer a delivery is leased.
pub const MARGIN: TimeDelta = TimeDelta::seconds(3);

/// How long that is.
pub const LEASE: TimeDelta = TimeDelta::seconds(5);

/// The delays before the attempts of a delivery, in seconds.
pub const DELAYS: [u64; 5] = [0, 1, 2, 4, 8];

/// For how long everything must have failed before a webhook is disabled.
pub const DISABLE_AFTER: TimeDelta = TimeDelta::seconds(40);

/// How often a dispatcher prunes.
pub const HOUSEKEEPING_EVERY: TimeDelta = TimeDelta::seconds(10);

/// How wrong a dispatcher's clock is at most, either way.
pub const SKEW: TimeDelta = TimeDelta::seconds(3);

/// How long a dispatcher is suspended at most: longer than two leases.
pub const LONGEST_SUSPENSION: TimeDelta = TimeDelta::seconds(12);

/// What kind of world it is.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Long enough that a webhook can fail until it is disabled.
    pub is_long: bool,
    /// Whether dispatchers are suspended.
    pub has_suspensions: bool,
    /// How long dispatchers keep what was delivered.
    pub retention: TimeDelta,
}

/// One simulated world. Everything runs on one thread; the locks are only what the traits ask for.
pub struct World {
    pub circumstances: Circumstances,
    random: Mutex<Random>,
    start: Instant,
    /// What the time was then.
    started_at: DateTime<Utc>,
    /// Reads, writes, requests, commands, crashes: each once, however often it waits.
    steps: AtomicU64,
    /// Whether anything goes wrong.
    is_faulty: Mutex<bool>,
    record: Mutex<Record>,
    /// What tells dispatchers of commits: one each, so that they hear of them in the same order
    /// every time.
    bells: Mutex<Vec<MemoryStore>>,
    /// Tells of claims.
    pub claims: Notify,
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        let random = Random::new(seed);
        Arc::new(Self {
            circumstances: Circumstances {
                is_long: random.percent(20),
                has_suspensions: random.percent(50),
                retention: TimeDelta::seconds(3 + random.below(18).cast_signed()),
            },
            random: Mutex::new(random),
            start: Instant::now(),
            started_at: "2026-06-04T10:30:00Z".parse().unwrap(),
            steps: AtomicU64::new(0),
            is_faulty: Mutex::new(true),
            record: Mutex::default(),
            bells: Mutex::default(),
            claims: Notify::new(),
        })
    }

    /// A store of its own, whose only use is that it can be heard.
    pub fn bell(&self) -> MemoryStore {
        let bell = MemoryStore::new();
        self.bells.lock().unwrap().push(bell.clone());
        bell
    }

    /// Something was committed. Now and then a dispatcher does not hear of it.
    pub async fn ring(&self) {
        let bells = self.bells.lock().unwrap().clone();
        let none = InstitutionId::new("none").unwrap();
        for bell in bells {
            if !self.is_faulty() || self.percent(90) {
                // It wakes all that listen, even if there is nothing to be done.
                bell.redeliver(&none, self.now(), Vec::new()).await.unwrap();
            }
        }
    }

    pub fn random<T>(&self, draw: impl FnOnce(&Random) -> T) -> T {
        draw(&self.random.lock().unwrap())
    }

    pub fn percent(&self, often: u64) -> bool {
        self.random(|it| it.percent(often))
    }

    /// Also after a check of it has failed, so that what ends then ends in peace.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.started_at + TimeDelta::from_std(self.start.elapsed()).unwrap()
    }

    /// Something takes its time, up to so many milliseconds; often none. Another that is ready goes
    /// first.
    pub async fn pause(&self, most: u64) {
        let milliseconds = self.random(|it| {
            if it.percent(30) {
                0
            } else {
                it.below(most + 1)
            }
        });
        self.trace(&("pause", milliseconds));
        if milliseconds == 0 {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    }

    /// Something was done: a read, a write, a request, a command, a crash.
    pub fn step(&self, what: &impl Hash) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.trace(what);
    }

    /// Something happened that is no step of its own.
    pub fn trace(&self, what: &impl Hash) {
        let at = self.start.elapsed().as_millis();
        self.record().trace(&(at, what));
    }

    pub fn count(&self, what: &'static str) {
        self.record().count(what);
    }
}

/// Fails with what was violated.
pub fn check(holds: bool, violated: impl FnOnce() -> String) {
    assert!(holds, "{}", violated());
}
