//! A dispatcher over the store in memory, on virtual time, with receivers that follow a script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{Endpoint, Secret};
use certificate_lifecycle::*;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

pub type Answer = Result<Response, SendError>;
type Script = dyn Fn(&OutgoingRequest, usize) -> Answer + Send + Sync;
type Delays = dyn Fn(&str, usize) -> Duration + Send + Sync;

/// A request that came, and when.
#[derive(Debug, Clone)]
pub struct Came {
    pub at: DateTime<Utc>,
    pub request: OutgoingRequest,
}

impl Came {
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.request.headers.iter();
        let found = headers.find(|(it, _)| it.as_str() == name);
        found
            .unwrap_or_else(|| panic!("no {name}"))
            .1
            .to_str()
            .unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.request.body).unwrap()
    }

    pub fn path(&self) -> &str {
        self.request.url.uri().path()
    }
}

/// Receivers that answer by a script: it gets the request, and how many came to its URL before.
#[derive(Clone)]
pub struct Scripted {
    start: Instant,
    script: Arc<Script>,
    came: Arc<Mutex<Vec<Came>>>,
    /// How long an answer takes, by the path, and by how many came to it before.
    delay: Arc<Delays>,
}

impl Transport for Scripted {
    async fn send(&self, request: OutgoingRequest, _: std::time::Instant) -> Answer {
        let at = now(self.start);
        let (count, path) = {
            let mut came = self.came.lock().unwrap();
            let path = request.url.uri().path().to_owned();
            let count = came.iter().filter(|it| it.path() == path).count();
            came.push(Came {
                at,
                request: request.clone(),
            });
            (count, path)
        };
        tokio::time::sleep((self.delay)(&path, count)).await;
        (self.script)(&request, count)
    }
}

fn now(start: Instant) -> DateTime<Utc> {
    let base: DateTime<Utc> = "2026-06-04T10:30:00Z".parse().unwrap();
    base + TimeDelta::from_std(start.elapsed()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "scripts also answer with errors")]
pub fn status(status: u16) -> Answer {
    Ok(Response::new(status))
}

#[expect(clippy::unnecessary_wraps, reason = "scripts also answer with errors")]
pub fn asks_for(status: u16, seconds: u64) -> Answer {
    Ok(Response::new(status)
        .with_retry_after(Some(RetryAfter::Delay(Duration::from_secs(seconds)))))
}

/// All that a test acts on.
pub struct Stage {
    pub store: MemoryStore,
    pub engine: Engine<MemoryStore>,
    pub transport: Scripted,
    pub institution: InstitutionId,
    start: Instant,
    numbers: std::cell::Cell<u64>,
}

/// A dispatcher at work.
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Summary, StoreError>>,
}

impl Running {
    /// As a crash would.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub async fn stop(self) -> Summary {
        drop(self.stop);
        self.task.await.unwrap().unwrap()
    }
}

