//! What is old is forgotten, a little at a time, until all of it is gone.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::RetrySchedule;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::stage::{Stage, status};

const HOUR: Duration = Duration::from_secs(3600);

/// A store in memory that notes what it is asked to forget: how much at most, and how much it was.
#[derive(Clone)]
struct Forgetful {
    store: MemoryStore,
    pruned: Arc<Mutex<Vec<(u32, u64)>>>,
}

impl certificate_lifecycle::store::sealed::Sealed for Forgetful {}

impl Store for Forgetful {
    delegate!(append load history feed feed_end wake);
}

impl Outbox for Forgetful {
    delegate!(add_webhook put_webhook webhook webhooks remove_webhook due claim settle);
    delegate!(deliveries delivery attempts redeliver replay abandon backlog);

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let gone = self.store.prune(before, limit).await?;
        self.pruned.lock().unwrap().push((limit, gone));
        Ok(gone)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_past_its_retention_goes_in_small_batches_and_nothing_else() {
    // Given more of what has arrived than is forgotten at once, and what is dead
    let stage = Stage::new(|request, _| match request.url.uri().path() {
        "/dead" => status(500),
        _ => status(204),
    });
    let webhook = stage.webhook("/a").await;
    for _ in 0..1_234 {
        stage.submit().await;
    }
    stage.webhook("/dead").await;
    stage.submit().await;
    let store = Forgetful {
        store: stage.store.clone(),
        pruned: Arc::default(),
    };
    let options = DispatcherOptions::default()
        .with_schedule(RetrySchedule::new(vec![Duration::ZERO]).unwrap())
        .with_retention(Duration::from_secs(3 * 60 * 60 * 24));
    let dispatcher = stage.dispatcher_over(options, store.clone(), stage.clock());
    let running = tokio::spawn(async move { dispatcher.run(pending()).await });
    // Then all of it is there as long as it is to be kept
    tokio::time::sleep(71 * HOUR).await;
    assert_eq!(stage.deliveries().await.len(), 1_236);
    assert!(store.pruned.lock().unwrap().iter().all(|it| it.1 == 0));
    // When that is over, and some has arrived since
    for _ in 0..10 {
        stage.submit().await;
    }
    tokio::time::sleep(2 * HOUR).await;
    // Then what is old is gone, but for what is dead; and that has no attempts any more
    let left = stage.deliveries().await;
    let is_new = |it: &&Delivery| stage.now() - it.created_at < TimeDelta::days(1);
    let (new, old): (Vec<_>, Vec<_>) = left.iter().partition(is_new);
    let arrived = |it: &&&Delivery| it.webhook == webhook && it.status == DeliveryStatus::Delivered;
    assert_eq!(new.iter().filter(arrived).count(), 10);
    let [dead] = &old[..] else { panic!("{old:?}") };
    assert_eq!(dead.status, DeliveryStatus::Dead);
    assert_eq!(attempts(&stage, dead.id).await, 0);
    assert_eq!(attempts(&stage, new[0].id).await, 1);
    // And never much of it at once
    let pruned = store.pruned.lock().unwrap();
    let batches: Vec<_> = pruned.iter().filter(|it| it.1 > 0).collect();
    assert!(
        batches
            .iter()
            .all(|(limit, gone)| *limit <= 500 && *gone <= 1_000)
    );
    // An attempt is not counted where it has gone with its delivery.
    let gone: u64 = batches.iter().map(|it| it.1).sum();
    assert!((1_236..=1_235 + 1_236).contains(&gone), "{gone}");
    assert!(batches.len() >= 3, "{batches:?}");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_when_nothing_is_pending_forgets_what_is_old_as_well() {
    let stage = Stage::new(|_, _| status(204));
    stage.webhook("/a").await;
    for _ in 0..1_234 {
        stage.submit().await;
    }
    stage.deliver().await;
    tokio::time::sleep(31 * 24 * HOUR).await;
    assert_eq!(stage.deliveries().await.len(), 1_234);
    // Started by cron, each time for as long as something is pending
    stage.deliver().await;
    assert!(stage.deliveries().await.is_empty());
}

async fn attempts(stage: &Stage, delivery: DeliveryId) -> usize {
    stage
        .store
        .attempts(&stage.institution, delivery)
        .await
        .unwrap()
        .len()
}
