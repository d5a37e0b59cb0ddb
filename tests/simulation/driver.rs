//! Those who act: customers and administrators, operators, dispatchers, fate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{
    Disabled, DisabledReason, Endpoint, EventKinds, RetrySchedule, Secret,
};
use certificate_lifecycle::*;
use chrono::TimeDelta;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::faulty::Faulty;
use crate::receivers::{MOODS, Wire};
use crate::world::{World, check};

const INSTITUTIONS: [&str; 3] = ["north", "south", "west"];

/// What became of a world.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub steps: u64,
    pub trace: u64,
    pub counts: BTreeMap<&'static str, u64>,
}

#[derive(Clone)]
struct Actors {
    world: Arc<World>,
    store: MemoryStore,
    engine: Engine<MemoryStore>,
    wire: Wire,
    applications: Arc<Mutex<Vec<(InstitutionId, Uuid)>>>,
}

pub async fn run(seed: u64) -> Outcome {
    let world = World::new(seed);
    let store = MemoryStore::new();
    let clock = Arc::clone(&world);
    let moods = Arc::new(Mutex::new(BTreeMap::new()));
    let actors = Actors {
        engine: Engine::with_clock(store.clone(), move || clock.now()),
        wire: Wire {
            world: Arc::clone(&world),
            store: store.clone(),
            moods: Arc::clone(&moods),
        },
        world,
        store,
        applications: Arc::default(),
    };
    for _ in 0..4 {
        actors.add_webhook().await;
    }
    let dispatchers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(actors.clone().dispatchers()))
        .collect();
    let operators = tokio::spawn(actors.clone().operators());
    let fate = tokio::spawn(actors.clone().fate());
    let commanders: Vec<_> = (0..3)
        .map(|_| tokio::spawn(actors.clone().commanders()))
        .collect();
    for it in commanders {
        join(it).await;
    }
    for task in dispatchers.iter().chain([&operators, &fate]) {
        task.abort();
    }
    for task in dispatchers.into_iter().chain([operators, fate]) {
        let ended = task.await;
        check(ended.is_err_and(|it| it.is_cancelled()), || {
            "an actor has failed".to_owned()
        });
    }
    actors.end().await
}

