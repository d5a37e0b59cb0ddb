//! Writers who hold the lock, and tables that are gone.

use std::time::{Duration, Instant};

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, SqliteOptions, SqliteStore, Store, StoreError};
use rusqlite::Connection;

use super::{edit, engine, no_file};
use crate::world::{TestClock, act, check, engine_on, key, submit};

fn impatient(path: &std::path::Path, busy_timeout: Duration) -> Engine<SqliteStore> {
    let options = SqliteOptions::default().with_busy_timeout(busy_timeout);
    let store = SqliteStore::open_with(path, options).unwrap();
    engine_on(store, &TestClock::default())
}

#[tokio::test]
async fn a_writer_who_does_not_let_go_makes_the_store_unavailable() {
    // Given a connection that holds the lock for writing
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
async fn many_commands_wait_for_another_writer_at_the_same_time() {
    // Given a connection that holds the lock for writing
    let file = no_file().await;
    let engine = impatient(&file.path(), Duration::from_secs(1));
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Then each of many waits that long, and not also for those that came before it
    let many = (0..40).map(|number| engine.execute(submit(number)));
    let answers = tokio::time::timeout(
        Duration::from_secs(20),
        futures_util::future::join_all(many),
    );
    for answer in answers.await.unwrap() {
        let unavailable = matches!(
            answer,
            Err(ExecuteError::Store(StoreError::Unavailable { .. }))
        );
        assert!(unavailable, "{answer:?}");
    }
    other.execute_batch("ROLLBACK").unwrap();
    let _ = engine.execute(submit(0)).await.unwrap();
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
        // Woken by a commit, and then at its regular look
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
