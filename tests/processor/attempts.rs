//! What becomes of each outcome.

use std::future::pending;
use std::time::Duration;

use certificate_lifecycle::processor::{
    Cancelled, Control, Outcome, Processor, ProcessorOptions, Work,
};
use certificate_lifecycle::store::Actor;
use certificate_lifecycle::{EventKind, ProcessingError, Status};
use tokio::time::{Instant, sleep};

use crate::stage::{Diary, Stage, institution, seconds};

#[tokio::test(start_paused = true)]
async fn work_is_approved_from_the_version_that_was_claimed() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let processor = Processor::new(stage.engine.clone(), async |work: Work, _: Control| {
        assert_eq!((work.attempt, work.version()), (1, 1));
        assert_eq!(
            work.idempotency_key(),
            format!("processing:{}:1", work.uuid())
        );
        assert!(!format!("{work:?}").contains("john"), "{work:?}");
        Outcome::Approve
    });
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.approved, summary.failed, summary.lost), (1, 0, 0));
    let history = stage.engine.history(&institution("a"), uuid).await.unwrap();
    let last = history.last().unwrap();
    assert_eq!(last.event.kind(), EventKind::Approved);
    assert_eq!(last.actor.to_string(), "system:processor");
}

#[tokio::test(start_paused = true)]
async fn a_critical_error_fails_the_application() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let error = ProcessingError::new("template not found").unwrap();
    let of_work = error.clone();
    let work = move |_: Work, _: Control| {
        let error = of_work.clone();
        async move { Outcome::Fail(error) }
    };
    let processor = Processor::new(stage.engine.clone(), work);
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.approved, summary.failed), (0, 1));
    let failed = stage.load("a", uuid).await;
    assert_eq!(failed.error(), Some(&error));
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_the_application_fails_with_the_last_reason() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let (diary, start) = (Diary::default(), Instant::now());
    let of_work = diary.clone();
    let work = move |work: Work, _: Control| {
        of_work.note(&work, start);
        let attempt = work.attempt;
        async move { Outcome::Again(format!("no connection, attempt {attempt}")) }
    };
    let options = ProcessorOptions::default().with_attempts(4);
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.failed, summary.again), (1, 3));
    assert_eq!(diary.attempts_of(uuid), [1, 2, 3, 4]);
    let failed = stage.load("a", uuid).await;
    let error = failed.error().map(ToString::to_string);
    assert_eq!(error.as_deref(), Some("no connection, attempt 4"));
    // 5, 10 and 20 s, each lengthened by up to a fifth.
    let times = diary.times();
    for (pair, plain) in times.windows(2).zip([5, 10, 20]) {
        let wait = pair[1].saturating_sub(pair[0]);
        let longest = seconds(plain) * 6 / 5 + Duration::from_millis(50);
        assert!(wait >= seconds(plain) && wait <= longest, "{wait:?}");
    }
    // Nothing went out while it was tried again.
    let history = stage.engine.history(&institution("a"), uuid).await.unwrap();
    assert_eq!(history.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reason_too_long_or_empty_makes_an_error_all_the_same() {
    for (why, expected) in [
        ("x".repeat(3000), "x".repeat(1000)),
        ("  \n".to_owned(), "the work gave no reason".to_owned()),
    ] {
        let stage = Stage::new();
        let uuid = stage.upload("a").await;
        let work = move |_: Work, _: Control| {
            let why = why.clone();
            async move { Outcome::Again(why) }
        };
        let options = ProcessorOptions::default().with_attempts(1);
        let processor = Processor::new(stage.engine.clone(), work).with_options(options);
        processor.run_until_idle(pending()).await.unwrap();
        let failed = stage.load("a", uuid).await;
        assert_eq!(failed.error().map(ToString::to_string), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_does_not_count_as_an_attempt() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let (diary, start) = (Diary::default(), Instant::now());
    let of_work = diary.clone();
    let work = move |work: Work, _: Control| {
        of_work.note(&work, start);
        let is_early = start.elapsed() < seconds(300);
        async move {
            if is_early {
                let (after, why) = (seconds(100), "the registry is closed".to_owned());
                return Outcome::Later { after, why };
            }
            Outcome::Approve
        }
    };
    let options = ProcessorOptions::default().with_attempts(2);
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.approved, summary.again), (1, 0));
    assert_eq!(diary.attempts_of(uuid), [1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_tried_again_without_its_text() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let work = async |work: Work, _: Control| {
        let email = work.application.details().applicant_email().to_string();
        assert!(email.is_empty(), "of {email}");
        Outcome::Approve
    };
    let options = ProcessorOptions::default().with_attempts(2);
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.failed, summary.again), (1, 1));
    let error = stage.load("a", uuid).await.error().map(ToString::to_string);
    assert_eq!(error.as_deref(), Some("the work panicked"));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_cancelled_and_says_which_limit_it_was() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let work = async |_: Work, _: Control| pending().await;
    let options = ProcessorOptions::default()
        .with_attempts(1)
        .with_timeout(seconds(90));
    let start = Instant::now();
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    processor.run_until_idle(pending()).await.unwrap();
    assert!(start.elapsed() >= seconds(90) && start.elapsed() < seconds(93));
    let error = stage.load("a", uuid).await.error().map(ToString::to_string);
    assert_eq!(error.as_deref(), Some("an attempt took longer than 90s"));
}

#[tokio::test(start_paused = true)]
async fn what_work_returns_soon_after_its_timeout_counts() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let work = async |_: Work, control: Control| {
        assert_eq!(control.is_cancelled(), None);
        assert_eq!(control.cancelled().await, Cancelled::Timeout);
        assert_eq!(control.is_cancelled(), Some(Cancelled::Timeout));
        sleep(Duration::from_millis(900)).await;
        Outcome::Approve
    };
    let options = ProcessorOptions::default().with_timeout(seconds(5));
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    processor.run_until_idle(pending()).await.unwrap();
    assert_eq!(stage.load("a", uuid).await.status(), Status::Approved);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_once_nothing_is_due_leaves_what_is_put_off() {
    let stage = Stage::new();
    let (first, second) = (stage.upload("a").await, stage.upload("b").await);
    let work = move |work: Work, _: Control| async move {
        if work.uuid() == first && work.attempt == 1 {
            return Outcome::Again("not yet".to_owned());
        }
        Outcome::Approve
    };
    let processor = Processor::new(stage.engine.clone(), work);
    let start = Instant::now();
    let summary = processor.run_once(pending()).await.unwrap();
    assert_eq!((summary.approved, summary.again), (1, 1));
    assert!(start.elapsed() < seconds(1));
    assert_eq!(stage.load("b", second).await.status(), Status::Approved);
    assert_eq!(stage.load("a", first).await.status(), Status::Created);
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!(summary.approved, 1);
    assert!(start.elapsed() >= seconds(5));
}

#[tokio::test(start_paused = true)]
async fn nothing_in_progress_is_the_end_at_once() {
    let stage = Stage::new();
    let processor = Processor::new(stage.engine, async |_: Work, _: Control| Outcome::Approve);
    for _ in 0..2 {
        let start = Instant::now();
        let summary = processor.run_until_idle(pending()).await.unwrap();
        assert_eq!(
            summary,
            certificate_lifecycle::processor::Summary::default()
        );
        processor.run_once(pending()).await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(1));
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_has_moved_the_application_on_itself_is_done() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let engine = stage.engine.clone();
    let work = move |work: Work, _: Control| {
        let engine = engine.clone();
        async move {
            let system = Actor::system("issuer").unwrap();
            let scope = engine.scope(&work.institution, &system);
            let approved = scope.approve(work.uuid()).expecting(work.version());
            let _ = approved.await.unwrap();
            Outcome::Done
        }
    };
    let options = ProcessorOptions::default().with_attempts(1);
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    let start = Instant::now();
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.done, summary.approved, summary.lost), (1, 0, 0));
    assert!(start.elapsed() < seconds(1));
    assert_eq!(stage.load("a", uuid).await.version(), 2);
}

#[tokio::test(start_paused = true)]
async fn work_that_says_so_and_did_not_is_tried_again() {
    let stage = Stage::new();
    let uuid = stage.upload("a").await;
    let work = async |_: Work, _: Control| Outcome::Done;
    let options = ProcessorOptions::default().with_attempts(2);
    let processor = Processor::new(stage.engine.clone(), work).with_options(options);
    let summary = processor.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.done, summary.again, summary.failed), (0, 2, 1));
    let error = stage.load("a", uuid).await.error().map(ToString::to_string);
    assert_eq!(error.as_deref(), Some("none of 2 attempts came to an end"));
}
