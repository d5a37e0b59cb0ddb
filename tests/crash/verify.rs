//! What must hold of a store after any crash.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, DeliveryFilter, DeliveryStatus, Filter, ListOrder, ListQuery, Outbox, PostgresStore,
    Queries, RecordedEvent, SqliteStore, Webhook,
};
use certificate_lifecycle::webhook::{Endpoint, Secret};
use certificate_lifecycle::{AnyApplication, EventPayload};
use chrono::DateTime;
use uuid::Uuid;

use crate::driver::Acknowledged;
use crate::writer::{TOGETHER, institution};

/// Histories that are read one by one as well.
const SAMPLES: usize = 50;

/// How long the feed may stay behind what is there.
const BEHIND: Duration = Duration::from_secs(60);

/// Registers the webhook that every event is for.
pub async fn register(url: &str) {
    let endpoint = Endpoint::new(
        "https://hooks.example.com/".parse().unwrap(),
        Secret::from_key(&[7; 32]).unwrap(),
    );
    let webhook = Webhook::new(
        Uuid::from_u128(7),
        institution(),
        endpoint,
        DateTime::UNIX_EPOCH,
    );
    let is_new = if let Some(path) = url.strip_prefix("sqlite:") {
        SqliteStore::open(path).unwrap().add_webhook(webhook).await
    } else {
        let store = PostgresStore::connect(url).await.unwrap();
        store.add_webhook(webhook).await
    };
    assert!(is_new.unwrap());
}

pub async fn verify(url: &str, acknowledged: &HashMap<Uuid, Acknowledged>) {
    match url.strip_prefix("sqlite:") {
        Some(path) => all_is_there(SqliteStore::open(path).unwrap(), acknowledged).await,
        None => all_is_there(PostgresStore::connect(url).await.unwrap(), acknowledged).await,
    }
}

async fn all_is_there(store: impl Queries + Outbox, acknowledged: &HashMap<Uuid, Acknowledged>) {
    let engine = Engine::new(store.clone());
    let applications = applications(&engine).await;
    let events: u64 = applications.values().map(AnyApplication::version).sum();
    let feed = feed(&engine, events).await;

    // Each event once, and the versions of each application without a gap.
    let mut histories = HashMap::<Uuid, Vec<&RecordedEvent>>::new();
    for recorded in &feed {
        let history = histories.entry(recorded.event.uuid()).or_default();
        history.push(recorded);
        assert_eq!(recorded.event.version(), history.len() as u64);
    }
    assert!(feed.is_sorted_by(|one, next| one.cursor < next.cursor));

    acknowledged_is_there(&feed, acknowledged);

    // Every history is legal, and leads to the application as it is.
    assert_eq!(histories.len(), applications.len());
    let mut together = HashMap::<&str, usize>::new();
    for (uuid, history) in &histories {
        let payloads: Vec<_> = history
            .iter()
            .map(|it| it.event.to_json(Uuid::nil()))
            .collect();
        let payloads: Vec<_> = payloads
            .iter()
            .map(|it| EventPayload::parse(it.as_bytes()).unwrap())
            .collect();
        assert_eq!(
            AnyApplication::replay(&payloads).unwrap(),
            applications[uuid]
        );
        let title = history[0].event.details().certificate_title().as_str();
        if title.starts_with(TOGETHER) {
            *together.entry(title).or_default() += 1;
        }
    }

    each_is_delivered_once(&store, &feed).await;
    for (uuid, history) in histories.iter().take(SAMPLES) {
        let read = engine.history(&institution(), *uuid).await.unwrap();
        assert!(read.iter().eq(history.iter().copied()));
    }

    // What was created together is there together.
    for (title, count) in together {
        let expected = title.rsplit(' ').next().unwrap();
        assert_eq!(count.to_string(), expected, "{title}");
    }

    // A key was used for one event.
    let keys = feed.iter().filter_map(|it| it.idempotency_key.as_ref());
    let mut keys: Vec<_> = keys.collect();
    keys.sort();
    assert!(
        keys.is_sorted_by(|one, next| one < next),
        "a key was used twice"
    );
}

/// Everything that was acknowledged is there.
fn acknowledged_is_there(feed: &[RecordedEvent], acknowledged: &HashMap<Uuid, Acknowledged>) {
    let ids: HashMap<Uuid, &RecordedEvent> = feed.iter().map(|it| (it.event.id(), it)).collect();
    assert_eq!(ids.len(), feed.len());
    for (id, acknowledged) in acknowledged {
        let event = &ids
            .get(id)
            .unwrap_or_else(|| panic!("{acknowledged:?} was acknowledged, and is lost"))
            .event;
        assert_eq!(
            (event.uuid(), event.version()),
            (acknowledged.uuid, acknowledged.version)
        );
    }
}

/// Each event is delivered once, and nothing that is no event.
async fn each_is_delivered_once(store: &impl Outbox, feed: &[RecordedEvent]) {
    let mut made = deliveries(store).await;
    made.sort_unstable();
    let mut recorded: Vec<_> = feed
        .iter()
        .map(|it| (it.event.uuid(), it.event.version()))
        .collect();
    recorded.sort_unstable();
    assert!(
        made == recorded,
        "{} deliveries of {} events, or not the same",
        made.len(),
        recorded.len()
    );
}

/// The application and the version that each delivery tells of; none was sent.
async fn deliveries(store: &impl Outbox) -> Vec<(Uuid, u64)> {
    let (mut made, mut after) = (Vec::new(), None);
    loop {
        let page = store.deliveries(None, DeliveryFilter::default(), after, 1000);
        let page = page.await.unwrap();
        assert!(page.corrupt.is_empty());
        for it in &page.deliveries {
            let (webhook, status) = (it.webhook, it.status);
            assert_eq!(
                (webhook, status),
                (Uuid::from_u128(7), DeliveryStatus::Pending)
            );
            made.push((it.application, it.version));
        }
        after = page.next;
        if after.is_none() {
            return made;
        }
    }
}

async fn applications(engine: &Engine<impl Queries>) -> HashMap<Uuid, AnyApplication> {
    let mut query = ListQuery {
        institution: institution(),
        filter: Filter::all(),
        order: ListOrder::OldestFirst,
        after: None,
        limit: 1000,
        origins: false,
    };
    let mut applications = HashMap::new();
    loop {
        let page = engine.list(query.clone()).await.unwrap();
        applications.extend(
            page.applications
                .into_iter()
                .map(|it| (it.details().uuid(), it)),
        );
        query.after = page.next;
        if query.after.is_none() {
            return applications;
        }
    }
}

/// The whole feed, as soon as it has so many events: no more, because the writers have ended.
async fn feed(engine: &Engine<impl Queries>, events: u64) -> Vec<RecordedEvent> {
    let (mut feed, mut cursor) = (Vec::new(), Cursor::START);
    let start = Instant::now();
    loop {
        let page = engine.feed(cursor, 1000).await.unwrap();
        if let Some(last) = page.last() {
            cursor = last.cursor;
            feed.extend(page);
            continue;
        }
        let found = feed.len() as u64;
        assert!(
            found <= events,
            "the feed has {found} events, the lists {events}"
        );
        if found == events {
            return feed;
        }
        assert!(
            start.elapsed() < BEHIND,
            "the feed has {found} of {events} events"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
