//! Webhooks and what is on its way to them, as the tests of the outbox see it.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Attempt, Claim, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId, Health, HealthChange,
    InstitutionId, LeasedDelivery, Outbox, Outcome, Request, Settlement, StoreError, Webhook,
};
use certificate_lifecycle::webhook::{Disabled, DisabledReason, Endpoint, EventKinds};
use certificate_lifecycle::{Action, EventKind};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;
use uuid::Uuid;

use super::at;
use super::harness::Harness;
use super::world::{TestClock, World, act, engine_on, id, ours, theirs, upload};

/// How long leases last in these tests.
pub const LEASE: Duration = Duration::from_secs(60);

/// More than there is.
pub const PLENTY: u32 = 1000;

/// The webhook with this number.
pub fn hook(number: u64) -> Uuid {
    // Not in the order of their numbers.
    Uuid::from_u128(0xa1b2_c3d4_e5f6_7890_abcd_0000_0000_0000 | u128::from(number ^ 0xff))
}

pub fn endpoint(number: u64) -> Endpoint {
    let url = format!("https://hooks.example.com/{number}");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    Endpoint::new(url.parse().unwrap(), secret.parse().unwrap())
}

pub fn disabled(mut endpoint: Endpoint) -> Endpoint {
    endpoint.disabled = Some(Disabled::new(DisabledReason::Manual, at(0)));
    endpoint
}

/// The webhook with this number, ours, that wants everything.
pub fn of_ours(number: u64) -> Webhook {
    Webhook::new(hook(number), ours(), endpoint(number), at(0))
}

pub fn of_theirs(number: u64) -> Webhook {
    Webhook::new(hook(number), theirs(), endpoint(number), at(0))
}

/// The same request in the other institution.
pub fn in_theirs(mut request: Request) -> Request {
    request.institution = theirs();
    request
}

/// An attempt that was answered with this status.
pub fn attempted(seconds: i64, status: u16) -> Attempt {
    Attempt::new(at(seconds))
        .with_milliseconds(12)
        .with_status(Some(status))
}

/// After an attempt, this became of it.
pub fn settlement(claimed: &LeasedDelivery, outcome: Outcome) -> Settlement {
    Settlement::new(claimed.id, claimed.token, outcome).with_attempt(Some(attempted(0, 200)))
}

/// What makes a webhook that was well be so.
pub fn sick(health: Health) -> HealthChange {
    HealthChange::default()
        .with_failed_at(health.failing_since)
        .with_not_before(health.not_before)
}

pub fn dead() -> Outcome {
    Outcome::Dead {
        reason: "it was refused".to_owned(),
    }
}

pub fn retry(seconds: i64) -> Outcome {
    Outcome::Retry { at: at(seconds) }
}

/// The number of the application and the version that a claimed delivery tells of.
pub fn reported(claimed: &LeasedDelivery) -> (u64, u64) {
    let event = claimed.event.as_ref().unwrap();
    (number_of(event.uuid()), event.version())
}

/// The number of the application with this identity.
pub fn number_of(uuid: Uuid) -> u64 {
    u64::try_from(uuid.as_u128() ^ id(0).as_u128()).unwrap()
}

/// What tells one delivery from all others, in every store: the webhook, the application and the
/// version.
pub fn name_of(delivery: &Delivery) -> (Uuid, Uuid, u64) {
    (delivery.webhook, delivery.application, delivery.version)
}

/// A store with an engine on the same handle, and all that is asked of an outbox.
pub struct Post<H: Harness> {
    pub harness: H,
    pub store: H::Store,
    pub engine: Engine<H::Store>,
    pub clock: TestClock,
}

impl<H: Harness<Store: Outbox>> Post<H> {
    pub async fn new() -> Self {
        let World { harness, clock, .. } = World::<H>::new().await;
        let store = harness.open().await;
        let engine = engine_on(store.clone(), &clock);
        Self {
            harness,
            store,
            engine,
            clock,
        }
    }

    /// One with these webhooks.
    pub async fn with(webhooks: impl IntoIterator<Item = Webhook>) -> Self {
        let post = Self::new().await;
        for webhook in webhooks {
            post.register(webhook).await;
        }
        post
    }

    pub async fn register(&self, webhook: Webhook) {
        assert!(self.store.add_webhook(webhook).await.unwrap());
    }

    /// The webhook with this number, whosever it is.
    pub async fn webhook(&self, number: u64) -> Webhook {
        for institution in [ours(), theirs()] {
            let found = self.store.webhook(&institution, hook(number)).await;
            if let Some(webhook) = found.unwrap() {
                return webhook;
            }
        }
        panic!("there is no webhook {number}");
    }

    /// Replaces the settings of a webhook.
    pub async fn put(&self, number: u64, change: impl FnOnce(&mut Endpoint)) {
        let mut webhook = self.webhook(number).await;
        change(&mut webhook.endpoint);
        assert!(self.store.put_webhook(webhook).await.unwrap().is_done());
    }

    pub async fn disable(&self, number: u64) {
        self.put(number, |it| *it = disabled(it.clone())).await;
    }

    pub async fn enable(&self, number: u64) {
        self.put(number, |it| it.disabled = None).await;
    }

    pub async fn wants(&self, number: u64, kinds: impl IntoIterator<Item = EventKind>) {
        let kinds: EventKinds = kinds.into_iter().collect();
        self.put(number, |it| it.kinds = kinds).await;
    }

