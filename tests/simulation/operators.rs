//! Operators: those who see to webhooks and deliveries.

use std::time::Duration;

use certificate_lifecycle::EventKind;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{Disabled, DisabledReason, Endpoint, EventKinds, Secret};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::driver::{Actors, INSTITUTIONS};
use crate::world::check;

impl Actors {
    /// A webhook of any institution that wants some of the events.
    pub async fn add_webhook(&self) {
        let kinds: EventKinds = self.world.random(|it| {
            let some = EventKind::ALL.into_iter().filter(|_| it.percent(60));
            let some = some.collect();
            if it.percent(50) {
                EventKinds::ALL
            } else {
                some
            }
        });
        self.add_webhook_for(kinds).await;
    }

    pub async fn add_webhook_for(&self, kinds: EventKinds) -> Uuid {
        let (id, institution, key) = self.world.random(|it| {
            let key: Vec<u8> = (0..4).flat_map(|_| it.next().to_be_bytes()).collect();
            (it.uuid(), *it.pick(&INSTITUTIONS), key)
        });
        let url = format!("https://{institution}.example/{id}")
            .parse()
            .unwrap();
        let mut endpoint = Endpoint::new(url, Secret::from_key(&key).unwrap());
        endpoint.kinds = kinds;
        let institution = InstitutionId::new(institution).unwrap();
        let of = institution.as_str().to_owned();
        self.world.step(&("add", id));
        let now = self.world.now();
        let webhook = Webhook::new(id, institution, endpoint.clone(), now);
        assert!(self.store.add_webhook(webhook).await.unwrap());
        let mut record = self.world.record();
        record.institutions.insert(id, of);
        record.receivers.insert(id, endpoint);
        record.health.enabled(id, now);
        id
    }

    /// Webhooks are added, removed, disabled, enabled, rotated; deliveries are sent again, or
    /// abandoned.
    pub async fn operators(self) {
        loop {
            self.world.pause(10_000).await;
            let webhooks = self.store.webhooks(None).await.unwrap();
            let mut webhook = self.world.random(|it| it.pick(&webhooks).clone());
            let now = self.world.now();
            match self.world.random(|it| it.below(10)) {
                0 if webhooks.len() < 8 => self.add_webhook().await,
                1 => {
                    let key: Vec<u8> = self
                        .world
                        .random(|it| (0..4).flat_map(|_| it.next().to_be_bytes()).collect());
                    let secret = Secret::from_key(&key).unwrap();
                    let grace = TimeDelta::seconds(20);
                    webhook
                        .endpoint
                        .secrets
                        .rotate(secret, now, now + grace / 2, now + grace);
                    self.put(webhook).await;
                }
                2 => {
                    webhook.endpoint.disabled = Some(Disabled::new(DisabledReason::Manual, now));
                    self.put(webhook).await;
                }
                3 => self.redeliver(webhook.id).await,
                4 => self.drop_pending(webhook.id).await,
                5 if webhooks.len() > 3 => self.remove(&webhook).await,
                _ if !webhook.endpoint.is_enabled() => {
                    webhook.endpoint.disabled = None;
                    self.put(webhook).await;
                }
                _ => {}
            }
        }
    }

    pub async fn put(&self, webhook: Webhook) {
        self.world.step(&"put");
        let (id, endpoint) = (webhook.id, webhook.endpoint.clone());
        let before = self
            .store
            .webhook(&webhook.institution, id)
            .await
            .unwrap()
            .unwrap();
        assert!(self.store.put_webhook(webhook).await.unwrap().is_done());
        self.noted(id, endpoint, before.endpoint.is_enabled());
        self.world.ring().await;
    }

    /// The settings of a webhook have changed.
    fn noted(&self, id: Uuid, endpoint: Endpoint, was_enabled: bool) {
        let now = self.world.now();
        let mut record = self.world.record();
        if endpoint.is_enabled() && !was_enabled {
            record.health.enabled(id, now);
        }
        record.receivers.insert(id, endpoint);
    }

    pub async fn deliveries(&self, webhook: Uuid) -> Vec<Delivery> {
        let filter = DeliveryFilter::default().with_webhook(Some(webhook));
        let page = self.store.deliveries(None, filter, None, 10_000).await;
        page.unwrap().deliveries
    }

    /// What is pending is abandoned; now and then, it is redelivered soon.
    async fn drop_pending(&self, webhook: Uuid) {
        let pending = self.deliveries(webhook).await.into_iter();
        let pending: Vec<_> = pending
            .filter(|it| it.status == DeliveryStatus::Pending)
            .collect();
        self.world.step(&"abandon");
        let ids = pending.iter().map(|it| it.id).collect();
        let reason = "dropped".to_owned();
        if let Some(first) = pending.first() {
            let (of, now) = (&first.institution, self.world.now());
            let abandoned = self.store.abandon(of, now, ids, reason.clone());
            let _ = abandoned.await.unwrap();
        }
        self.world.record().abandoned(&pending, &reason);
        if self.world.percent(30) {
            self.world.pause(1000).await;
            self.redeliver_these(&pending).await;
        }
    }

    /// The oldest are sent again.
    async fn redeliver(&self, webhook: Uuid) {
        let mut oldest = self.deliveries(webhook).await;
        oldest.truncate(3);
        self.redeliver_these(&oldest).await;
    }

    async fn redeliver_these(&self, deliveries: &[Delivery]) {
        self.world.step(&"redeliver");
        let (now, mut before) = (self.world.now(), self.all_deliveries().await);
        let ids: Vec<_> = deliveries.iter().map(|it| it.id).collect();
        before.retain(|it| ids.contains(&it.id));
        if let Some(first) = deliveries.first() {
            let redelivered = self.store.redeliver(&first.institution, now, ids);
            let _ = redelivered.await.unwrap();
        }
        self.world.record().redelivered(&before, now);
    }

    /// A webhook goes, with all that belongs to it; what belongs to others stays as it is.
    async fn remove(&self, known: &Webhook) {
        let (webhook, institution) = (known.id, &known.institution);
        if self.world.percent(50) {
            self.wait_for_a_claim(webhook).await;
        }
        self.world.step(&("remove", webhook));
        let others = |rows: Vec<Delivery>| -> Vec<Delivery> {
            rows.into_iter()
                .filter(|it| it.webhook != webhook)
                .collect()
        };
        let (own, before) = (self.deliveries(webhook).await, self.all_deliveries().await);
        assert!(
            self.store
                .remove_webhook(institution, webhook)
                .await
                .unwrap()
        );
        let now = self.world.now();
        self.world.record().removed(webhook, &own, now);
        let after = self.all_deliveries().await;
        check(after.iter().all(|it| it.webhook != webhook), || {
            format!("{webhook} has left deliveries behind")
        });
        check(others(before) == after, || {
            format!("the removal of {webhook} has changed the deliveries of others")
        });
        for it in own {
            let attempts = self.store.attempts(institution, it.id).await.unwrap();
            check(attempts.is_empty(), || {
                format!("{webhook} has left attempts behind")
            });
        }
    }

    /// Until something was claimed for it, for some seconds at most.
    async fn wait_for_a_claim(&self, webhook: Uuid) {
        let start = self.world.now();
        let claimed = async {
            while !self.world.record().has_claims_since(webhook, start) {
                self.world.claims.notified().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), claimed).await;
    }

    pub async fn all_deliveries(&self) -> Vec<Delivery> {
        let all = DeliveryFilter::default();
        let page = self.store.deliveries(None, all, None, u32::MAX).await;
        page.unwrap().deliveries
    }
}
