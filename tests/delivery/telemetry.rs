//! What a dispatcher tells of its work, in spans, logs and metrics.

use certificate_lifecycle::delivery::{Response, telemetry};

use crate::log;
use crate::stage::{Stage, status};

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_of_the_store_or_sent_is_a_span() {
    log::start();
    let stage = Stage::new(|_, _| status(410));
    stage.webhook("/gone").await;
    stage.submit().await;
    stage.deliver().await;
    let log = log::end();
    for span in [
        "due: ",
        "claim{webhooks=1 room=64}: ",
        "attempt{webhook=",
        "settle{deliveries=1 webhooks=1}: ",
        "disable{webhook=",
        "housekeeping: ",
    ] {
        let is_reported = |line: &str| line.contains(span) && line.contains("close time.busy");
        assert!(log.lines().any(is_reported), "{span}: {log}");
    }
}

#[test]
fn logs_and_metrics_tell_what_happens_and_nothing_personal() {
    log::start();
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let run = || {
        runtime.block_on(async {
            let stage = Stage::new(|request, count| match (request.url.uri().path(), count) {
                ("/gone", _) => status(410),
                ("/a", 0) => Ok(Response::new(500).with_excerpt(request.body.clone())),
                _ => status(204),
            });
            stage.webhook("/a").await;
            stage.webhook("/gone").await;
            stage.submit().await;
            stage.deliver().await;
        });
    };
    ::metrics::with_local_recorder(&recorder, run);
    let log = log::end();
    let snapshot = snapshots.snapshot().into_vec();
    let metrics = format!("{snapshot:?}");
    for (name, text) in [("log", &log), ("metrics", &metrics)] {
        for hidden in ["private.person", "Discretion", "whsec_", "BwcHBwcH", "john"] {
            assert!(!text.contains(hidden), "{name}: {hidden}: {text}");
        }
    }
    for reported in [
        "attempt{",
        "status=500",
        "status=204",
        "webhook disabled",
        "number=2",
    ] {
        assert!(log.contains(reported), "{reported}: {log}");
    }
    for reported in [
        telemetry::ATTEMPTS,
        telemetry::ATTEMPT_SECONDS,
        telemetry::LATENCY_SECONDS,
        telemetry::DISABLED,
        telemetry::UNDER_WAY,
        telemetry::PENDING,
        telemetry::DEAD,
        telemetry::KEPT,
        telemetry::OLDEST_DUE_SECONDS,
    ] {
        assert!(metrics.contains(reported), "{reported}: {metrics}");
    }
}
