//! An error at any step of a commit leaves all or nothing, befalls nobody else, and is over when it
//! is over.

use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, ExecuteError, InstitutionId, Receipt, Request, SqliteOptions, SqliteStore, Store,
    StoreError,
};
use certificate_lifecycle::{Action, Command, ProcessingError};
use rusqlite::Connection;

use super::{dump, edit, engine, no_file};
use crate::world::{TestClock, act, check, create, engine_on, id, key, ours, submit, upload};
use certificate_lifecycle::Source;

/// What fails, for the one command that is doomed.
const STEPS: [(&str, &str); 6] = [
    ("INSERT ON certlife_institution", "NEW.id = 'doomed'"),
    ("INSERT ON certlife_application", "NEW.application_id = 667"),
    (
        "INSERT ON certlife_head",
        "NEW.application = (SELECT no FROM certlife_application WHERE application_id = 667)",
    ),
    (
        "UPDATE ON certlife_head",
        "NEW.application = (SELECT no FROM certlife_application WHERE application_id = 43)",
    ),
    ("INSERT ON certlife_event", "NEW.actor = 'doomed'"),
    ("INSERT ON certlife_idempotency", "NEW.key = 'doomed'"),
];

/// The command that each step is about: number 666 has the id 667.
fn doomed(step: &str) -> Request {
    let actor = Actor::system("doomed").unwrap();
    let mut request = match step {
        "UPDATE ON certlife_head" => act(42, Action::Fail),
        "INSERT ON certlife_event" => Request::transition(ours(), actor, id(42), Command::Approve),
        "INSERT ON certlife_idempotency" => act(42, Action::Approve).with_key(key("doomed")),
        _ => submit(666),
    };
    if step == "INSERT ON certlife_institution" {
        request.institution = InstitutionId::new("doomed").unwrap();
    }
    request
}

