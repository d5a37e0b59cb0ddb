//! The memory store as an outbox.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::outbox::Row;
use super::pieces::place;
use super::{MemoryStore, Tables, cursor};
use crate::store::outbox::{
    Attempt, Backlog, Claim, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId, DeliveryPage, Due,
    HealthChange, Outbox, Put, Replay, Replayed, Settlement, Webhook, is_of_lease,
};
use crate::store::{InstitutionId, Result};

impl Tables {
    fn delivery(&self, no: i64, row: &Row) -> Option<Delivery> {
        let entered = self.log.get(row.event)?;
        let application = self.applications.get(row.application)?;
        let institution = self
            .institutions
            .all
            .get(application.institution as usize)?;
        Some(Delivery {
            id: DeliveryId(no),
            webhook: row.webhook,
            institution: institution.clone(),
            application: self.applications.details(row.application)?.uuid(),
            version: entered.version.into(),
            kind: entered.kind,
            status: row.state.status(),
            attempts: row.attempts,
            created_at: row.created_at,
            at: row.at,
            is_leased: row.state.is_pending() && is_of_lease(row.token),
            reason: row.reason.clone(),
        })
    }

    fn claim(&mut self, claim: &Claim) -> ClaimedBatch {
        let mut batch = ClaimedBatch::default();
        for (place, mut leased) in self.outbox.claim(claim) {
            let entered = self.log.get(place);
            if let Some(event) = entered.and_then(|it| self.event(it)) {
                leased.event = Ok(event);
            }
            let of = leased.webhook;
            if batch.webhooks.iter().all(|known| known.id != of) {
                batch
                    .webhooks
                    .extend(self.outbox.webhooks.get(&of).cloned());
            }
            batch.deliveries.push(leased);
        }
        batch
    }
}

impl Tables {
    fn replay(
        &mut self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        replay: &Replay,
    ) -> Option<Replayed> {
        let webhook = self.outbox.webhook_of(institution, replay.webhook)?.id;
        let institution = self.institution(institution);
        let start = u32::try_from(replay.after.transaction()).unwrap_or(u32::MAX);
        let end = start.saturating_add(replay.size());
        let end = end.min(place(self.log.len()));
        let (from, before) = replay.seconds();
        let known = self.outbox.events_of(webhook);
        let mut deliveries = 0;
        for at in start..end {
            let Some(entered) = self.log.get(at) else {
                continue;
            };
            let row = self.applications.get(entered.application);
            let (time, kind) = (entered.at().to_datetime(), entered.kind);
            if known.contains(&at)
                || row.map(|it| it.institution) != institution
                || !replay.kinds.contains(kind)
                || !(from..before).contains(&time.timestamp())
            {
                continue;
            }
            deliveries += 1;
            if !replay.is_dry_run {
                let lane = (entered.application, webhook);
                self.outbox.make_again(lane, at, time, now);
            }
        }
        let looked_at = end.saturating_sub(start);
        let last = end.checked_sub(1).map(cursor);
        let size = replay.size();
        Some(Replayed::of(deliveries, looked_at.into(), size, last))
    }
}

impl Outbox for MemoryStore {
    async fn add_webhook(&self, webhook: Webhook) -> Result<bool> {
        let mut tables = self.tables();
        let institution = tables.institutions.number(&webhook.institution);
        Ok(tables.outbox.add_webhook(institution, webhook.registered()))
    }

    async fn put_webhook(&self, webhook: Webhook) -> Result<Put> {
        let put = self.tables().outbox.put_webhook(webhook);
        // One that was enabled may have something pending.
        self.commits.send_replace(());
        Ok(put)
    }

    async fn webhook(&self, institution: &InstitutionId, id: Uuid) -> Result<Option<Webhook>> {
        Ok(self.tables().outbox.webhook_of(institution, id).cloned())
    }

