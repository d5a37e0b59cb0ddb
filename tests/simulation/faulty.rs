//! A store that fails, forgets to answer, and takes its time.

use std::sync::Arc;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::*;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::world::World;

#[derive(Clone)]
pub struct Faulty {
    pub store: MemoryStore,
    pub world: Arc<World>,
    pub bell: MemoryStore,
}

impl Faulty {
    /// The question travels there; it may never arrive.
    async fn there(&self, what: &'static str) -> Result<(), StoreError> {
        self.world.pause(20).await;
        self.world.step(&what);
        if self.world.is_faulty() && self.world.percent(3) {
            self.world.count("questions lost");
            return Err(away("lost on its way"));
        }
        Ok(())
    }

    /// The answer travels back; it may never arrive.
    async fn back<T>(&self, answer: T) -> Result<T, StoreError> {
        self.world.pause(20).await;
        if self.world.is_faulty() && self.world.percent(3) {
            self.world.count("answers lost");
            return Err(away("the answer was lost"));
        }
        Ok(answer)
    }
}

fn away(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
        cause: None,
    }
}

impl Store for Faulty {
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
        self.bell.wake()
    }
}

impl Outbox for Faulty {
    async fn add_webhook(&self, webhook: Webhook) -> Result<bool, StoreError> {
        self.store.add_webhook(webhook).await
    }

    async fn put_webhook(&self, webhook: Webhook) -> Result<bool, StoreError> {
        self.there("put_webhook").await?;
        let is_put = self.store.put_webhook(webhook).await?;
        self.back(is_put).await
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<Webhook>, StoreError> {
        self.there("webhook").await?;
        let webhook = self.store.webhook(id).await?;
        self.back(webhook).await
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
        self.there("due").await?;
        let due = self.store.due().await?;
        self.back(due).await
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
        self.there("claim").await?;
        let batch = self.store.claim(claim.clone()).await?;
        self.world.record().claimed(&claim, &batch);
        if self.world.is_faulty() && self.world.percent(1) {
            // Longer than a lease.
            self.world.count("slow claims");
            tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        }
        self.back(batch).await
    }

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>, StoreError> {
        self.there("settle").await?;
        let told = settlements.clone();
        let counted = self.store.settle(now, settlements, health).await?;
        for (settlement, counts) in told.iter().zip(&counted) {
            self.world.record().settled(settlement, *counts);
        }
        self.back(counted).await
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
        self.there("prune").await?;
        let pruned = self.store.prune(before, limit).await?;
        self.back(pruned).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.there("backlog").await?;
        let backlog = self.store.backlog().await?;
        self.back(backlog).await
    }
}
