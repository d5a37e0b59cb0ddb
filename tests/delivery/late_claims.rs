//! Claims that come too late to be sent under.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{sleep, timeout};

use crate::slow_store::{Meanwhile, Slow};
use crate::stage::{Came, Scripted, Stage, status};

/// Longer than a claim may take: half of the margin.
const TOO_LONG: Duration = Duration::from_millis(2600);

const MINUTE: Duration = Duration::from_secs(60);

/// One that works on a store whose claims fare by this script, and by its clock.
fn over(
    stage: &Stage,
    script: impl Fn(usize) -> Meanwhile + Send + Sync + 'static,
) -> (Slow, Dispatcher<Slow, Scripted>) {
    let slow = Slow::new(stage.store.clone(), script);
    let (clock, jumps) = (stage.clock(), slow.clone());
    let clock = move || clock() + jumps.jumped();
    let options = DispatcherOptions::default();
    let dispatcher = stage.dispatcher_over(options, slow.clone(), clock);
    (slow, dispatcher)
}

fn event(came: &Came) -> uuid::Uuid {
    came.header("webhook-id").parse().unwrap()
}

/// When an event was claimed last before it came.
fn claimed(slow: &Slow, came: &Came) -> DateTime<Utc> {
    let mut claims = slow.claimed(event(came)).into_iter();
    claims.rfind(|it| *it <= came.at).unwrap()
}

