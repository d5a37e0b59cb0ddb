//! The soft stop.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use certificate_lifecycle::Status;
use certificate_lifecycle::processor::{Cancelled, Control, Outcome, ProcessorOptions, Work};
use tokio::time::{Instant, sleep};

use crate::stage::{Diary, Stage, seconds};

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_finished_and_nothing_more_is_begun() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let running = stage.run(ProcessorOptions::default(), async |_: Work, _: Control| {
        sleep(seconds(10)).await;
        Outcome::Approve
    });
    sleep(seconds(1)).await;
    let start = Instant::now();
    let stopping = tokio::spawn(running.stop());
    sleep(seconds(1)).await;
    let late = stage.upload("a").await;
    let summary = stopping.await.unwrap();
    assert_eq!(summary.approved, 1);
    assert!(start.elapsed() < seconds(10));
    assert_eq!(stage.load("a", uuid).await.status(), Status::Approved);
    assert_eq!(stage.load("a", late).await.status(), Status::Created);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_longer_is_cancelled_and_given_back_and_does_not_count() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let cancelled = Arc::new(AtomicU32::new(0));
    let of_work = Arc::clone(&cancelled);
    let options = ProcessorOptions::default().with_grace(seconds(7));
    let running = stage.run(options.clone(), move |_: Work, control: Control| {
        let cancelled = Arc::clone(&of_work);
        async move {
            assert_eq!(control.cancelled().await, Cancelled::Stop);
            cancelled.fetch_add(1, Ordering::SeqCst);
            pending().await
        }
    });
    sleep(seconds(1)).await;
    let start = Instant::now();
    let summary = running.stop().await;
    let took = start.elapsed();
    assert!(took >= seconds(7) && took < seconds(9), "{took:?}");
    assert_eq!((summary.approved, summary.again, summary.lost), (0, 0, 0));
    assert_eq!(cancelled.load(Ordering::SeqCst), 1);
    // Another one begins it at once, and it is the first attempt.
    let (diary, start) = (Diary::default(), Instant::now());
    let of_work = diary.clone();
    let running = stage.run(options, move |work: Work, _: Control| {
        of_work.note(&work, start);
        async { Outcome::Approve }
    });
    sleep(seconds(1)).await;
    assert_eq!(running.stop().await.approved, 1);
    assert_eq!(diary.attempts_of(uuid), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_processor_whose_future_is_dropped_leaves_no_work_running() {
    let stage = Stage::new();
    stage.upload("a").await;
    let ticks = Arc::new(AtomicU32::new(0));
    let of_work = Arc::clone(&ticks);
    let running = stage.run(ProcessorOptions::default(), move |_: Work, _: Control| {
        let ticks = Arc::clone(&of_work);
        async move {
            loop {
                sleep(seconds(1)).await;
                ticks.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    sleep(seconds(5)).await;
    running.task.abort();
    sleep(seconds(1)).await;
    let before = ticks.load(Ordering::SeqCst);
    assert!(before >= 4);
    sleep(seconds(30)).await;
    assert_eq!(ticks.load(Ordering::SeqCst), before);
}
