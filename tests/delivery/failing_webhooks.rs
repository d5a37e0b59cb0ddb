//! Webhooks in trouble, each named after what once went wrong.

use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{
    CustomHeaders, Disabled, DisabledReason, Endpoint, RetrySchedule, Secret, Secrets,
};
use certificate_lifecycle::{ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::stage::{Answer, Stage, asks_for, status};

const SECOND: Duration = Duration::from_secs(1);

fn once() -> DispatcherOptions {
    DispatcherOptions::default()
        .with_concurrency(1)
        .with_schedule(RetrySchedule::new(vec![Duration::ZERO]).unwrap())
}

/// A server that always answers the same, after a while.
struct Always(Duration, fn() -> Answer);

impl Transport for Always {
    async fn send(&self, _: OutgoingRequest, _: std::time::Instant) -> Answer {
        tokio::time::sleep(self.0).await;
        self.1()
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_successes_that_were_under_way() {
    let stage = Stage::new(|_, count| match count {
        0 => asks_for(429, 3600),
        _ => status(204),
    });
    stage.webhook("/a").await;
    for _ in 0..1000 {
        stage.submit().await;
    }
    let running = stage.start(DispatcherOptions::default());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(stage.came().len(), 64);
    tokio::time::sleep(3600 * SECOND).await;
    assert_eq!(running.stop().await.delivered, 1000);
}

#[tokio::test(start_paused = true)]
async fn the_last_word_of_two_dispatchers_is_the_health() {
    let stage = Stage::with_delay(|_, _| status(204), |_| SECOND);
    let webhook = stage.webhook("/a").await;
    let slow = stage.start(once());
    stage.submit().await;
    tokio::time::sleep(SECOND / 10).await;
    // Another one fails while the first is still waiting for its answer, which is a success.
    let failing = stage.dispatcher_with(once(), Always(SECOND / 10, || status(500)));
    let failing = tokio::spawn(async move { failing.run(std::future::pending()).await });
    stage.submit().await;
    tokio::time::sleep(SECOND / 2).await;
    let health = stage
        .store
        .webhook(&stage.institution, webhook)
        .await
        .unwrap()
        .unwrap()
        .health;
    assert!(health.failing_since.is_some());
    tokio::time::sleep(SECOND).await;
    let health = stage
        .store
        .webhook(&stage.institution, webhook)
        .await
        .unwrap()
        .unwrap()
        .health;
    assert_eq!(health.failing_since, None);
    failing.abort();
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn many_silent_receivers_do_not_keep_one_waiting() {
    let stage = Stage::with_delay(
        |request, _| match request.url.uri().path() {
            "/well" => status(204),
            _ => Err(SendError::Timeout("waiting for the response")),
        },
        |path| {
            if path == "/well" {
                SECOND / 100
            } else {
                15 * SECOND
            }
        },
    );
    for number in 0..300 {
        stage.webhook(&format!("/silent{number}")).await;
    }
    for _ in 0..20 {
        stage.submit().await;
    }
    let running = stage.start(DispatcherOptions::default());
    tokio::time::sleep(300 * SECOND).await;
    stage.webhook("/well").await;
    for round in 1..=10 {
        stage.submit().await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(stage.came_to("/well").len(), round);
    }
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_recovered_is_tried_however_many_swallow_their_requests() {
    for silent in [16, 20, 100] {
        // Given one that fails until all of the others are known not to answer
        let recovered = tokio::time::Instant::now() + 60 * SECOND;
        let stage = Stage::with_delay(
            move |request, _| match request.url.uri().path() {
                "/well" => status(match tokio::time::Instant::now() {
                    now if now < recovered => 500,
                    _ => 204,
                }),
                _ => Err(SendError::Timeout("waiting for the response")),
            },
            |path| match path {
                "/well" => SECOND / 100,
                _ => 15 * SECOND,
            },
        );
        for number in 0..silent {
            stage.webhook(&format!("/silent{number}")).await;
        }
        stage.webhook("/well").await;
        for _ in 0..100 {
            stage.submit().await;
        }
        let running = stage.start(DispatcherOptions::default());
        tokio::time::sleep(60 * SECOND).await;
        let before = stage.came_to("/well").len();
        tokio::time::sleep(60 * SECOND).await;
        // Then something is sent to it soon, and when that has arrived, all that is due
        let since = stage.came_to("/well").len() - before;
        assert!(since >= 50, "{silent}: {since}");
        // And none of the others is forgotten
        for number in 0..silent {
            assert!(!stage.came_to(&format!("/silent{number}")).is_empty());
        }
        drop(running);
    }
}

#[tokio::test(start_paused = true)]
async fn enabled_again_it_is_served_at_once() {
    let stage = Stage::new(|_, count| match count {
        0 => asks_for(503, 86_400),
        _ => status(204),
    });
    let webhook = stage.webhook("/a").await;
    let running = stage.start(DispatcherOptions::default());
    stage.submit().await;
    tokio::time::sleep(SECOND).await;
    for is_enabled in [false, true] {
        let mut known = stage
            .store
            .webhook(&stage.institution, webhook)
            .await
            .unwrap()
            .unwrap();
        known.endpoint.disabled =
            (!is_enabled).then(|| Disabled::new(DisabledReason::Manual, stage.now()));
        assert!(stage.store.put_webhook(known).await.unwrap().is_done());
        tokio::time::sleep(SECOND).await;
    }
    stage.submit().await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.came().len(), 2);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_410_of_the_old_url_does_not_disable_the_new_one() {
    let stage = Stage::with_delay(
        |request, _| {
            status(if request.url.uri().path() == "/old" {
                410
            } else {
                204
            })
        },
        |_| 2 * SECOND,
    );
    let webhook = stage.webhook("/old").await;
    let running = stage.start(DispatcherOptions::default());
    stage.submit().await;
    tokio::time::sleep(SECOND).await;
    let mut known = stage
        .store
        .webhook(&stage.institution, webhook)
        .await
        .unwrap()
        .unwrap();
    known.endpoint.url = "https://example.com/new".parse().unwrap();
    assert!(stage.store.put_webhook(known).await.unwrap().is_done());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(stage.disabled(webhook).await, None);
    assert_eq!(running.stop().await.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_410_disables_even_as_the_last_word_before_a_shutdown() {
    let stage = Stage::with_delay(|_, _| status(410), |_| 2 * SECOND);
    let webhook = stage.webhook("/gone").await;
    stage.submit().await;
    let running = stage.start(DispatcherOptions::default());
    tokio::time::sleep(SECOND).await;
    assert_eq!(running.stop().await.failed, 1);
    assert_eq!(stage.disabled(webhook).await, Some(DisabledReason::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_is_sent_back_is_not_kept() {
    let stage = Stage::new(|request, _| {
        let values = request.headers.iter().map(|(_, value)| value.as_bytes());
        Ok(Response::new(400).with_excerpt(values.collect::<Vec<_>>().join(&b"\n"[..])))
    });
    let mut secrets = Secrets::new(Secret::from_key(&[7; 32]).unwrap());
    let later = stage.now() + TimeDelta::days(1);
    secrets.rotate(
        Secret::from_key(&[8; 32]).unwrap(),
        stage.now(),
        later,
        later,
    );
    let url = "https://example.com/a".parse().unwrap();
    let mut endpoint = Endpoint::new(url, secrets.current().clone());
    endpoint.secrets = secrets;
    stage.register(endpoint).await;
    stage.submit().await;
    let dispatcher = stage.dispatcher(once());
    let _ = dispatcher
        .run_until_idle(std::future::pending())
        .await
        .unwrap();
    let delivery = &stage.deliveries().await[0];
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    let excerpt = attempts[0].excerpt.as_deref().unwrap();
    let [came] = &stage.came()[..] else { panic!() };
    assert!(excerpt.contains(came.header("webhook-id")), "{excerpt}");
    let standard = came.header("webhook-signature");
    assert_eq!(standard.split(' ').count(), 2);
    let platform = came.header("x-webhook-signature");
    for it in standard.split([' ', ',']).chain([platform]) {
        assert!(it.len() < 8 || !excerpt.contains(it), "{it}: {excerpt}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_to_be_disabled_is_left_alone_nevertheless_if_it_asks_for_that() {
    let stage = Stage::new(|_, count| match count {
        0 => status(500),
        _ => asks_for(503, 3600),
    });
    let webhook = stage.webhook("/a").await;
    let running = stage.start(
        DispatcherOptions::default()
            .with_schedule(
                RetrySchedule::new(vec![Duration::ZERO, Duration::from_secs(20)]).unwrap(),
            )
            .with_disable_after(Duration::from_secs(10)),
    );
    stage.submit().await;
    tokio::time::sleep(30 * SECOND).await;
    // Had it not been disabled, since the store was away or others have delivered, this is what
    // keeps them off.
    let known = stage
        .store
        .webhook(&stage.institution, webhook)
        .await
        .unwrap()
        .unwrap();
    assert!(known.health.not_before > Some(stage.now() + TimeDelta::minutes(59)));
    assert_eq!(stage.disabled(webhook).await, Some(DisabledReason::Failing));
    let _ = running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_back_in_another_spelling_is_not_kept_either() {
    let stage = Stage::new(|_, _| {
        Ok(Response::new(400).with_excerpt(
            br#"{"title":"J\u00f6rg M\u00fcller","mail":"Private.Person@example.com",
                "enc":"private.person%40example.com","auth":"token s3cr3t-t0ken has expired"}"#
                .to_vec(),
        ))
    });
    let secret = Secret::from_key(&[7; 32]).unwrap();
    let mut endpoint = Endpoint::new("https://example.com/a".parse().unwrap(), secret);
    endpoint.headers = CustomHeaders::new([("Authorization", "Bearer s3cr3t-t0ken")]).unwrap();
    stage.register(endpoint).await;
    let details = ApplicationDetails::new(
        ApplicationId::new(1).unwrap(),
        Uuid::new_v4(),
        CertificateTitle::new("Jörg Müller").unwrap(),
        ApplicantEmail::new("private.person@example.com").unwrap(),
    );
    let john = Actor::customer("john").unwrap();
    stage
        .engine
        .scope(&stage.institution, &john)
        .submit(details)
        .await
        .unwrap();
    let dispatcher = stage.dispatcher(once());
    dispatcher
        .run_until_idle(std::future::pending())
        .await
        .unwrap();
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    let excerpt = attempts[0].excerpt.as_deref().unwrap();
    for hidden in ["s3cr3t", "u00f6", "Person", "person"] {
        assert!(!excerpt.contains(hidden), "{hidden}: {excerpt}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_machine_lacks_is_no_attempt_and_no_failure_of_a_webhook() {
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let recording = metrics::set_default_local_recorder(&recorder);
    let stage = Stage::new(|request, count| match request.url.uri().path() {
        "/a" if count < 200 => Err(SendError::Local("local ports".to_owned())),
        _ => status(204),
    });
    let (webhook, other) = (stage.webhook("/a").await, stage.webhook("/b").await);
    let running = stage.start(DispatcherOptions::default());
    for _ in 0..20 {
        stage.submit().await;
    }
    let start = stage.now();
    tokio::time::sleep(5 * SECOND).await;
    // It goes on trying, about once a second with everything that is due, and not all the time.
    let tried = stage.came_to("/a").len();
    assert!((40..=140).contains(&tried), "{tried}");
    let known = stage
        .store
        .webhook(&stage.institution, webhook)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(known.health, Health::default());
    // Others are served in between.
    assert_eq!(stage.came_to("/b").len(), 20);
    tokio::time::sleep(60 * SECOND).await;
    let summary = running.stop().await;
    assert_eq!(
        (summary.delivered, summary.failed, summary.dead),
        (40, 0, 0)
    );
    for delivery in stage.deliveries().await {
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
    let last = stage.came_to("/a").last().unwrap().at;
    assert!(last - start < TimeDelta::seconds(30), "{last}");
    assert!(stage.disabled(other).await.is_none());
    drop(recording);
    let metrics = format!("{:?}", snapshots.snapshot().into_vec());
    assert!(metrics.contains("\"local\""), "{metrics}");
}