/// What a task gives; its panic is ours.
async fn join<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl Actors {
    async fn add_webhook(&self) {
        let (id, institution, key, kinds) = self.world.random(|it| {
            let kinds: EventKinds = EventKind::ALL
                .into_iter()
                .filter(|_| it.percent(60))
                .collect();
            let kinds = if it.percent(50) {
                EventKinds::ALL
            } else {
                kinds
            };
            let key: Vec<u8> = (0..4).flat_map(|_| it.next().to_be_bytes()).collect();
            (it.uuid(), *it.pick(&INSTITUTIONS), key, kinds)
        });
        let url = format!("https://{institution}.example/{id}")
            .parse()
            .unwrap();
        let mut endpoint = Endpoint::new(url, Secret::from_key(&key).unwrap());
        endpoint.kinds = kinds;
        let institution = InstitutionId::new(institution).unwrap();
        let of = institution.as_str().to_owned();
        let webhook = Webhook::new(id, institution, endpoint, self.world.now());
        assert!(self.store.add_webhook(webhook).await.unwrap());
        self.world.record().institutions.insert(id, of);
    }

    /// Commands, legal and illegal, one after the other.
    async fn commanders(self) {
        for _ in 0..60 {
            self.world.pause(700).await;
            let request = self.request();
            let Ok(receipt) = self.engine.execute(request.clone()).await else {
                self.world.count("refused commands");
                continue;
            };
            self.committed(&request, &receipt.event).await;
        }
    }

    fn request(&self) -> Request {
        let mut applications = self.applications.lock().unwrap();
        self.world.random(|it| {
            if applications.is_empty() || it.percent(25) {
                let institution = InstitutionId::new(*it.pick(&INSTITUTIONS)).unwrap();
                let details = ApplicationDetails::new(
                    ApplicationId::new(1 + it.below(1000)).unwrap(),
                    it.uuid(),
                    CertificateTitle::new("Certificate of \"Achievement\"").unwrap(),
                    ApplicantEmail::new("john@example.com").unwrap(),
                );
                applications.push((institution.clone(), details.uuid()));
                return if it.percent(50) {
                    Request::submit(institution, Actor::customer("john").unwrap(), details)
                } else {
                    let actor = Actor::administrator("jane").unwrap();
                    Request::upload(institution, actor, details, VaultUpload::Single)
                };
            }
            let (institution, uuid) = it.pick(&applications).clone();
            let (administrator, processing) = (
                Actor::administrator("jane").unwrap(),
                Actor::system("worker").unwrap(),
            );
            let (actor, command) = match it.below(8) {
                0 | 1 => (administrator, Command::BeginProcessing),
                2 => (
                    administrator,
                    Command::Reject(RejectionReason::new("Duplicate").unwrap()),
                ),
                3 => (processing, Command::Approve),
                4 | 5 => (
                    processing,
                    Command::Fail(ProcessingError::new("no template").unwrap()),
                ),
                _ => (administrator, Command::Retry),
            };
            Request::transition(institution, actor, uuid, command)
        })
    }

    /// A transition was committed: who must hear of it?
    async fn committed(&self, request: &Request, event: &Event) {
        self.world.step(&event.id());
        let webhooks = self
            .store
            .webhooks(Some(&request.institution))
            .await
            .unwrap();
        self.expect(request, event, &webhooks);
        self.world.ring().await;
    }

    fn expect(&self, request: &Request, event: &Event, webhooks: &[Webhook]) {
        let mut record = self.world.record();
        let place = (event.uuid(), event.version());
        record.events.insert(event.id(), place);
        let institution = request.institution.as_str().to_owned();
        record.institutions.insert(event.uuid(), institution);
        for it in webhooks {
            if it.endpoint.is_enabled() && it.endpoint.kinds.contains(event.kind()) {
                record.expected.insert((it.id, place.0, place.1));
            }
        }
    }

    /// Webhooks are added, disabled, enabled, rotated; deliveries are sent again.
    async fn operators(self) {
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
                    webhook.endpoint.disabled = Some(Disabled {
                        reason: DisabledReason::Manual,
                        at: now,
                        detail: String::new(),
                    });
                    self.put(webhook).await;
                }
                3 => {
                    let ids = self
                        .deliveries(webhook.id)
                        .await
                        .into_iter()
                        .map(|it| it.id);
                    self.store
                        .redeliver(now, ids.take(3).collect())
                        .await
                        .unwrap();
                }
                4 => self.drop_pending(webhook.id).await,
                _ if !webhook.endpoint.is_enabled() => {
                    webhook.endpoint.disabled = None;
                    self.put(webhook).await;
                }
                _ => {}
            }
        }
    }

    async fn put(&self, webhook: Webhook) {
        self.world.step(&"put");
        assert!(self.store.put_webhook(webhook).await.unwrap());
        self.world.ring().await;
    }

    async fn deliveries(&self, webhook: Uuid) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            webhook: Some(webhook),
            ..DeliveryFilter::default()
        };
        self.store.deliveries(filter, None, 10_000).await.unwrap()
    }

    /// What is pending is abandoned.
    async fn drop_pending(&self, webhook: Uuid) {
        let pending = self.deliveries(webhook).await.into_iter();
        let pending: Vec<_> = pending
            .filter(|it| it.status == DeliveryStatus::Pending)
            .collect();
        let ids = pending.iter().map(|it| it.id).collect();
        let reason = "dropped".to_owned();
        self.store
            .abandon(self.world.now(), ids, reason.clone())
            .await
            .unwrap();
        let mut record = self.world.record();
        for it in pending {
            record
                .dead
                .insert((it.webhook, it.application, it.version), reason.clone());
        }
    }

    /// The moods of the receivers.
    async fn fate(self) {
        loop {
            self.world.pause(4000).await;
            let webhooks = self.store.webhooks(None).await.unwrap();
            let (id, mood) = self
                .world
                .random(|it| (it.pick(&webhooks).id, *it.pick(&MOODS)));
            self.wire.moods.lock().unwrap().insert(id, mood);
        }
    }

    fn dispatcher(&self, skew: TimeDelta) -> Dispatcher<Faulty, Wire> {
        let delays = [0, 1, 2, 4, 8].map(TimeDelta::seconds).to_vec();
        let options = DispatcherOptions {
            concurrency: self
                .world
                .random(|it| u32::try_from(1 + it.below(20)).unwrap()),
            schedule: RetrySchedule::new(delays).unwrap(),
            timeout: TimeDelta::seconds(2),
            margin: TimeDelta::seconds(3),
            disable_after: TimeDelta::seconds(40),
            chores_every: TimeDelta::seconds(10),
            ..DispatcherOptions::default()
        };
        let store = Faulty {
            store: self.store.clone(),
            world: Arc::clone(&self.world),
            bell: self.world.bell(),
        };
        let clock = Arc::clone(&self.world);
        Dispatcher::new(store, self.wire.clone(), options).with_clock(move || clock.now() + skew)
    }

    /// One dispatcher after the other, each until it crashes or is shut down.
    async fn dispatchers(self) {
        loop {
            self.world.pause(3000).await;
            let skew = self.world.random(|it| it.below(6000).cast_signed() - 3000);
            let dispatcher = self.dispatcher(TimeDelta::milliseconds(skew));
            let (shut_down, told) = oneshot::channel::<()>();
            let mut running = tokio::spawn(async move {
                let told = async {
                    let _ = told.await;
                };
                dispatcher.run(told).await
            });
            let crash = AbortOnDrop(running.abort_handle());
            let life = self.world.random(|it| it.below(30_000));
            let ended = tokio::time::timeout(Duration::from_millis(life), &mut running).await;
            check(ended.is_err(), || {
                format!("it stopped by itself: {ended:?}")
            });
            if self.world.percent(30) {
                self.world.count("shut down");
                drop(shut_down);
                // Away for too long, the store is not told of the last outcomes.
                let _ = join(running).await;
            } else {
                self.world.count("crashes");
                self.world.step(&"crash");
                drop(crash);
                let ended = running.await;
                check(ended.is_err_and(|it| it.is_cancelled()), || {
                    "it has failed".to_owned()
                });
            }
        }
    }

    /// Nothing goes wrong any more: what is left is delivered, and all is checked.
    async fn end(self) -> Outcome {
        self.world.heal();
        for mut webhook in self.store.webhooks(None).await.unwrap() {
            if webhook.endpoint.disabled.take().is_some() {
                self.world.count("webhooks disabled");
                self.put(webhook).await;
            }
        }
        let dispatcher = self.dispatcher(TimeDelta::zero());
        let done = dispatcher.run_until_idle(std::future::pending());
        let done = tokio::time::timeout(Duration::from_hours(1), done).await;
        check(done.is_ok_and(|it| it.is_ok()), || {
            "something is pending for ever".to_owned()
        });
        // What is still on the wire.
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut found = 0;
        for webhook in self.store.webhooks(None).await.unwrap() {
            for it in self.deliveries(webhook.id).await {
                let place = (it.webhook, it.application, it.version);
                let record = self.world.record();
                check(record.expected.contains(&place), || {
                    format!("{place:?} too many")
                });
                let is_over = match it.status {
                    DeliveryStatus::Pending => false,
                    DeliveryStatus::Delivered => record.accepted.contains_key(&place),
                    DeliveryStatus::Dead => it.reason.is_some_and(|it| !it.is_empty()),
                };
                check(is_over, || {
                    format!("{place:?} is {} and has not arrived", it.status)
                });
                drop(record);
                self.world.count(it.status.as_str());
                found += 1;
            }
        }
        let record = self.world.record();
        check(found == record.expected.len(), || {
            "a delivery was never made".to_owned()
        });
        drop(record);
        let (steps, trace) = (self.world.steps(), self.world.trace());
        let counts = self.world.record().counts.clone();
        Outcome {
            steps,
            trace,
            counts,
        }
    }
}

/// A crash of whoever holds it is one of its dispatcher, too.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