fn is_injected(answer: &Result<impl Sized, ExecuteError>) -> bool {
    matches!(answer, Err(ExecuteError::Store(StoreError::RefusedByDatabase { reason }))
        if reason.contains("injected"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_at_any_step_leaves_all_or_nothing() {
    for when in ["BEFORE", "AFTER"] {
        for how in ["ABORT", "FAIL", "ROLLBACK"] {
            for (step, condition) in STEPS {
                // Given a store in which this step fails
                let file = no_file().await;
                let engine = engine(&file.path());
                let _ = engine.execute(upload(42)).await.unwrap();
                let trigger = format!(
                    "CREATE TRIGGER fault {when} {step} WHEN {condition} \
                     BEGIN SELECT RAISE({how}, 'injected'); END"
                );
                edit(&file.path(), &trigger);
                let before = dump(&file.path());
                // When the command is sent alone
                let answer = engine.execute(doomed(step)).await;
                // Then it says so, and nothing was changed
                assert!(is_injected(&answer), "{trigger}: {answer:?}");
                assert_eq!(dump(&file.path()), before, "{trigger}");
                // And so it is among those that stand or fall together
                let answers = engine
                    .execute_all(vec![submit(1), doomed(step), submit(2)])
                    .await;
                assert!(answers.iter().all(Result::is_err), "{trigger}");
                assert_eq!(dump(&file.path()), before, "{trigger}");
                neighbours_go_on(&engine, step).await;
                // So do those of the same call
                let call = vec![submit(200), submit(201), doomed(step), submit(202)];
                let answers = engine.execute_many(call).await;
                let failed: Vec<_> = answers.iter().map(Result::is_err).collect();
                assert_eq!(failed, [false, false, true, false], "{trigger}");
                // And it is over when it is over
                edit(&file.path(), "DROP TRIGGER fault");
                let receipt = engine.execute(doomed(step)).await.unwrap();
                assert!(!receipt.replayed);
                let feed = crate::world::whole_feed(&engine, 25).await;
                assert_eq!(feed.len(), 25);
                if step != "INSERT ON certlife_institution" {
                    check(&engine).await;
                }
            }
        }
    }
}

/// Twenty commands at once beside the doomed one: all of them are carried out.
async fn neighbours_go_on(engine: &Engine<SqliteStore>, step: &str) {
    let mut calls = Vec::new();
    for number in 100..120 {
        let engine = engine.clone();
        if number == 110 {
            let (engine, doomed) = (engine.clone(), doomed(step));
            calls.push(tokio::spawn(async move { engine.execute(doomed).await }));
        }
        let source = Source::ALL[usize::try_from(number % 2).unwrap()];
        calls.push(tokio::spawn(async move {
            engine.execute(create(number, source)).await
        }));
    }
    let mut failed = 0;
    for call in calls {
        let answer = call.await.unwrap();
        failed += usize::from(is_injected(&answer));
        assert!(answer.is_ok() || is_injected(&answer), "{answer:?}");
    }
    assert_eq!(failed, 1);
}

fn impatient(path: &std::path::Path, busy_timeout: Duration) -> Engine<SqliteStore> {
    let options = SqliteOptions::default().with_busy_timeout(busy_timeout);
    let store = SqliteStore::open_with(path, options).unwrap();
    engine_on(store, &TestClock::default())
}

#[tokio::test]
async fn a_writer_who_does_not_let_go_makes_the_store_unavailable() {
    // Given somebody who holds the lock for writing
    let file = no_file().await;
    let engine = impatient(&file.path(), Duration::from_millis(50));
    let _ = engine.execute(submit(0)).await.unwrap();
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Then commands are answered, and say why they were not carried out
    for request in [submit(1), act(0, Action::Reject)] {
        let answer = engine.execute(request).await;
        let Err(ExecuteError::Store(StoreError::Unavailable { reason, .. })) = answer else {
            panic!("{answer:?}");
        };
        assert!(reason.contains("busy"), "{reason}");
    }
    // And reading goes on
    assert_eq!(check(&engine).await.feed.len(), 1);
    // When they let go, everything is as before
    other.execute_batch("ROLLBACK").unwrap();
    let _ = engine.execute(act(0, Action::Reject)).await.unwrap();
    let _ = engine.execute(submit(1)).await.unwrap();
    assert_eq!(check(&engine).await.feed.len(), 3);
}

#[tokio::test]
async fn every_option_may_be_nothing_or_as_large_as_can_be() {
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let file = no_file().await;
        let options = SqliteOptions::default()
            .with_busy_timeout(time)
            .with_poll(time);
        let store = SqliteStore::open_with(file.path(), options).unwrap();
        let mut wake = store.commits();
        let engine = engine_on(store, &TestClock::default());
        let _ = engine.execute(submit(0)).await.unwrap();
        assert_eq!(check(&engine).await.feed.len(), 1);
        // Told of a commit, and then at its regular look
        wake.wait().await;
        let start = Instant::now();
        let look = tokio::time::timeout(Duration::from_millis(50), wake.wait()).await;
        assert_eq!(look.is_ok(), time < Duration::MAX);
        assert!(
            start.elapsed() >= Duration::from_millis(1),
            "it looks all the time"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_who_lets_go_in_time_is_waited_for() {
    let file = no_file().await;
    let engine = impatient(&file.path(), Duration::from_secs(60));
    let _ = engine.execute(submit(0)).await.unwrap();
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Given a command that waits for the lock, and whose answer therefore cannot be there
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.execute(act(0, Action::Reject)).await })
    };
    assert_eq!(check(&engine).await.feed.len(), 1);
    assert!(!waiting.is_finished());
    // When the other lets go, it is carried out
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().event.version(), 2);
    check(&engine).await;
}

#[tokio::test]
async fn a_table_that_is_gone_is_an_error_and_no_panic() {
    for table in ["institution", "application", "head", "event", "idempotency"] {
        let file = no_file().await;
        let engine = engine(&file.path());
        let _ = engine.execute(submit(0).with_key(key("0"))).await.unwrap();
        edit(&file.path(), &format!("DROP TABLE certlife_{table}"));
        let another = act(0, Action::BeginProcessing).with_key(key("1"));
        let answers = [
            engine.execute(another).await.map(drop),
            engine.execute(submit(1).with_key(key("2"))).await.map(drop),
        ];
        assert!(answers.iter().any(Result::is_err), "{table}");
        for answer in answers {
            let refused = matches!(answer, Err(ExecuteError::Refused(_)));
            assert!(!refused, "{table}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn failing_the_stalled_tells_what_it_did_before_an_error() {
    // Given more stalled applications than a page, of which one of the last cannot be failed
    let file = no_file().await;
    let clock = TestClock::default();
    let engine = engine_on(SqliteStore::open(file.path()).unwrap(), &clock);
    for answer in engine.execute_many((0..300).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    let fault = "CREATE TRIGGER fault BEFORE UPDATE ON certlife_head WHEN NEW.application = \
                 (SELECT no FROM certlife_application WHERE application_id = 298) \
                 BEGIN SELECT RAISE(ABORT, 'injected'); END";
    edit(&file.path(), fault);
    clock.set(60);
    // When they are failed
    let (worker, error) = (
        Actor::system("worker").unwrap(),
        ProcessingError::new("stuck").unwrap(),
    );
    let answer = engine
        .fail_stalled(&ours(), &worker, Duration::ZERO, &error)
        .await;
    // Then it says which were, and why not all
    let interrupted = answer.unwrap_err();
    assert_eq!(interrupted.failed.len(), 299);
    let error = Err::<Receipt, _>(interrupted.error.clone());
    assert!(is_injected(&error), "{error:?}");
    assert!(interrupted.to_string().contains("299"), "{interrupted}");
    assert_eq!(check(&engine).await.feed.len(), 599);
}