/// Each delivery has arrived by one attempt, and nothing came twice.
async fn all_came_once(stage: &Stage, count: usize) {
    let mut events: Vec<_> = stage.came().iter().map(event).collect();
    assert_eq!(events.len(), count);
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), count);
    for delivery in stage.deliveries().await {
        assert_eq!(delivery.status, DeliveryStatus::Delivered);
        assert_eq!(delivery.attempts, 1);
        assert_eq!(
            stage
                .store
                .attempts(&stage.institution, delivery.id)
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_claimed_too_long_ago_is_released_and_sent_after_the_next_claim() {
    let stage = Stage::new(|_, _| status(204));
    stage.webhook("/a").await;
    for _ in 0..20 {
        stage.submit().await;
    }
    let (slow, dispatcher) = over(&stage, |before| match before {
        0 => Meanwhile::Passes(TOO_LONG),
        _ => Meanwhile::Nothing,
    });
    let start = stage.now();
    let summary = dispatcher.run_until_idle(pending()).await;
    assert_eq!(summary.unwrap().delivered, 20);
    all_came_once(&stage, 20).await;
    assert_eq!(slow.claims(), 2);
    for came in stage.came() {
        assert_eq!(slow.claimed(event(&came)).len(), 2);
        // At once, and not when the lease has ended.
        let after = came.at - start - TimeDelta::from_std(TOO_LONG).unwrap();
        assert!(after < TimeDelta::milliseconds(100), "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_claimed_ahead_too_long_ago_is_released_as_well() {
    // Given a server that is quick at first, so that deliveries wait for it
    let stage = Stage::with_delays(
        |_, _| status(204),
        |_, count| match count {
            0..64 => Duration::from_millis(5 + count as u64),
            _ => TOO_LONG,
        },
    );
    stage.webhook("/a").await;
    for _ in 0..300 {
        stage.submit().await;
    }
    let (slow, dispatcher) = over(&stage, |_| Meanwhile::Nothing);
    let summary = dispatcher.run_until_idle(pending()).await;
    assert_eq!(summary.unwrap().delivered, 300);
    all_came_once(&stage, 300).await;
    let mut again = 0;
    for came in stage.came() {
        let age = came.at - claimed(&slow, &came);
        assert!(age < TimeDelta::from_std(TOO_LONG).unwrap(), "{age}");
        again += usize::from(slow.claimed(event(&came)).len() > 1);
    }
    assert!(again > 0);
}

#[tokio::test(start_paused = true)]
async fn claims_that_all_come_late_are_not_repeated_without_a_pause() {
    for meanwhile in [
        Meanwhile::Jumps(TimeDelta::seconds(3)),
        Meanwhile::Passes(TOO_LONG),
    ] {
        let stage = Stage::new(|_, _| status(204));
        stage.webhook("/a").await;
        for _ in 0..5 {
            stage.submit().await;
        }
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let (slow, dispatcher) = over(&stage, move |_| {
            if well.load(Ordering::Relaxed) {
                Meanwhile::Nothing
            } else {
                meanwhile
            }
        });
        let mut running = pin!(dispatcher.run_until_idle(pending()));
        assert!(timeout(MINUTE, &mut running).await.is_err());
        assert_eq!(stage.came().len(), 0);
        let claims = slow.claims();
        assert!((8..=25).contains(&claims), "{claims}");
        // And nothing is lost by it, nor has it cost an attempt.
        is_well.store(true, Ordering::Relaxed);
        let summary = timeout(MINUTE, running).await.unwrap().unwrap();
        assert_eq!(summary.delivered, 5);
        all_came_once(&stage, 5).await;
        assert!(slow.claims() <= claims + 2, "{}", slow.claims());
    }
}

#[tokio::test(start_paused = true)]
async fn commits_do_not_hurry_a_dispatcher_whose_claims_come_late() {
    let stage = Stage::new(|_, _| status(204));
    stage.webhook("/a").await;
    let (slow, dispatcher) = over(&stage, |_| Meanwhile::Jumps(TimeDelta::seconds(3)));
    let submitting = async {
        for _ in 0..600 {
            stage.submit().await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        summary = dispatcher.run(pending()) => panic!("{summary:?}"),
        () = submitting => {}
    }
    assert!(slow.claims() <= 25, "{}", slow.claims());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_can_only_be_read_is_not_asked_again_and_again() {
    let stage = Stage::new(|_, _| status(204));
    stage.webhook("/a").await;
    let is_full = Arc::new(AtomicBool::new(true));
    let full = Arc::clone(&is_full);
    let (slow, dispatcher) = over(&stage, move |_| {
        if full.load(Ordering::Relaxed) {
            Meanwhile::Fails
        } else {
            Meanwhile::Nothing
        }
    });
    let mut running = pin!(dispatcher.run_until_idle(pending()));
    stage.submit().await;
    let submitting = async {
        for _ in 1..600 {
            stage.submit().await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        summary = &mut running => panic!("{summary:?}"),
        () = submitting => {}
    }
    // Six waits up to two seconds, and then one every two seconds for the rest of the minute.
    assert!((20..=40).contains(&slow.claims()), "{}", slow.claims());
    // And what is pending is sent when there is room again
    is_full.store(false, Ordering::Relaxed);
    let summary = timeout(MINUTE, running).await.unwrap().unwrap();
    assert_eq!(summary.delivered, 600);
    all_came_once(&stage, 600).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_in_time_ends_the_waiting_for_late_ones() {
    // Given that the clock has jumped ten times, and then jumps once more
    let stage = Stage::new(|_, _| status(204));
    stage.webhook("/a").await;
    let (slow, dispatcher) = over(&stage, |before| match before {
        0..=9 | 11 => Meanwhile::Jumps(TimeDelta::seconds(3)),
        _ => Meanwhile::Nothing,
    });
    let submitting = async {
        stage.submit().await;
        sleep(MINUTE).await;
        let submitted = stage.now();
        assert_eq!(slow.claims(), 11);
        stage.submit().await;
        sleep(MINUTE).await;
        submitted
    };
    let submitted = tokio::select! {
        summary = dispatcher.run(pending()) => panic!("{summary:?}"),
        submitted = submitting => submitted,
    };
    // Then the last wait is as short as the first
    assert_eq!(slow.claims(), 13);
    let took = stage.came()[1].at - submitted;
    assert!(took < TimeDelta::milliseconds(100), "{took}");
    all_came_once(&stage, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_dispatcher_that_cannot_record_outcomes_claims_nothing_more() {
    let stage = Stage::new(|_, _| status(204));
    stage.webhook("/a").await;
    for _ in 0..5000 {
        stage.submit().await;
    }
    let (slow, dispatcher) = over(&stage, |_| Meanwhile::Nothing);
    slow.forget(true);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        dispatcher.run(stopped).await
    });
    sleep(2 * MINUTE).await;
    // What it had in hand when it heard of that, and nothing again and again
    let sent = stage.came().len();
    assert!((1..=256).contains(&sent), "{sent}");
    slow.forget(false);
    sleep(MINUTE).await;
    drop(stop);
    assert_eq!(running.await.unwrap().unwrap().delivered, 5000);
    let lost = stage.came().len() - 5000;
    assert!(lost <= 256, "{lost}");
}
