//! A webhook does not wait for the trouble of another.

use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::RetrySchedule;

use crate::stage::{Stage, status};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn events_of_one_application_arrive_in_order_whatever_fails() {
    // Every third request fails, also in the middle of a life.
    let stage = Stage::new(|_, count| status(if count % 3 == 1 { 500 } else { 204 }));
    stage.webhook("/a").await;
    stage.webhook("/b").await;
    let mut applications = Vec::new();
    for _ in 0..20 {
        let uuid = stage.submit().await;
        stage.approve(uuid).await;
        applications.push(uuid);
    }
    assert_eq!(stage.deliver().await.delivered, 120);
    for path in ["/a", "/b"] {
        for uuid in &applications {
            let came = stage.came_to(path).into_iter().map(|it| it.json());
            let mut kinds: Vec<_> = came
                .filter(|it| it["uuid"] == uuid.to_string())
                .map(|it| it["event"].as_str().unwrap().to_owned())
                .collect();
            kinds.dedup();
            let names = ["created", "processing", "approved"];
            assert_eq!(
                kinds,
                names.map(|it| format!("certificate_application.{it}"))
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_event_holds_up_its_application_and_no_other() {
    let stage = Stage::new(|request, _| {
        let is_poison = String::from_utf8_lossy(&request.body).contains(r#""application_id":1,"#);
        status(if is_poison { 500 } else { 204 })
    });
    stage.webhook("/a").await;
    let running = stage.start(DispatcherOptions::default());
    let poison = stage.submit().await;
    stage.approve(poison).await;
    for _ in 0..5 {
        let uuid = stage.submit().await;
        stage.approve(uuid).await;
    }
    tokio::time::sleep(SECOND).await;
    let deliveries = stage.deliveries().await;
    for it in deliveries {
        let expected = if it.application == poison {
            DeliveryStatus::Pending
        } else {
            DeliveryStatus::Delivered
        };
        assert_eq!(it.status, expected);
    }
    let _ = running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn silent_receivers_do_not_keep_others_waiting() {
    let stage = Stage::with_delay(
        |_, _| status(204),
        |path| {
            if path.starts_with("/silent") {
                3600 * SECOND
            } else {
                SECOND / 100
            }
        },
    );
    for number in 0..5 {
        stage.webhook(&format!("/silent{number}")).await;
    }
    let running = stage.start(DispatcherOptions::default());
    for _ in 0..500 {
        stage.submit().await;
    }
    tokio::time::sleep(60 * SECOND).await;
    stage.webhook("/well").await;
    stage.submit().await;
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(stage.came_to("/well").len(), 1);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_is_probed_now_and_then_and_served_when_it_is_back() {
    let stage = Stage::new(|_, count| {
        if count < 100 {
            Err(SendError::Connect("connection refused".to_owned()))
        } else {
            status(204)
        }
    });
    stage.webhook("/a").await;
    for _ in 0..1000 {
        stage.submit().await;
    }
    let running = stage.start(DispatcherOptions::default());
    // At once half of the room; then a few every time that the circuit is half-open.
    tokio::time::sleep(SECOND / 100).await;
    assert_eq!(stage.came().len(), 64);
    tokio::time::sleep(SECOND / 2).await;
    let probed = stage.came().len();
    assert!((65..100).contains(&probed), "{probed}");
    tokio::time::sleep(600 * SECOND).await;
    let summary = running.stop().await;
    assert_eq!((summary.delivered, summary.failed), (1000, 100));
}

#[tokio::test(start_paused = true)]
async fn what_is_new_comes_before_what_failed_before() {
    let stage = Stage::with_delay(
        |request, _| {
            let is_old = String::from_utf8_lossy(&request.body).contains("10:30:00Z");
            status(if is_old { 500 } else { 204 })
        },
        |_| SECOND / 2,
    );
    stage.webhook("/a").await;
    for _ in 0..9 {
        stage.submit().await;
    }
    // One after the other, and each of the old ones is due again a second after it failed.
    let mut delays = vec![Duration::from_secs(1); 60];
    delays[0] = Duration::ZERO;
    let options = DispatcherOptions::default()
        .with_concurrency(1)
        .with_schedule(RetrySchedule::new(delays).unwrap());
    let running = stage.start(options);
    tokio::time::sleep(20 * SECOND).await;
    let before = stage.came().len();
    let new = stage.submit().await;
    tokio::time::sleep(20 * SECOND).await;
    let deliveries = stage.deliveries().await;
    let new = deliveries.iter().find(|it| it.application == new).unwrap();
    assert_eq!(new.status, DeliveryStatus::Delivered);
    // One may have been claimed before, and of four one is for the old ones.
    let came = stage.came();
    let uuid = new.application.to_string();
    let place = came[before..]
        .iter()
        .position(|it| it.json()["uuid"] == uuid);
    assert!(place.unwrap() <= 2, "{place:?}");
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_before_a_backlog_ends_however_narrow_the_way() {
    for concurrency in 1..=3 {
        let stage = Stage::new(|_, count| status(if count == 0 { 500 } else { 204 }));
        stage.webhook("/a").await;
        for _ in 0..600 {
            stage.submit().await;
        }
        let running = stage.start(
            DispatcherOptions::default()
                .with_concurrency(concurrency)
                .with_schedule(
                    RetrySchedule::new(vec![Duration::ZERO, Duration::from_secs(1)]).unwrap(),
                ),
        );
        tokio::time::sleep(60 * SECOND).await;
        let came = stage.came_to("/a");
        let first = came[0].header("webhook-id");
        let again = came.iter().skip(1);
        let between = again
            .take_while(|it| it.header("webhook-id") != first)
            .count();
        assert!((2..400).contains(&between), "{concurrency}: {between}");
        assert_eq!(running.stop().await.delivered, 600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_finishes_what_is_under_way_and_claims_nothing_more() {
    let stage = Stage::with_delay(|_, _| status(204), |_| 2 * SECOND);
    stage.webhook("/a").await;
    for _ in 0..200 {
        stage.submit().await;
    }
    let running = stage.start(DispatcherOptions::default());
    tokio::time::sleep(SECOND).await;
    let summary = running.stop().await;
    assert_eq!(summary.delivered, 64);
    assert_eq!(stage.came().len(), 64);
    let deliveries = stage.deliveries().await;
    let delivered = deliveries
        .iter()
        .filter(|it| it.status == DeliveryStatus::Delivered);
    assert_eq!(delivered.count(), 64);
    // The next one goes on at once: no lease is left behind.
    let at = stage.now();
    assert_eq!(stage.deliver().await.delivered, 136);
    assert!((stage.now() - at).num_seconds() < 10);
}

#[tokio::test(start_paused = true)]
async fn a_killed_dispatcher_is_replaced_when_its_leases_end() {
    let stage = Stage::with_delay(|_, _| status(204), |_| 2 * SECOND);
    stage.webhook("/a").await;
    for _ in 0..10 {
        stage.submit().await;
    }
    let killed = stage.start(DispatcherOptions::default());
    tokio::time::sleep(SECOND).await;
    killed.kill().await;
    let at = stage.now();
    assert_eq!(stage.deliver().await.delivered, 10);
    // 15 s for the request and 5 s more, of which one has passed; then 2 s to send.
    assert!((19..=25).contains(&(stage.now() - at).num_seconds()));
    assert_eq!(stage.came().len(), 20);
}
