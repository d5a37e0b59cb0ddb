//! A database that refuses some outcomes, by a rule of its administrator.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::RetrySchedule;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::stage::{Stage, status};

const MINUTE: Duration = Duration::from_secs(60);

/// What the database refuses.
#[derive(Clone)]
struct Rules {
    settlement: Arc<dyn Fn(&Settlement) -> bool + Send + Sync>,
    health: bool,
    claim: Option<Uuid>,
}

impl Rules {
    fn of_settlements(refuses: impl Fn(&Settlement) -> bool + Send + Sync + 'static) -> Self {
        Self {
            settlement: Arc::new(refuses),
            health: false,
            claim: None,
        }
    }
}

fn refused() -> StoreError {
    StoreError::RefusedByDatabase {
        reason: "no".to_owned(),
    }
}

fn has_status(settlement: &Settlement, status: u16) -> bool {
    let attempt = settlement.attempt.as_ref();
    attempt.is_some_and(|it| it.status == Some(status))
}

/// A store in memory that changes all or nothing of what it is given.
#[derive(Clone)]
struct Ruled {
    store: MemoryStore,
    rules: Rules,
}

impl certificate_lifecycle::store::sealed::Sealed for Ruled {}

impl Store for Ruled {
    delegate!(append load history feed feed_end wake);
}

impl Outbox for Ruled {
    delegate!(add_webhook put_webhook webhook webhooks remove_webhook due);
    delegate!(deliveries delivery attempts redeliver replay abandon prune backlog);

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>, StoreError> {
        let refuses_health = self.rules.health && !health.is_empty();
        if refuses_health || settlements.iter().any(|it| (self.rules.settlement)(it)) {
            return Err(refused());
        }
        self.store.settle(now, settlements, health).await
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
        let mut wanted = claim.wanted.iter();
        if wanted.any(|(id, _)| Some(*id) == self.rules.claim) {
            return Err(refused());
        }
        self.store.claim(claim).await
    }
}

/// Two webhooks, of which one answers 500, and as many events.
async fn stage(events: usize) -> (Stage, Uuid, Uuid) {
    let stage = Stage::new(|request, _| match request.url.uri().path() {
        "/ill" => status(500),
        _ => status(204),
    });
    let (ill, well) = (stage.webhook("/ill").await, stage.webhook("/well").await);
    for _ in 0..events {
        stage.submit().await;
    }
    (stage, ill, well)
}

async fn run(stage: &Stage, rules: Rules) -> Option<Result<Summary, StoreError>> {
    let seconds = [0, 1, 1].map(Duration::from_secs);
    let options =
        DispatcherOptions::default().with_schedule(RetrySchedule::new(seconds.to_vec()).unwrap());
    let store = Ruled {
        store: stage.store.clone(),
        rules,
    };
    let dispatcher = stage.dispatcher_over(options, store, stage.clock());
    let running = dispatcher.run_until_idle(pending());
    tokio::time::timeout(10 * MINUTE, running).await.ok()
}

/// How many deliveries of a webhook have this status.
async fn count(stage: &Stage, webhook: Uuid, status: DeliveryStatus) -> usize {
    let deliveries = stage.deliveries().await.into_iter();
    deliveries
        .filter(|it| it.webhook == webhook && it.status == status)
        .count()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_refused_is_left_out_of_the_record_of_its_delivery() {
    let (stage, ill, well) = stage(20).await;
    let rules = Rules::of_settlements(|it| has_status(it, 500));
    let summary = run(&stage, rules).await.unwrap().unwrap();
    // The schedule has its end, though the store counts none of these attempts.
    assert_eq!((summary.delivered, summary.dead), (20, 20));
    assert_eq!(stage.came_to("/ill").len(), 60);
    assert_eq!(count(&stage, ill, DeliveryStatus::Dead).await, 20);
    assert_eq!(count(&stage, well, DeliveryStatus::Delivered).await, 20);
    for delivery in stage.deliveries().await {
        let made = stage.store.attempts(&stage.institution, delivery.id).await;
        let expected = usize::from(delivery.webhook == well);
        assert_eq!(made.unwrap().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recorded_at_all_ends_a_run_that_has_nothing_else_left() {
    let (stage, ill, well) = stage(20).await;
    let rules = Rules::of_settlements(|it| {
        has_status(it, 500) || (it.attempt.is_none() && matches!(it.outcome, Outcome::Retry { .. }))
    });
    let error = run(&stage, rules).await.unwrap().unwrap_err();
    assert!(
        matches!(error, StoreError::RefusedByDatabase { .. }),
        "{error}"
    );
    assert_eq!(count(&stage, well, DeliveryStatus::Delivered).await, 20);
    assert_eq!(count(&stage, ill, DeliveryStatus::Pending).await, 20);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recorded_is_sent_again_when_its_lease_ends() {
    let (stage, ..) = stage(1).await;
    let store = Ruled {
        store: stage.store.clone(),
        rules: Rules::of_settlements(|it| !matches!(it.outcome, Outcome::Released)),
    };
    let options = DispatcherOptions::default();
    let dispatcher = stage.dispatcher_over(options, store, stage.clock());
    let running = tokio::spawn(async move { dispatcher.run(pending()).await });
    tokio::time::sleep(MINUTE).await;
    for path in ["/ill", "/well"] {
        let came = stage.came_to(path).len();
        assert!((2..=4).contains(&came), "{path}: {came}");
    }
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn health_that_is_refused_stops_no_outcome() {
    let (stage, ill, well) = stage(5).await;
    let rules = Rules {
        health: true,
        ..Rules::of_settlements(|_| false)
    };
    let summary = run(&stage, rules).await.unwrap().unwrap();
    assert_eq!((summary.delivered, summary.dead), (5, 5));
    assert_eq!(count(&stage, ill, DeliveryStatus::Dead).await, 5);
    assert_eq!(count(&stage, well, DeliveryStatus::Delivered).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_whose_claim_is_refused_stops_no_other() {
    let (stage, ill, well) = stage(5).await;
    let rules = Rules {
        claim: Some(ill),
        ..Rules::of_settlements(|_| false)
    };
    // It goes on: the rule may be taken away.
    assert!(run(&stage, rules).await.is_none());
    assert_eq!(count(&stage, well, DeliveryStatus::Delivered).await, 5);
    assert!(stage.came_to("/ill").is_empty());
}
