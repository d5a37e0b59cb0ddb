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

/// A store in memory, and the clock of whoever works on it.
#[derive(Clone)]
pub struct Slow {
    store: MemoryStore,
    /// Told how many claims there were before.
    script: Arc<Script>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How far the clock has jumped.
    jumped: TimeDelta,
    claims: usize,
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

    /// When an event was claimed.
    pub fn claimed(&self, event: Uuid) -> Vec<DateTime<Utc>> {
        let seen = self.seen.lock().unwrap();
        seen.claimed.get(&event).cloned().unwrap_or_default()
    }
}

impl Store for Slow {
    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        self.store.append(batch, atomicity).await
    }

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>, StoreError> {
        self.store.load(institution, uuid).await
    }

    async fn history(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.store.history(institution, uuid).await
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        self.store.feed(after, limit).await
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        self.store.feed_end().await
    }

    fn wake(&self) -> Wake {
        self.store.wake()
    }
}

impl Outbox for Slow {
    async fn add_webhook(&self, webhook: Webhook) -> Result<bool, StoreError> {
        self.store.add_webhook(webhook).await
    }

    async fn put_webhook(&self, webhook: Webhook) -> Result<bool, StoreError> {
        self.store.put_webhook(webhook).await
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<Webhook>, StoreError> {
        self.store.webhook(id).await
    }

    async fn webhooks(
        &self,
        institution: Option<&InstitutionId>,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.store.webhooks(institution).await
    }

    async fn remove_webhook(&self, id: Uuid) -> Result<bool, StoreError> {
        self.store.remove_webhook(id).await
    }

    async fn due(&self) -> Result<Vec<Due>, StoreError> {
        self.store.due().await
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
        let before = {
            let mut seen = self.seen.lock().unwrap();
            seen.claims += 1;
            seen.claims - 1
        };
        // Virtual time stands still while anybody is busy: whoever claims without a pause would never be
        // seen to do so.
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

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>, StoreError> {
        self.store.settle(now, settlements, health).await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.deliveries(filter, after, limit).await
    }

    async fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempted>, StoreError> {
        self.store.attempts(delivery).await
    }

    async fn redeliver(
        &self,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
    ) -> Result<u64, StoreError> {
        self.store.redeliver(now, deliveries).await
    }

    async fn abandon(
        &self,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
        reason: String,
    ) -> Result<u64, StoreError> {
        self.store.abandon(now, deliveries, reason).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.store.prune(before, limit).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.store.backlog().await
    }
}