    pub async fn done(&self, request: Request) {
        let _ = self.engine.execute(request).await.unwrap();
    }

    /// An upload with so many versions: it fails and is retried in turns.
    pub async fn versions(&self, number: u64, versions: u64) {
        self.done(upload(number)).await;
        self.more_versions(number, 1..versions).await;
    }

    /// More versions of an upload, after these.
    pub async fn more_versions(&self, number: u64, after: std::ops::Range<u64>) {
        for version in after {
            let action = if version % 2 == 1 {
                Action::Fail
            } else {
                Action::Retry
            };
            self.done(act(number, action)).await;
        }
    }

    /// Claims once.
    pub async fn claim_of(&self, seconds: i64, wanted: &[(u64, u32)]) -> ClaimedBatch {
        let wanted = wanted.iter().map(|(number, room)| (hook(*number), *room));
        let claim = Claim::new(at(seconds), LEASE, wanted.collect());
        self.store.claim(claim).await.unwrap()
    }

    /// Claims once, all that there is for these webhooks.
    pub async fn claim_for(
        &self,
        seconds: i64,
        numbers: &[u64],
    ) -> Result<ClaimedBatch, StoreError> {
        let wanted = numbers.iter().map(|it| (hook(*it), PLENTY)).collect();
        self.store
            .claim(Claim::new(at(seconds), LEASE, wanted))
            .await
    }

    /// Claims for one webhook until nothing is due.
    pub async fn claim(&self, number: u64, seconds: i64) -> Vec<LeasedDelivery> {
        let mut claimed = Vec::new();
        loop {
            claimed.extend(self.claim_of(seconds, &[(number, PLENTY)]).await.deliveries);
            let due = self.store.due().await.unwrap();
            let is_due = due.iter().any(|it| {
                let is_now = it.at.is_some_and(|time| time <= at(seconds));
                it.webhook == hook(number) && (it.has_new || is_now)
            });
            if !is_due {
                return claimed;
            }
        }
    }

    /// The first that comes, where there is room for one only.
    pub async fn claim_next(&self, number: u64, seconds: i64) -> LeasedDelivery {
        for _ in 0..100 {
            let batch = self.claim_of(seconds, &[(number, 1)]).await;
            if let Some(claimed) = batch.deliveries.into_iter().next() {
                return claimed;
            }
        }
        panic!("nothing comes");
    }

    /// What a claim for one webhook tells of, in order.
    pub async fn claims(&self, number: u64, seconds: i64) -> Vec<(u64, u64)> {
        let mut reported: Vec<_> = self
            .claim(number, seconds)
            .await
            .iter()
            .map(self::reported)
            .collect();
        reported.sort_unstable();
        reported
    }

    /// The only delivery that can be claimed for a webhook.
    pub async fn claim_one(&self, number: u64, seconds: i64) -> LeasedDelivery {
        let mut claimed = self.claim(number, seconds).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    /// Settles one, which is expected to count.
    pub async fn settle(&self, seconds: i64, claimed: &LeasedDelivery, outcome: Outcome) {
        let counted = self.settled(seconds, claimed, outcome).await;
        assert!(counted, "{claimed:?}");
    }

    /// Whether it counts.
    pub async fn settled(&self, seconds: i64, claimed: &LeasedDelivery, outcome: Outcome) -> bool {
        let settlements = vec![settlement(claimed, outcome)];
        let settled = self.store.settle(at(seconds), settlements, Vec::new());
        settled.await.unwrap() == [true]
    }

    pub async fn filtered(
        &self,
        institution: Option<&InstitutionId>,
        filter: DeliveryFilter,
    ) -> Vec<Delivery> {
        let found = self.store.deliveries(institution, filter, None, 100_000);
        let page = found.await.unwrap();
        assert!(page.corrupt.is_empty() && page.next.is_none(), "{page:?}");
        let found = page.deliveries;
        assert!(found.is_sorted_by(|one, next| one.id < next.id));
        found
    }

    pub async fn deliveries(&self) -> Vec<Delivery> {
        self.filtered(None, DeliveryFilter::default()).await
    }

    /// The deliveries to one webhook: the number of the application and the version of each.
    pub async fn made(&self, number: u64) -> Vec<(u64, u64)> {
        let webhook = Some(hook(number));
        let filter = DeliveryFilter::default().with_webhook(webhook);
        let found = self.filtered(None, filter);
        let names = found.await.into_iter();
        let mut names: Vec<_> = names
            .map(|it| (number_of(it.application), it.version))
            .collect();
        names.sort_unstable();
        names
    }

    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        let found = self.deliveries().await.into_iter().find(|it| it.id == id);
        found.unwrap()
    }

    /// The delivery of this version to this webhook.
    pub async fn delivery_of(&self, hook_number: u64, number: u64, version: u64) -> Delivery {
        let name = (hook(hook_number), id(number), version);
        let found = self.deliveries().await.into_iter();
        found.into_iter().find(|it| name_of(it) == name).unwrap()
    }

    pub async fn count_of(&self, institution: Option<&InstitutionId>) -> usize {
        self.store.webhooks(institution).await.unwrap().len()
    }
}

/// The time with these milliseconds.
pub fn at_ms(milliseconds: i64) -> DateTime<Utc> {
    at(0) + TimeDelta::milliseconds(milliseconds)
}
