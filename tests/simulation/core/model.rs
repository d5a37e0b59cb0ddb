//! A store of a few rows: what an outbox promises a dispatcher, and no more.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::webhook;
use crate::lifecycle::application::Application;
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::event::Event;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};
use crate::store::{
    Claim, ClaimedBatch, DeliveryId, Due, Health, HealthChange, LeasedDelivery, Outcome,
    Settlement, Webhook,
};

/// A pending delivery.
#[derive(Debug, Clone, Copy)]
struct Row {
    webhook: Uuid,
    /// None if it was never claimed.
    at: Option<DateTime<Utc>>,
    token: i64,
    attempts: u32,
}

/// The pending deliveries of some webhooks, each of an application of its own.
pub(super) struct ModelStore {
    webhooks: Vec<Webhook>,
    health: BTreeMap<Uuid, Health>,
    event: Event,
    pending: BTreeMap<DeliveryId, Row>,
    last: i64,
}

impl ModelStore {
    pub(super) fn new(webhooks: u64) -> Self {
        let details = ApplicationDetails::new(
            ApplicationId::new(1).unwrap(),
            Uuid::nil(),
            CertificateTitle::new("Certificate").unwrap(),
            ApplicantEmail::new("john@example.com").unwrap(),
        );
        Self {
            webhooks: (0..webhooks).map(webhook).collect(),
            health: BTreeMap::new(),
            event: Application::submit(details, DateTime::UNIX_EPOCH).event,
            pending: BTreeMap::new(),
            last: 0,
        }
    }

    /// So many new deliveries for one of the webhooks.
    pub(super) fn add(&mut self, place: usize, count: u32) {
        let webhook = self.webhooks[place % self.webhooks.len()].id;
        for _ in 0..count {
            self.last += 1;
            let row = Row {
                webhook,
                at: None,
                token: 0,
                attempts: 0,
            };
            self.pending.insert(DeliveryId(self.last), row);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// How long it is until something is due.
    pub(super) fn due_in(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let wait = |it: Due| {
            let at = if it.has_new { Some(now) } else { it.at };
            at.max(it.not_before).map(|at| at - now)
        };
        self.due().into_iter().filter_map(wait).min()
    }

    pub(super) fn due(&self) -> Vec<Due> {
        let of = |id: Uuid| {
            let rows = self.pending.values().filter(move |it| it.webhook == id);
            let times = rows.clone().filter_map(|it| it.at);
            let health = self.health.get(&id);
            Due {
                webhook: id,
                has_new: rows.clone().any(|it| it.at.is_none()),
                at: times.min(),
                not_before: health.and_then(|it| it.not_before),
            }
        };
        let all = self.webhooks.iter().map(|it| of(it.id));
        all.filter(|it| it.has_new || it.at.is_some()).collect()
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> ClaimedBatch {
        let mut batch = ClaimedBatch::default();
        for (id, room) in &claim.wanted {
            let is_due = |it: &Row| it.webhook == *id && it.at.is_none_or(|at| at <= claim.now);
            let rows = self.pending.iter_mut().filter(|(_, it)| is_due(it));
            for (delivery, row) in rows.take(*room as usize) {
                row.token += 1;
                row.at = Some(claim.now + claim.lease);
                batch.deliveries.push(LeasedDelivery {
                    id: *delivery,
                    webhook: *id,
                    token: row.token,
                    attempts: row.attempts,
                    created_at: DateTime::UNIX_EPOCH,
                    event: Ok(self.event.clone()),
                });
            }
            let webhook = self.webhooks.iter().find(|it| it.id == *id);
            batch.webhooks.extend(webhook.cloned().map(|it| Webhook {
                health: self.health.get(id).copied().unwrap_or_default(),
                ..it
            }));
        }
        batch
    }

    /// Records outcomes. Returns how many did not count.
    pub(super) fn settle(
        &mut self,
        now: DateTime<Utc>,
        settlements: &[Settlement],
        health: &[(Uuid, HealthChange)],
    ) -> usize {
        for (id, change) in health {
            let health = self.health.entry(*id).or_default();
            *health = health.after(*change, now);
        }
        let lost = settlements.iter().filter(|it| !self.settle_one(now, it));
        lost.count()
    }

    fn settle_one(&mut self, now: DateTime<Utc>, settlement: &Settlement) -> bool {
        let Some(row) = self.pending.get_mut(&settlement.id) else {
            return false;
        };
        if row.token != settlement.token {
            return false;
        }
        row.attempts += u32::from(settlement.attempt.is_some());
        match settlement.outcome {
            Outcome::Retry { at } => row.at = Some(at),
            Outcome::Released => row.at = Some(now),
            Outcome::Delivered | Outcome::Dead { .. } => {
                self.pending.remove(&settlement.id);
                return true;
            }
        }
        // The token is used up.
        row.token += 1;
        true
    }
}
