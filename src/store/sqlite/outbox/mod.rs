//! The embedded store as an outbox.

mod claim;
mod clear;
mod read;
mod replay;
mod settle;
mod webhooks;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::failure::unavailable;
use crate::store::outbox::{
    Attempt, Backlog, Claim, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId, DeliveryPage, Due,
    HealthChange, Outbox, Put, Replay, Replayed, Settlement, Webhook,
};
use crate::store::{InstitutionId, Result};

impl SqliteStore {
    /// Deletes what belongs to webhooks that were removed, in small steps, so that no other change
    /// waits for long.
    async fn clear_removed(&self) -> Result<()> {
        while self
            .change(clear::STEP as usize, |write| {
                clear::removed(write.connection()).map(Ok)
            })
            .await?
        {}
        Ok(())
    }
}

impl Outbox for SqliteStore {
    async fn add_webhook(&self, webhook: Webhook) -> Result<bool> {
        let webhook = webhook.registered();
        self.change(1, move |write| webhooks::add(write, &webhook).map(Ok))
            .await
    }

    async fn put_webhook(&self, webhook: Webhook) -> Result<Put> {
        let put = self
            .change(1, move |write| webhooks::put(write, &webhook).map(Ok))
            .await?;
        // One that was enabled may have something pending.
        self.shared.commits.send_replace(());
        Ok(put)
    }

    async fn webhook(&self, institution: &InstitutionId, id: Uuid) -> Result<Option<Webhook>> {
        let institution = institution.clone();
        self.read(move |reader| webhooks::by_id(reader, &institution, id))
            .await
    }

    async fn webhooks(&self, institution: Option<&InstitutionId>) -> Result<Vec<Webhook>> {
        let institution = institution.cloned();
        self.read(move |reader| webhooks::list(reader, institution.as_ref()))
            .await
    }

    async fn remove_webhook(&self, institution: &InstitutionId, id: Uuid) -> Result<bool> {
        let institution = institution.clone();
        let is_removed = self
            .change(1, move |write| {
                webhooks::remove(write, &institution, id).map(Ok)
            })
            .await?;
        if is_removed {
            // It is gone, whatever happens now: what this leaves is cleared away by `prune`.
            let _ = self.clear_removed().await;
        }
        Ok(is_removed)
    }

    async fn due(&self) -> Result<Vec<Due>> {
        self.read(|reader| read::due(reader)).await
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch> {
        let room = claim.wanted.iter().map(|(_, room)| *room as usize).sum();
        let (leased, webhooks) = self
            .passing_change(room, move |write| claim::claim(write.connection(), &claim))
            .await?;
        // What happened never changes, so the writer need not read it.
        let deliveries = self
            .read(move |reader| {
                // Each question alone would take and release locks of the file.
                let all = reader.transaction().map_err(unavailable)?;
                leased.iter().map(|it| it.with_event(&all)).collect()
            })
            .await?;
        Ok(ClaimedBatch {
            deliveries,
            webhooks,
        })
    }

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>> {
        self.passing_change(settlements.len(), move |write| {
            settle::settle(write.connection(), now, &settlements, &health).map(Ok)
        })
        .await
    }

    async fn deliveries(
        &self,
        institution: Option<&InstitutionId>,
        filter: DeliveryFilter,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<DeliveryPage> {
        let institution = institution.cloned();
        self.read(move |reader| {
            read::deliveries(reader, institution.as_ref(), &filter, after, limit)
        })
        .await
    }

    async fn delivery(
        &self,
        institution: &InstitutionId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>> {
        let institution = institution.clone();
        self.read(move |reader| read::one(reader, &institution, id))
            .await
    }

    async fn attempts(
        &self,
        institution: &InstitutionId,
        delivery: DeliveryId,
    ) -> Result<Vec<Attempt>> {
        let institution = institution.clone();
        self.read(move |reader| read::attempts(reader, &institution, delivery))
            .await
    }

    async fn redeliver(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
    ) -> Result<u64> {
        let institution = institution.clone();
        // Each once, whatever was named twice.
        let distinct: BTreeSet<DeliveryId> = deliveries.into_iter().collect();
        let deliveries: Vec<DeliveryId> = distinct.into_iter().collect();
        let redelivered = self
            .change(deliveries.len(), move |write| {
                settle::redeliver(write.connection(), &institution, now, &deliveries).map(Ok)
            })
            .await?;
        self.shared.commits.send_replace(());
        Ok(redelivered)
    }

    async fn replay(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        replay: Replay,
    ) -> Result<Option<Replayed>> {
        let of = institution.clone();
        let find = move |reader: &mut Connection| replay::find(reader, &of, &replay);
        let Some(found) = self.read(find).await? else {
            return Ok(None);
        };
        if replay.is_dry_run || found.events.is_empty() {
            return Ok(Some(found.replayed(&replay, None)));
        }
        let found = Arc::new(found);
        let (of, all) = (institution.clone(), Arc::clone(&found));
        let made = self.change(found.events.len(), move |write| {
            replay::make(write.connection(), &of, replay.webhook, now, &all.events).map(Ok)
        });
        let made = made.await?;
        self.shared.commits.send_replace(());
        Ok(made.map(|made| found.replayed(&replay, Some(made))))
    }

    async fn abandon(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
        reason: String,
    ) -> Result<u64> {
        let institution = institution.clone();
        self.change(deliveries.len(), move |write| {
            settle::abandon(write.connection(), &institution, now, &deliveries, &reason).map(Ok)
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        self.clear_removed().await?;
        let before = before.timestamp_millis();
        let find = move |reader: &mut Connection| read::old(reader, before, limit);
        let found = self.read(find).await?;
        self.passing_change(limit as usize, move |write| {
            clear::old(write.connection(), before, limit, &found).map(Ok)
        })
        .await
    }

    async fn backlog(&self, institution: Option<&InstitutionId>) -> Result<Vec<Backlog>> {
        let institution = institution.cloned();
        self.read(move |reader| read::backlog(reader, institution.as_ref()))
            .await
    }
}
