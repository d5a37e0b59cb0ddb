//! A store whose claims come late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::*;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// So many claims are far more than any test has a reason for.
const FAR_TOO_MANY: usize = 10_000;

/// What happens while a claim is under way.
#[derive(Debug, Clone, Copy)]
pub enum Meanwhile {
    Nothing,
    /// The store takes its time.
    Passes(Duration),
    /// The clock jumps.
    Jumps(TimeDelta),
    /// The store can be read, and not written: its disk is full.
    Fails,
}

type Script = dyn Fn(usize) -> Meanwhile + Send + Sync;

/// A store in memory, and the clock of the dispatchers on it.
#[derive(Clone)]
pub struct Slow {
    store: MemoryStore,
    /// Called with the number of claims before.
    script: Arc<Script>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How far the clock has jumped.
    jumped: TimeDelta,
    claims: usize,
    /// Whether no outcome can be recorded.
    forgets: bool,
    /// When each event was claimed last, by the clock.
    claimed: BTreeMap<Uuid, Vec<DateTime<Utc>>>,
}

impl Slow {
    pub fn new(
        store: MemoryStore,
        script: impl Fn(usize) -> Meanwhile + Send + Sync + 'static,
    ) -> Self {
        Self {
            store,
            script: Arc::new(script),
            seen: Arc::default(),
        }
    }

    /// How far the clock has jumped.
    pub fn jumped(&self) -> TimeDelta {
        self.seen.lock().unwrap().jumped
    }

    /// How many claims there were.
    pub fn claims(&self) -> usize {
        self.seen.lock().unwrap().claims
    }

    /// From now on, no outcome can be recorded; or it can again.
    pub fn forget(&self, forgets: bool) {
        self.seen.lock().unwrap().forgets = forgets;
    }

    /// When an event was claimed.
    pub fn claimed(&self, event: Uuid) -> Vec<DateTime<Utc>> {
        let seen = self.seen.lock().unwrap();
        seen.claimed.get(&event).cloned().unwrap_or_default()
    }
}

impl certificate_lifecycle::store::sealed::Sealed for Slow {}

impl Store for Slow {
    delegate!(append load history feed feed_end wake);
}

impl Outbox for Slow {
    delegate!(add_webhook put_webhook webhook webhooks remove_webhook due);
    delegate!(deliveries delivery attempts redeliver replay abandon prune backlog);

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>, StoreError> {
        if self.seen.lock().unwrap().forgets {
            return Err(StoreError::Unavailable {
                reason: "a row is locked".to_owned(),
                cause: None,
            });
        }
        self.store.settle(now, settlements, health).await
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
        let before = {
            let mut seen = self.seen.lock().unwrap();
            seen.claims += 1;
            seen.claims - 1
        };
        // Virtual time stands still while any task is busy: one that claims without a pause would
        // never be seen to do so.
        assert!(before < FAR_TOO_MANY, "claimed without a pause");
        let meanwhile = (self.script)(before);
        if matches!(meanwhile, Meanwhile::Fails) {
            return Err(StoreError::Unavailable {
                reason: "the disk is full".to_owned(),
                cause: None,
            });
        }
        let now = claim.now;
        let batch = self.store.claim(claim).await?;
        let events = batch.deliveries.iter();
        for event in events.filter_map(|it| it.event.as_ref().ok()) {
            let mut seen = self.seen.lock().unwrap();
            seen.claimed.entry(event.id()).or_default().push(now);
        }
        match meanwhile {
            Meanwhile::Nothing | Meanwhile::Fails => {}
            Meanwhile::Passes(time) => tokio::time::sleep(time).await,
            Meanwhile::Jumps(time) => self.seen.lock().unwrap().jumped += time,
        }
        Ok(batch)
    }
}