impl Stage {
    pub fn new(script: impl Fn(&OutgoingRequest, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_delay(script, |_| Duration::from_millis(5))
    }

    pub fn with_delay(
        script: impl Fn(&OutgoingRequest, usize) -> Answer + Send + Sync + 'static,
        delay: impl Fn(&str) -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self::with_delays(script, move |path, _| delay(path))
    }

    pub fn with_delays(
        script: impl Fn(&OutgoingRequest, usize) -> Answer + Send + Sync + 'static,
        delay: impl Fn(&str, usize) -> Duration + Send + Sync + 'static,
    ) -> Self {
        let (start, store) = (Instant::now(), MemoryStore::new());
        Self {
            engine: Engine::new(store.clone()).with_clock(move || now(start)),
            store,
            transport: Scripted {
                start,
                script: Arc::new(script),
                came: Arc::default(),
                delay: Arc::new(delay),
            },
            institution: InstitutionId::new("example-university").unwrap(),
            start,
            numbers: std::cell::Cell::new(1),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        now(self.start)
    }

    pub fn clock(&self) -> impl Fn() -> DateTime<Utc> + Send + Sync + 'static {
        let start = self.start;
        move || now(start)
    }

    pub fn came(&self) -> Vec<Came> {
        self.transport.came.lock().unwrap().clone()
    }

    pub fn came_to(&self, path: &str) -> Vec<Came> {
        self.came()
            .into_iter()
            .filter(|it| it.path() == path)
            .collect()
    }

    /// A webhook at this path.
    pub async fn webhook(&self, path: &str) -> Uuid {
        let url = format!("https://example.com{path}").parse().unwrap();
        let endpoint = Endpoint::new(url, Secret::from_key(&[7; 32]).unwrap());
        self.register(endpoint).await
    }

    pub async fn register(&self, endpoint: Endpoint) -> Uuid {
        let id = Uuid::new_v4();
        let webhook = Webhook::new(id, self.institution.clone(), endpoint, self.now());
        assert!(self.store.add_webhook(webhook).await.unwrap());
        id
    }

    /// An application is submitted.
    pub async fn submit(&self) -> Uuid {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let details = ApplicationDetails::new(
            ApplicationId::new(number).unwrap(),
            Uuid::new_v4(),
            CertificateTitle::new("Certificate of Discretion").unwrap(),
            ApplicantEmail::new("private.person@example.com").unwrap(),
        );
        let uuid = details.uuid();
        let customer = Actor::customer("john").unwrap();
        self.engine
            .scope(&self.institution, &customer)
            .submit(details)
            .await
            .unwrap();
        uuid
    }

    /// It is taken into processing, and approved.
    pub async fn approve(&self, uuid: Uuid) {
        let (jane, system) = (Actor::administrator("jane"), Actor::system("worker"));
        let institution = &self.institution;
        self.engine
            .scope(institution, &jane.unwrap())
            .begin_processing(uuid)
            .await
            .unwrap();
        self.engine
            .scope(institution, &system.unwrap())
            .approve(uuid)
            .await
            .unwrap();
    }

    pub fn dispatcher(&self, options: DispatcherOptions) -> Dispatcher<MemoryStore, Scripted> {
        let start = self.start;
        Dispatcher::new(self.store.clone(), self.transport.clone(), options)
            .with_clock(move || now(start))
    }

    /// One that sends by another transport.
    pub fn dispatcher_with<T: Transport>(
        &self,
        options: DispatcherOptions,
        transport: T,
    ) -> Dispatcher<MemoryStore, T> {
        let start = self.start;
        Dispatcher::new(self.store.clone(), transport, options).with_clock(move || now(start))
    }

    /// One that works on another store, by another clock.
    pub fn dispatcher_over<S: Outbox>(
        &self,
        options: DispatcherOptions,
        store: S,
        clock: impl Clock,
    ) -> Dispatcher<S, Scripted> {
        Dispatcher::new(store, self.transport.clone(), options).with_clock(clock)
    }

    /// Until all is delivered or dead.
    pub async fn deliver(&self) -> Summary {
        let dispatcher = self.dispatcher(DispatcherOptions::default());
        dispatcher
            .run_until_idle(std::future::pending())
            .await
            .unwrap()
    }

    /// A dispatcher that goes on.
    pub fn start(&self, options: DispatcherOptions) -> Running {
        let dispatcher = self.dispatcher(options);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            dispatcher.run(stopped).await
        });
        Running { stop, task }
    }

    pub async fn deliveries(&self) -> Vec<Delivery> {
        self.store
            .deliveries(None, DeliveryFilter::default(), None, 100_000)
            .await
            .unwrap()
            .deliveries
    }

    pub async fn disabled(&self, webhook: Uuid) -> Option<webhook::DisabledReason> {
        let webhook = self
            .store
            .webhook(&self.institution, webhook)
            .await
            .unwrap()
            .unwrap();
        webhook.endpoint.disabled.map(|it| it.reason)
    }
}
