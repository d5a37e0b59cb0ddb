//! When a delivery is tried again, and when no more.

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{DisabledReason, RetrySchedule};
use chrono::{DateTime, Utc};
use std::time::Duration;

use crate::stage::{Came, Stage, asks_for, status};

/// The delays of the contract, in seconds.
const SCHEDULE: [i64; 10] = [
    0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
];

fn gaps(came: &[Came], from: DateTime<Utc>) -> Vec<i64> {
    let mut last = from;
    came.iter()
        .map(|it| (it.at - std::mem::replace(&mut last, it.at)).num_seconds())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn ten_attempts_by_the_schedule_each_at_most_a_fifth_later_then_it_is_dead() {
    let stage = Stage::new(|_, _| status(500));
    stage.webhook("/a").await;
    let submitted = stage.now();
    stage.submit().await;
    let summary = stage.deliver().await;
    assert_eq!(
        (summary.delivered, summary.failed, summary.dead),
        (0, 10, 1)
    );
    let came = stage.came();
    let gaps = gaps(&came, submitted);
    assert_eq!(gaps.len(), SCHEDULE.len());
    for (gap, delay) in gaps.iter().zip(SCHEDULE) {
        assert!(
            (delay..=delay + delay / 5 + 1).contains(gap),
            "{gap} for {delay}"
        );
    }
    assert!(
        came.iter()
            .all(|it| it.request.body == came[0].request.body)
    );
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    assert_eq!(delivery.status, DeliveryStatus::Dead);
    assert_eq!(
        delivery.reason.as_deref(),
        Some("all 10 attempts failed; the last one: status 500")
    );
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    assert_eq!(attempts.len(), 10);
    assert!(
        attempts
            .iter()
            .all(|it| it.status == Some(500) && it.milliseconds == 5)
    );
}

#[tokio::test(start_paused = true)]
async fn what_failed_together_is_not_tried_again_together() {
    let stage = Stage::new(|_, count| status(if count < 9 { 500 } else { 204 }));
    stage.webhook("/a").await;
    for _ in 0..9 {
        stage.submit().await;
    }
    stage.deliver().await;
    let retries: std::collections::BTreeSet<_> = stage.came()[9..]
        .iter()
        .map(|it| it.at.timestamp_millis() / 10)
        .collect();
    assert!(retries.len() >= 6, "{retries:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_counts_between_the_schedule_and_a_day() {
    for (asked, at_least, at_most) in [
        (2, 5, 6),
        (60, 60, 61),
        (10 * 86_400, 86_400, 86_401),
        (0, 5, 6),
    ] {
        let stage = Stage::new(move |_, count| {
            if count == 0 {
                asks_for(500, asked)
            } else {
                status(204)
            }
        });
        stage.webhook("/a").await;
        let submitted = stage.now();
        stage.submit().await;
        stage.deliver().await;
        let gaps = gaps(&stage.came(), submitted);
        assert!((at_least..=at_most).contains(&gaps[1]), "{asked}: {gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_to_retry_after_is_a_time_on_the_clock() {
    let stage = Stage::new(|_, count| {
        let until = "2026-06-04T12:00:00Z".parse().unwrap();
        let asked = Response::new(503).with_retry_after(Some(RetryAfter::Until(until)));
        if count == 0 { Ok(asked) } else { status(204) }
    });
    stage.webhook("/a").await;
    stage.submit().await;
    stage.deliver().await;
    let again = stage.came()[1].at;
    let until: DateTime<Utc> = "2026-06-04T12:00:00Z".parse().unwrap();
    assert!((0..=1).contains(&(again - until).num_seconds()), "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_ones_own() {
    let stage = Stage::new(|_, _| status(500));
    stage.webhook("/a").await;
    stage.submit().await;
    let schedule = RetrySchedule::new([0, 1, 2].map(Duration::from_secs).to_vec()).unwrap();
    let options = DispatcherOptions::default().with_schedule(schedule);
    let dispatcher = stage.dispatcher(options);
    let summary = dispatcher
        .run_until_idle(std::future::pending())
        .await
        .unwrap();
    assert_eq!((summary.failed, summary.dead), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_webhook_is_left_alone_as_a_whole_and_no_other() {
    for code in [429, 502, 503, 504] {
        let stage = Stage::new(move |request, count| match request.url.uri().path() {
            "/busy" if count == 0 => asks_for(code, 60),
            _ => status(204),
        });
        stage.webhook("/busy").await;
        let running = stage.start(DispatcherOptions::default());
        stage.submit().await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        // Events that come meanwhile wait as well; another webhook's do not.
        stage.webhook("/other").await;
        for _ in 0..20 {
            stage.submit().await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(50)).await;
        assert_eq!(stage.came_to("/busy").len(), 1, "{code}");
        assert_eq!(stage.came_to("/other").len(), 20, "{code}");
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(stage.came_to("/busy").len(), 22, "{code}");
        assert_eq!(running.stop().await.delivered, 41);
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_gone_is_disabled_and_keeps_its_pending_deliveries() {
    let stage = Stage::new(|_, _| status(410));
    let webhook = stage.webhook("/a").await;
    let uuid = stage.submit().await;
    stage.approve(uuid).await;
    let summary = stage.deliver().await;
    assert_eq!(summary.failed, 1);
    assert_eq!(stage.disabled(webhook).await, Some(DisabledReason::Gone));
    let deliveries = stage.deliveries().await;
    assert_eq!(deliveries.len(), 3);
    assert!(
        deliveries
            .iter()
            .all(|it| it.status == DeliveryStatus::Pending)
    );
    // And nothing is made for it any more.
    stage.submit().await;
    assert_eq!(stage.deliveries().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_failed_everything_for_five_days_is_disabled() {
    let stage = Stage::new(|_, _| status(500));
    let webhook = stage.webhook("/a").await;
    let running = stage.start(DispatcherOptions::default());
    for day in 0..6 {
        assert_eq!(stage.disabled(webhook).await, None, "day {day}");
        stage.submit().await;
        tokio::time::sleep(std::time::Duration::from_secs(23 * 3600)).await;
    }
    assert_eq!(stage.disabled(webhook).await, Some(DisabledReason::Failing));
    let _ = running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_success_in_five_days_is_enough_to_stay() {
    let stage = Stage::new(|_, count| status(if count % 20 == 19 { 204 } else { 500 }));
    let webhook = stage.webhook("/a").await;
    let running = stage.start(DispatcherOptions::default());
    for _ in 0..12 {
        stage.submit().await;
        tokio::time::sleep(std::time::Duration::from_secs(24 * 3600)).await;
    }
    assert_eq!(stage.disabled(webhook).await, None);
    assert!(running.stop().await.delivered >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_a_failure_like_others() {
    let stage = Stage::new(|_, count| status(if count == 0 { 301 } else { 204 }));
    stage.webhook("/a").await;
    stage.submit().await;
    let summary = stage.deliver().await;
    assert_eq!((summary.failed, summary.delivered), (1, 1));
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    assert_eq!(
        attempts[0].error.as_deref(),
        Some("status 301: redirects are not followed")
    );
}

#[test]
fn delays_that_are_no_schedule_are_refused_in_units_that_people_read() {
    let seconds = Duration::from_secs;
    let refused = |delays: &[Duration]| {
        let refused = RetrySchedule::new(delays.to_vec()).unwrap_err();
        refused.to_string()
    };
    for (delay, words) in [
        (seconds(40 * 86_400), "40 days"),
        (seconds(30 * 86_400 + 1), "2592001 s"),
        (seconds(30 * 86_400 + 60), "43201 minutes"),
        (seconds(31 * 86_400 + 3600), "745 hours"),
        (
            seconds(30 * 86_400) + Duration::from_millis(500),
            "2592000.5 s",
        ),
    ] {
        let expected = format!("retry delay 2 is {words}; the maximum is 30 days");
        assert_eq!(refused(&[Duration::ZERO, delay]), expected);
    }
    let first =
        "the first retry delay must be 0 s, since the first attempt is made at once, but is";
    for (delay, words) in [
        (seconds(5), "5 s"),
        (seconds(60), "1 minute"),
        (seconds(3600), "1 hour"),
        (seconds(86_400), "1 day"),
        (Duration::from_millis(5), "0.005 s"),
    ] {
        assert_eq!(refused(&[delay]), format!("{first} {words}"));
    }
    assert_eq!(
        refused(&[]),
        "a retry schedule has 1 to 100 delays, but this has 0"
    );
    let longest = vec![Duration::ZERO, seconds(30 * 86_400)];
    assert_eq!(
        RetrySchedule::new(longest.clone()).unwrap().delays(),
        longest
    );
}
