//! Webhooks in memory, and whose they are.

use uuid::Uuid;

use super::outbox::{Outbox, Row};
use crate::store::InstitutionId;
use crate::store::outbox::{DeliveryId, Health, Put, Webhook};

impl Outbox {
    pub(super) fn add_webhook(&mut self, institution: u32, webhook: Webhook) -> bool {
        let id = webhook.id;
        if self.webhooks.contains_key(&id) {
            return false;
        }
        self.order.push(id);
        self.by_institution.entry(institution).or_default().push(id);
        self.webhooks.insert(id, webhook);
        true
    }

    /// A webhook, if it is of this institution.
    pub(super) fn webhook_of(&self, institution: &InstitutionId, id: Uuid) -> Option<&Webhook> {
        let webhook = self.webhooks.get(&id);
        webhook.filter(|it| it.institution == *institution)
    }

    /// A delivery, if it is to a webhook of this institution.
    pub(super) fn delivery_of(&self, institution: &InstitutionId, id: DeliveryId) -> Option<&Row> {
        let row = self.deliveries.get(&id.0);
        row.filter(|row| self.webhook_of(institution, row.webhook).is_some())
    }

    pub(super) fn put_webhook(&mut self, webhook: Webhook) -> Put {
        let known = self.webhooks.get_mut(&webhook.id);
        let Some(known) = known.filter(|it| it.institution == webhook.institution) else {
            return Put::Unknown;
        };
        if known.revision != webhook.revision {
            return Put::Conflict;
        }
        if webhook.endpoint.is_enabled() && !known.endpoint.is_enabled() {
            known.health = Health::default();
        }
        known.revision += 1;
        known.endpoint = webhook.endpoint;
        Put::Done
    }

    pub(super) fn remove_webhook(&mut self, institution: &InstitutionId, id: Uuid) -> bool {
        if self.webhook_of(institution, id).is_none() {
            return false;
        }
        self.webhooks.remove(&id);
        self.order.retain(|it| *it != id);
        for webhooks in self.by_institution.values_mut() {
            webhooks.retain(|it| *it != id);
        }
        self.queues.remove(&id);
        self.lanes.retain(|(_, webhook), _| *webhook != id);
        self.deliveries.retain(|_, row| row.webhook != id);
        let deliveries = &self.deliveries;
        self.attempts.retain(|(no, _)| deliveries.contains_key(no));
        true
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = &Webhook> {
        self.order.iter().filter_map(|id| self.webhooks.get(id))
    }
}
