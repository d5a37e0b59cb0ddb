//! Options at the ends of what they can be, and more callers than connections.

use std::time::{Duration, Instant};

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, PostgresOptions, PostgresStore, StoreError};

use super::{engine, impatient};
use crate::harness::{Harness, Postgres};
use crate::server::client;
use crate::world::{act, check, id, ours, upload};

/// How many commands wait for one application.
const LINE: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_beyond_the_limits_are_taken_for_the_nearest() {
    let day = Duration::from_secs(24 * 3600);
    for (count, time) in [
        (0, Duration::ZERO),
        (1, day * 30),
        (usize::MAX, Duration::MAX),
    ] {
        let schema = Postgres::fresh().await;
        let options = PostgresOptions::default()
            .with_writers(count)
            .with_readers(count)
            .with_lock_timeout(time)
            .with_poll(time);
        let engine = engine(schema.url(), options).await;
        let answer = engine.execute(upload(0));
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
        let _ = answer.expect("there must be an answer").unwrap();
        check(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_would_wait_no_time_for_a_row_does_not_wait_for_ever() {
    let schema = Postgres::fresh().await;
    let options = PostgresOptions::default().with_lock_timeout(Duration::ZERO);
    let engine = engine(schema.url(), options).await;
    let _ = engine.execute(upload(0)).await.unwrap();
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    transaction.execute(lock, &[&id(0)]).await.unwrap();
    let answer = engine.execute(act(0, Action::Approve)).await;
    assert!(
        matches!(&answer, Err(ExecuteError::Store(StoreError::Unavailable { reason, .. }))
            if reason.contains("lock")),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_every_connection_in_use_waits_for_one() {
    // Given one connection to read, and a server that takes longer than a connection may take
    let schema = Postgres::fresh().await;
    let options = impatient()
        .with_readers(1)
        .with_connect_timeout(Duration::from_millis(500))
        .with_answer_timeout(Duration::from_secs(30));
    let engine = engine(schema.url(), options).await;
    let _ = engine.execute(upload(0)).await.unwrap();
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "LOCK TABLE certlife_application IN ACCESS EXCLUSIVE MODE";
    transaction.batch_execute(lock).await.unwrap();
    // When many ask at once
    let questions: Vec<_> = (0..100)
        .map(|_| engine.clone())
        .map(|engine| tokio::spawn(async move { engine.load(&ours(), id(0)).await }))
        .collect();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    transaction.rollback().await.unwrap();
    // Then all of them are answered
    for question in questions {
        assert!(question.await.unwrap().unwrap().is_some());
    }
}

/// How long a hundred uploads take that come one after the other.
async fn a_hundred(engine: &Engine<PostgresStore>, first: u64) -> Duration {
    let start = Instant::now();
    for number in first..first + 100 {
        let _ = engine.execute(upload(number)).await.unwrap();
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_goes_along_a_line_that_waits_for_another_application() {
    let schema = Postgres::fresh().await;
    let options = impatient()
        .with_lock_timeout(Duration::from_secs(60))
        .with_answer_timeout(Duration::from_secs(60));
    let engine = engine(schema.url(), options).await;
    let _ = engine.execute(upload(0)).await.unwrap();
    let alone = a_hundred(&engine, 100).await;
    // Given thousands of commands for an application that stays locked
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    transaction.execute(lock, &[&id(0)]).await.unwrap();
    let line = {
        let engine = engine.clone();
        let ways = [Action::Fail, Action::Retry].into_iter().cycle();
        let call = ways.take(LINE).map(|action| act(0, action)).collect();
        tokio::spawn(async move { engine.execute_many(call).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Then a command beside them takes no longer
    let beside = a_hundred(&engine, 200).await;
    assert!(!line.is_finished());
    println!("alone {alone:?}, beside a line of {LINE} {beside:?}");
    let limit = alone * 3 + Duration::from_secs(1);
    assert!(
        beside < limit,
        "alone {alone:?}, beside the line {beside:?}"
    );
}
