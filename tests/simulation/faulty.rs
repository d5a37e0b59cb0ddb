//! A store that fails, forgets to answer, and takes its time.

use std::collections::BTreeSet;
use std::sync::Arc;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::DisabledReason;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::life::Life;
use crate::progress::Begun;
use crate::record::Record;
use crate::world::{World, check};

/// The store, as one dispatcher sees it.
#[derive(Clone)]
pub struct Faulty {
    pub store: MemoryStore,
    pub world: Arc<World>,
    pub bell: MemoryStore,
    pub life: Arc<Life>,
}

impl Faulty {
    /// The question travels there; it may never arrive.
    async fn there(&self, what: &'static str) -> Result<(), StoreError> {
        self.life.may_stop();
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
        self.life.may_stop();
        self.world.pause(20).await;
        if self.world.is_faulty() && self.world.percent(3) {
            self.world.count("answers lost");
            return Err(away("the answer was lost"));
        }
        Ok(answer)
    }
}

impl Faulty {
    /// Outcomes were reported to the store.
    fn reported(&self, clock: DateTime<Utc>, reported: &[Settlement], counted: &[bool]) {
        let (by, now) = (self.life.number, self.world.now());
        let mut record = self.world.record();
        let mut outcomes = Vec::new();
        for (settlement, counts) in reported.iter().zip(counted) {
            record.settled(by, clock, settlement, *counts, now);
            if let Some(begun) = self.begun(&record, settlement) {
                let is_success = settlement.outcome == Outcome::Delivered;
                outcomes.push((begun, record.taken(by, begun.1), is_success));
            }
        }
        record.health.reported(clock, &outcomes, now);
    }

    /// The request that a settlement tells of, if there was one.
    fn begun(&self, record: &Record, settlement: &Settlement) -> Option<Begun> {
        let (place, attempt) = (record.place(settlement.id)?, settlement.attempt.as_ref()?);
        Some((self.life.number, place, attempt.at))
    }

    /// All deliveries.
    async fn rows(&self) -> Vec<Delivery> {
        let all = DeliveryFilter::default();
        let page = self.store.deliveries(None, all, None, u32::MAX).await;
        page.unwrap().deliveries
    }
}

fn away(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
        cause: None,
    }
}

impl certificate_lifecycle::store::sealed::Sealed for Faulty {}

impl Store for Faulty {
    delegate!(append load history feed feed_end);

    fn commits(&self) -> CommitWatch {
        self.bell.commits()
    }

    fn wake(&self) {
        self.bell.wake();
    }
}

impl Outbox for Faulty {
    delegate!(add_webhook webhooks remove_webhook deliveries delivery attempts redeliver replay abandon);

    async fn put_webhook(&self, webhook: Webhook) -> Result<Put, StoreError> {
        self.there("put_webhook").await?;
        let (id, endpoint) = (webhook.id, webhook.endpoint.clone());
        let put = self.store.put_webhook(webhook).await?;
        if let Some(disabled) = endpoint.disabled.clone().filter(|_| put.is_done()) {
            let (now, circumstances) = (self.world.now(), self.world.circumstances);
            let mut record = self.world.record();
            record.receivers.insert(id, endpoint);
            record
                .health
                .disabled(self.life.number, id, &disabled, &circumstances, now);
            record.count(match disabled.reason {
                DisabledReason::Manual => "disabled by hand",
                DisabledReason::Gone => "disabled as gone",
                DisabledReason::Failing => "disabled as failing",
            });
        }
        self.back(put).await
    }

    async fn webhook(
        &self,
        institution: &InstitutionId,
        id: Uuid,
    ) -> Result<Option<Webhook>, StoreError> {
        self.there("webhook").await?;
        let now = self.world.now();
        self.world.record().health.asked(self.life.number, id, now);
        let webhook = self.store.webhook(institution, id).await?;
        self.back(webhook).await
    }

    async fn due(&self) -> Result<Vec<Due>, StoreError> {
        self.there("due").await?;
        let (now, due) = (self.world.now(), self.store.due().await?);
        if self.world.record().health.shown(&due) > 0 {
            self.world.count("looks at pauses");
        }
        let due = self.back(due).await?;
        self.world.record().health.looked(self.life.number, now);
        Ok(due)
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
        self.there("claim").await?;
        let batch = self.store.claim(claim.clone()).await?;
        let now = self.world.now();
        self.world.record().claimed(&self.life, &claim, &batch, now);
        self.world.claims.notify_waiters();
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
        let reported = settlements.clone();
        let counted = self.store.settle(now, settlements, health).await?;
        self.reported(now, &reported, &counted);
        let counted = self.back(counted).await?;
        let mut record = self.world.record();
        let begun = reported.iter().filter_map(|it| self.begun(&record, it));
        let begun: Vec<_> = begun.collect();
        record.health.acknowledged(&begun, self.world.now());
        drop(record);
        Ok(counted)
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.there("prune").await?;
        let retention = self.world.circumstances.retention;
        check(before + retention <= self.life.now(), || {
            format!("what was delivered since {before} is forgotten too early")
        });
        let rows = self.rows().await;
        self.world.record().progress.is_that_of(&rows);
        let pruned = self.store.prune(before, limit).await?;
        let left = self.rows().await;
        let ids: BTreeSet<_> = left.iter().map(|it| it.id).collect();
        let gone: Vec<_> = rows.iter().filter(|it| !ids.contains(&it.id)).collect();
        // There is never more to prune than goes at once.
        check(
            rows.len() < limit as usize && gone.len() as u64 <= pruned,
            || {
                format!(
                    "{} of {} were pruned, {pruned} it says",
                    gone.len(),
                    rows.len()
                )
            },
        );
        self.world.record().pruned(&gone, &left, before);
        self.back(pruned).await
    }

    async fn backlog(
        &self,
        institution: Option<&InstitutionId>,
    ) -> Result<Vec<Backlog>, StoreError> {
        self.there("backlog").await?;
        let backlog = self.store.backlog(institution).await?;
        self.back(backlog).await
    }
}
