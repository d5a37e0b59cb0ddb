//! What is measured, by its value.

use std::collections::BTreeMap;

use ::metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use certificate_lifecycle::ProcessingError;
use certificate_lifecycle::processor::{Control, Outcome, ProcessorOptions, Work, telemetry};
use tokio::time::sleep;

use crate::stage::{Stage, seconds};

/// Counters and gauges by their names and labels.
fn values(snapshots: &Snapshotter) -> BTreeMap<String, f64> {
    let all = snapshots.snapshot().into_vec();
    let value = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let labels = key.key().labels().map(|it| format!(" {}", it.value()));
        let name = key.key().name().to_owned() + &labels.collect::<String>();
        match value {
            DebugValue::Counter(count) => {
                let count = u32::try_from(count).unwrap();
                Some((name, f64::from(count)))
            }
            DebugValue::Gauge(value) => Some((name, value.into_inner())),
            DebugValue::Histogram(_) => None,
        }
    };
    all.into_iter().filter_map(value).collect()
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_by_outcome_and_the_backlog_by_its_age() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let _recording = ::metrics::set_default_local_recorder(&recorder);
    let stage = Stage::new();
    let mut uuids = Vec::new();
    for _ in 0..6 {
        uuids.push(stage.upload("a").await);
    }
    let options = ProcessorOptions::default()
        .with_concurrency(12)
        .with_attempts(2)
        .with_timeout(seconds(5))
        .with_first_wait(seconds(1000))
        .with_longest_wait(seconds(1000))
        .with_count_every(seconds(10));
    let running = stage.run(options, move |work: Work, _: Control| {
        let nth = uuids.iter().position(|it| *it == work.uuid()).unwrap();
        async move {
            match nth {
                0 => Outcome::Approve,
                1 => Outcome::Fail(ProcessingError::new("no template").unwrap()),
                2 => Outcome::Again("busy".to_owned()),
                3 => {
                    let (after, why) = (seconds(1000), "closed".to_owned());
                    Outcome::Later { after, why }
                }
                4 => panic!("it is broken"),
                _ => std::future::pending().await,
            }
        }
    });
    sleep(seconds(62)).await;
    let values = values(&snapshots);
    for outcome in ["approved", "failed", "again", "later", "broken", "timeout"] {
        let name = format!("{} {outcome}", telemetry::ATTEMPTS);
        assert_eq!(values.get(&name), Some(&1.0), "{name}: {values:?}");
    }
    assert_eq!(values.get(telemetry::UNDER_WAY), Some(&0.0));
    // Those that are tried again wait; they have been in progress since the start.
    assert_eq!(values.get(telemetry::WAITING), Some(&4.0));
    let oldest = values[telemetry::OLDEST_WAITING_SECONDS];
    assert!((50.0..=62.0).contains(&oldest), "{oldest}");
    assert_eq!(values.get(telemetry::LOST_LEASES), None);
    running.stop().await;
}
