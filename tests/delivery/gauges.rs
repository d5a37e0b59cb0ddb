//! What the gauges say.

use std::time::Duration;

use certificate_lifecycle::delivery::{DispatcherOptions, telemetry};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::stage::{Stage, status};

/// By how much this gauge has changed since this was asked last.
fn change(snapshots: &Snapshotter, name: &str) -> Option<f64> {
    let all = snapshots.snapshot().into_vec().into_iter();
    let mut of = all.filter(|(key, ..)| key.key().name() == name);
    of.next().map(|(.., value)| match value {
        DebugValue::Gauge(value) => value.into_inner(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn the_requests_of_all_dispatchers_of_a_process_add_up() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    ::metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            // Given three dispatchers with room for one request each, of which each takes a second
            let stage = Stage::with_delay(|_, _| status(204), |_| Duration::from_secs(1));
            stage.webhook("/").await;
            for _ in 0..6 {
                stage.submit().await;
            }
            let one = DispatcherOptions::default().with_concurrency(1);
            let mut running = Vec::new();
            for _ in 0..3 {
                running.push(stage.start(one.clone()));
            }
            let change = || change(&snapshots, telemetry::UNDER_WAY);
            tokio::time::sleep(Duration::from_millis(500)).await;
            // Then all of them count
            assert_eq!(change(), Some(3.0));
            // And no longer when their dispatcher is gone
            running.remove(0).kill().await;
            assert_eq!(change(), Some(-1.0));
            for dispatcher in running {
                dispatcher.stop().await;
            }
            assert_eq!(change(), Some(-2.0));
        });
    });
}