    async fn webhooks(&self, institution: Option<&InstitutionId>) -> Result<Vec<Webhook>> {
        let tables = self.tables();
        let is_of = |it: &&Webhook| institution.is_none_or(|of| it.institution == *of);
        Ok(tables.outbox.in_order().filter(is_of).cloned().collect())
    }

    async fn remove_webhook(&self, institution: &InstitutionId, id: Uuid) -> Result<bool> {
        Ok(self.tables().outbox.remove_webhook(institution, id))
    }

    async fn due(&self) -> Result<Vec<Due>> {
        Ok(self.tables().outbox.due())
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch> {
        Ok(self.tables().claim(&claim))
    }

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        for (id, change) in health {
            if let Some(webhook) = tables.outbox.webhooks.get_mut(&id) {
                webhook.health = webhook.health.after(change, now);
            }
        }
        let settle = |it| tables.outbox.settle(now, it);
        Ok(settlements.into_iter().map(settle).collect())
    }

    async fn deliveries(
        &self,
        institution: Option<&InstitutionId>,
        filter: DeliveryFilter,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<DeliveryPage> {
        let tables = self.tables();
        let application = filter.application;
        let number = application.and_then(|uuid| tables.applications.number(uuid));
        if application.is_some() && number.is_none() {
            return Ok(DeliveryPage::default());
        }
        let rows = tables.outbox.matching(institution, after, &filter);
        let rows = rows.filter(|(_, row)| number.is_none_or(|it| it == row.application));
        let found = rows.filter_map(|(no, row)| {
            let delivery = tables.delivery(no, row)?;
            let is_of_kind = filter.kind.is_none_or(|it| it == delivery.kind);
            is_of_kind.then_some((delivery.id, Ok(delivery)))
        });
        Ok(DeliveryPage::of(DeliveryPage::size(limit), found))
    }

    async fn delivery(
        &self,
        institution: &InstitutionId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>> {
        let tables = self.tables();
        let row = tables.outbox.delivery_of(institution, id);
        Ok(row.and_then(|row| tables.delivery(id.0, row)))
    }

    async fn attempts(
        &self,
        institution: &InstitutionId,
        delivery: DeliveryId,
    ) -> Result<Vec<Attempt>> {
        let tables = self.tables();
        Ok(match tables.outbox.delivery_of(institution, delivery) {
            Some(_) => tables.outbox.attempts(delivery),
            None => Vec::new(),
        })
    }

    async fn redeliver(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
    ) -> Result<u64> {
        let mut tables = self.tables();
        // Each once, whatever was named twice.
        let deliveries: BTreeSet<DeliveryId> = deliveries.into_iter().collect();
        let mut count = 0;
        for delivery in deliveries {
            if tables.outbox.delivery_of(institution, delivery).is_some() {
                count += u64::from(tables.outbox.redeliver(now, delivery));
            }
        }
        self.commits.send_replace(());
        Ok(count)
    }

    async fn replay(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        replay: Replay,
    ) -> Result<Option<Replayed>> {
        let replayed = self.tables().replay(institution, now, &replay);
        self.commits.send_replace(());
        Ok(replayed)
    }

    async fn abandon(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
        reason: String,
    ) -> Result<u64> {
        let mut tables = self.tables();
        let mut count = 0;
        for delivery in deliveries {
            if tables.outbox.delivery_of(institution, delivery).is_some() {
                count += u64::from(tables.outbox.abandon(now, delivery, &reason));
            }
        }
        Ok(count)
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        Ok(self.tables().outbox.prune(before, limit as usize))
    }

    async fn backlog(&self, institution: Option<&InstitutionId>) -> Result<Vec<Backlog>> {
        let tables = self.tables();
        let mut backlog = tables.outbox.backlog();
        if let Some(institution) = institution {
            backlog.retain(|it| tables.outbox.webhook_of(institution, it.webhook).is_some());
        }
        Ok(backlog)
    }
}
