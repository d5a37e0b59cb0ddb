//! What the metrics count.

#![expect(clippy::float_cmp, reason = "what is counted is a whole number")]

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::Outbox;
use certificate_lifecycle::webhook::{DisabledReason, RetrySchedule};
use chrono::TimeDelta;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::stage::{Stage, status};

const SECOND: Duration = Duration::from_secs(1);

/// What was recorded, by the name of the metric and the value of its label, if it has one.
struct RecordedEvent(BTreeMap<(String, String), DebugValue>);

impl RecordedEvent {
    /// Of a run on virtual time.
    fn of(run: impl Future<Output = ()>) -> Self {
        let recorder = DebuggingRecorder::new();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        ::metrics::with_local_recorder(&recorder, || runtime.block_on(run));
        let snapshot = recorder.snapshotter().snapshot().into_vec();
        let named = snapshot.into_iter().map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(::metrics::Label::value).collect();
            ((key.key().name().to_owned(), labels.concat()), value)
        });
        Self(named.collect())
    }

    /// A counter, each of its labels with its value.
    fn counts(&self, name: &str) -> Vec<(&str, u64)> {
        let of_name = self.0.iter().filter(|((it, _), _)| it == name);
        let counts = of_name.map(|((_, label), value)| match value {
            DebugValue::Counter(count) => (label.as_str(), *count),
            other => panic!("{name}: {other:?}"),
        });
        counts.collect()
    }

    fn gauge(&self, name: &str) -> f64 {
        match &self.0[&(name.to_owned(), String::new())] {
            DebugValue::Gauge(value) => value.0,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn samples(&self, name: &str) -> Vec<f64> {
        match &self.0[&(name.to_owned(), String::new())] {
            DebugValue::Histogram(samples) => samples.iter().map(|it| it.0).collect(),
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn options(delays: &[u64]) -> DispatcherOptions {
    let delays = delays.iter().map(|it| Duration::from_secs(*it)).collect();
    DispatcherOptions::default().with_schedule(RetrySchedule::new(delays).unwrap())
}

#[test]
fn each_outcome_counts_once_and_what_follows_from_it() {
    let mut latency = TimeDelta::zero();
    let recorded = RecordedEvent::of(async {
        // Given a server of every sort
        let stage = Stage::new(|request, count| match (request.url.uri().path(), count) {
            ("/a", 0) => status(500),
            ("/gone", _) => status(410),
            ("/dead", 0) => Err(SendError::Refused("it is private".to_owned())),
            ("/dead", 1) => Err(SendError::Connect("connection refused".to_owned())),
            ("/dead", 2) => Err(SendError::Timeout("waiting for the response")),
            ("/dead", _) => Err(SendError::Broken("reset".to_owned())),
            _ => status(204),
        });
        for path in ["/a", "/gone", "/dead"] {
            stage.webhook(path).await;
        }
        let start = stage.now();
        stage.submit().await;
        let running = stage.start(options(&[0, 1, 1, 1]));
        // When all is over, and the backlog has been counted since
        tokio::time::sleep(61 * SECOND).await;
        running.stop().await;
        let taken = stage.came_to("/a").pop().unwrap();
        latency = taken.at + TimeDelta::milliseconds(5) - start;
    });
    assert_eq!(
        recorded.counts(telemetry::ATTEMPTS),
        [
            ("broken", 1),
            ("connect_failed", 1),
            ("delivered", 1),
            ("refused", 2),
            ("target_refused", 1),
            ("timeout", 1),
        ]
    );
    assert_eq!(recorded.counts(telemetry::DEAD_TOTAL), [("", 1)]);
    assert_eq!(recorded.counts(telemetry::DISABLED), [("gone", 1)]);
    assert_eq!(recorded.counts(telemetry::LOST_LEASES), []);
    // Every attempt took as long as the servers of these tests do; one has arrived, by its second
    // attempt.
    assert_eq!(recorded.samples(telemetry::ATTEMPT_SECONDS), [0.005; 7]);
    let [sample] = recorded.samples(telemetry::LATENCY_SECONDS)[..] else {
        panic!("one has arrived")
    };
    let latency = latency.to_std().unwrap().as_secs_f64();
    assert!((1.0..1.3).contains(&sample), "{sample} s");
    assert!((sample - latency).abs() < 0.002, "{sample} s, {latency} s");
    // What is kept for the server that is gone waits for no delivery.
    assert_eq!(recorded.gauge(telemetry::KEPT), 1.0);
    assert_eq!(recorded.gauge(telemetry::PENDING), 0.0);
    assert_eq!(recorded.gauge(telemetry::DEAD), 1.0);
    assert_eq!(recorded.gauge(telemetry::OLDEST_DUE_SECONDS), 0.0);
    assert_eq!(recorded.gauge(telemetry::UNDER_WAY), 0.0);
}

#[test]
fn a_webhook_that_fails_for_too_long_is_counted_as_failing() {
    let recorded = RecordedEvent::of(async {
        let stage = Stage::new(|_, _| status(500));
        let webhook = stage.webhook("/a").await;
        stage.submit().await;
        let running =
            stage.start(options(&[0, 20, 20]).with_disable_after(Duration::from_secs(10)));
        tokio::time::sleep(30 * SECOND).await;
        assert_eq!(stage.disabled(webhook).await, Some(DisabledReason::Failing));
        running.stop().await;
    });
    assert_eq!(recorded.counts(telemetry::DISABLED), [("failing", 1)]);
    assert_eq!(recorded.counts(telemetry::ATTEMPTS), [("refused", 2)]);
    assert_eq!(recorded.counts(telemetry::DEAD_TOTAL), []);
}

#[test]
fn what_comes_too_late_to_count_is_counted() {
    let recorded = RecordedEvent::of(async {
        let stage = Stage::with_delay(|_, _| status(204), |_| 2 * SECOND);
        let webhook = stage.webhook("/a").await;
        stage.submit().await;
        stage.submit().await;
        let running = stage.start(DispatcherOptions::default());
        tokio::time::sleep(SECOND).await;
        assert!(
            stage
                .store
                .remove_webhook(&stage.institution, webhook)
                .await
                .unwrap()
        );
        tokio::time::sleep(2 * SECOND).await;
        running.stop().await;
    });
    assert_eq!(recorded.counts(telemetry::LOST_LEASES), [("", 2)]);
    assert_eq!(recorded.counts(telemetry::ATTEMPTS), [("delivered", 2)]);
}
