//! Leases that end, and those that are lost.

use std::future::pending;
use std::sync::{Arc, Mutex};

use certificate_lifecycle::processor::{Cancelled, Control, Outcome, ProcessorOptions, Work};
use certificate_lifecycle::store::Actor;
use certificate_lifecycle::{Command, Status};
use tokio::time::{Instant, sleep};

use crate::stage::{Diary, Stage, institution, seconds};
use crate::support;

#[tokio::test(start_paused = true)]
async fn after_a_crash_another_processor_takes_over_when_the_lease_ends() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let crashed = stage.run(ProcessorOptions::default(), async |_: Work, _: Control| {
        pending().await
    });
    sleep(seconds(30)).await;
    crashed.task.abort();
    let (diary, start) = (Diary::default(), Instant::now());
    let of_work = diary.clone();
    let other = stage.run(
        ProcessorOptions::default(),
        move |work: Work, _: Control| {
            of_work.note(&work, start);
            async { Outcome::Approve }
        },
    );
    sleep(seconds(61)).await;
    assert_eq!(other.stop().await.approved, 1);
    // The attempt that was killed counts.
    assert_eq!(diary.attempts_of(uuid), [2]);
    // It was renewed at 20 s for the last time.
    assert!(diary.times()[0] >= seconds(50) && diary.times()[0] <= seconds(51));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_as_long_as_the_work_goes_on() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let diary = Diary::default();
    let start = Instant::now();
    let long = |diary: Diary| {
        move |work: Work, _: Control| {
            diary.note(&work, start);
            async {
                sleep(seconds(500)).await;
                Outcome::Approve
            }
        }
    };
    let first = stage.run(ProcessorOptions::default(), long(diary.clone()));
    let second = stage.run(ProcessorOptions::default(), long(diary.clone()));
    sleep(seconds(501)).await;
    let (first, second) = (first.stop().await, second.stop().await);
    assert_eq!(first.approved + second.approved, 1);
    assert_eq!(diary.attempts_of(uuid), [1]);
}

#[tokio::test(start_paused = true)]
async fn what_an_administrator_moves_on_is_cancelled_and_its_outcome_is_dropped() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let cancelled = Arc::new(Mutex::new(Vec::new()));
    let of_work = Arc::clone(&cancelled);
    let running = stage.run(
        ProcessorOptions::default(),
        move |_: Work, control: Control| {
            let cancelled = Arc::clone(&of_work);
            async move {
                let why = control.cancelled().await;
                cancelled.lock().unwrap().push(why);
                Outcome::Approve
            }
        },
    );
    sleep(seconds(1)).await;
    let system = Actor::system("watchdog").unwrap();
    let of = institution("a");
    let scope = stage.engine.scope(&of, &system);
    scope
        .act(uuid, Command::Fail(support::error()))
        .await
        .unwrap();
    // It is noticed when the lease is renewed.
    sleep(seconds(20)).await;
    assert_eq!(*cancelled.lock().unwrap(), [Cancelled::LostLease]);
    let summary = running.stop().await;
    assert_eq!((summary.approved, summary.lost), (0, 1));
    let failed = stage.load("a", uuid).await;
    assert_eq!((failed.status(), failed.version()), (Status::Failed, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_moved_on_just_before_its_outcome_is_left_as_it_is() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let running = stage.run(ProcessorOptions::default(), async |_: Work, _: Control| {
        sleep(seconds(2)).await;
        Outcome::Approve
    });
    sleep(seconds(1)).await;
    let system = Actor::system("watchdog").unwrap();
    let of = institution("a");
    let scope = stage.engine.scope(&of, &system);
    scope
        .act(uuid, Command::Fail(support::error()))
        .await
        .unwrap();
    sleep(seconds(2)).await;
    let summary = running.stop().await;
    assert_eq!((summary.approved, summary.lost), (0, 1));
    assert_eq!(stage.load("a", uuid).await.status(), Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn work_that_always_takes_its_process_along_fails_in_the_end() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let options = ProcessorOptions::default().with_attempts(3);
    for _ in 0..3 {
        let crashed = stage.run(options.clone(), async |_: Work, _: Control| pending().await);
        sleep(seconds(2)).await;
        crashed.task.abort();
        sleep(seconds(61)).await;
    }
    let running = stage.run(options, async |_: Work, _: Control| Outcome::Approve);
    sleep(seconds(2)).await;
    assert_eq!(running.stop().await.failed, 1);
    let error = stage.load("a", uuid).await.error().map(ToString::to_string);
    assert_eq!(error.as_deref(), Some("none of 3 attempts came to an end"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_new_work() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let (diary, start) = (Diary::default(), Instant::now());
    let of_work = diary.clone();
    let options = ProcessorOptions::default().with_attempts(2);
    let running = stage.run(options, move |work: Work, _: Control| {
        of_work.note(&work, start);
        async move {
            if work.version() == 1 {
                return Outcome::Again("the template is missing".to_owned());
            }
            Outcome::Approve
        }
    });
    sleep(seconds(10)).await;
    assert_eq!(stage.load("a", uuid).await.status(), Status::Failed);
    let of = institution("a");
    stage
        .engine
        .scope(&of, &stage.jane)
        .retry(uuid)
        .await
        .unwrap();
    sleep(seconds(1)).await;
    assert_eq!(running.stop().await.approved, 1);
    assert_eq!(diary.attempts_of(uuid), [1, 2, 1]);
    assert_eq!(stage.load("a", uuid).await.status(), Status::Approved);
}
