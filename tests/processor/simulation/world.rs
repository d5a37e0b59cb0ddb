//! What all that is simulated shares: time, chance, and the record of what happened.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use certificate_lifecycle::store::{InstitutionId, MemoryStore, Store};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use super::record::Record;
use crate::random::Random;
use crate::stage::institution;
use crate::support;

/// What kind of world it is.
#[derive(Debug, Clone)]
pub struct Circumstances {
    pub lease: Duration,
    pub attempts: u32,
    pub timeout: Duration,
    pub first_wait: Duration,
    pub longest_wait: Duration,
    pub institutions: Vec<InstitutionId>,
    /// How many processors there are at a time.
    pub processors: u64,
}

/// One simulated world. Everything runs on one thread.
pub struct World {
    pub circumstances: Circumstances,
    pub store: MemoryStore,
    random: Mutex<Random>,
    start: Instant,
    is_faulty: Mutex<bool>,
    record: Mutex<Record>,
    /// What tells processors of commits: one each, so that they hear of them in the same order
    /// every time.
    bells: Mutex<Vec<MemoryStore>>,
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        let mut random = Random::from_seed(seed);
        let lease = Duration::from_millis(5000 + random.below(15_000));
        let all = ["a", "b", "c", "d"].map(institution);
        let institutions = all[..=usize::try_from(random.below(4)).unwrap()].to_vec();
        let circumstances = Circumstances {
            lease,
            attempts: 1 + u32::try_from(random.below(4)).unwrap(),
            timeout: lease / 2 + lease * u32::try_from(random.below(150)).unwrap() / 100,
            first_wait: Duration::from_millis(10 + random.below(3000)),
            longest_wait: Duration::from_millis(3000 + random.below(5000)),
            institutions,
            processors: 1 + random.below(4),
        };
        Arc::new(Self {
            record: Mutex::new(Record::new()),
            circumstances,
            store: MemoryStore::new(),
            random: Mutex::new(random),
            start: Instant::now(),
            is_faulty: Mutex::new(true),
            bells: Mutex::default(),
        })
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap().below(bound.max(1))
    }

    pub fn percent(&self, often: u64) -> bool {
        self.below(100) < often
    }

    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(self.below(u64::MAX), self.below(u64::MAX))
    }

    /// A length up to so many percent of this one.
    pub fn part_of(&self, length: Duration, percent: u64) -> Duration {
        let most = length.as_millis() * u128::from(percent) / 100;
        Duration::from_millis(self.below(u64::try_from(most).unwrap() + 1))
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    pub fn is_faulty(&self) -> bool {
        *self.is_faulty.lock().unwrap()
    }

    /// From now on, nothing goes wrong.
    pub fn heal(&self) {
        *self.is_faulty.lock().unwrap() = false;
    }

    /// A fault occurs so often in a hundred, as long as there are faults.
    pub fn fault(&self, what: &'static str, often: u64) -> bool {
        let occurs = self.is_faulty() && self.percent(often);
        if occurs {
            self.record().count(what);
        }
        occurs
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The true time.
    pub fn now(&self) -> DateTime<Utc> {
        support::at(0) + TimeDelta::from_std(self.elapsed()).unwrap()
    }

    /// Something takes its time, up to so many milliseconds; often none.
    pub async fn pause(&self, most: u64) {
        if self.percent(30) {
            tokio::task::yield_now().await;
        } else {
            sleep(Duration::from_millis(self.below(most + 1))).await;
        }
    }

    pub fn bell(&self) -> MemoryStore {
        let bell = MemoryStore::new();
        self.bells.lock().unwrap().push(bell.clone());
        bell
    }

    /// Takes note of what was committed, and tells the processors. It does not wait for anything.
    pub async fn look(&self) {
        let mut has_more = false;
        loop {
            let after = self.record().seen;
            let page = self.store.feed(after, 100).await.unwrap();
            if page.is_empty() {
                break;
            }
            has_more = true;
            let now = self.now();
            let mut record = self.record();
            for recorded in page {
                record.committed(&recorded, now);
            }
        }
        if has_more {
            for bell in &*self.bells.lock().unwrap() {
                bell.wake();
            }
        }
    }
}

/// What is ready on other tasks goes first: work begins, or is dropped.
pub async fn others_first() {
    tokio::spawn(async {}).await.unwrap();
}
