//! One store in several runtimes, which come and go.

use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, PostgresStore, StoreError};
use tokio::runtime::{Builder, Runtime};

use super::fresh;
use crate::harness::Postgres;
use crate::server::client;
use crate::world::{act, check, id, ours, upload};

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// Two uploads, in a store that lives here.
async fn two_uploads() -> (Postgres, Engine<PostgresStore>) {
    let (schema, engine) = fresh().await;
    for answer in engine.execute_many(vec![upload(0), upload(1)]).await {
        let _ = answer.unwrap();
    }
    (schema, engine)
}

/// A command that waits for a locked row, sent from a runtime that ends meanwhile.
fn sent_and_forgotten(engine: &Engine<PostgresStore>) {
    let guest = runtime();
    let engine = engine.clone();
    guest.spawn(async move { engine.execute(act(0, Action::Fail)).await });
    std::thread::sleep(Duration::from_millis(100));
    guest.shutdown_background();
}

#[test]
fn a_runtime_that_ends_takes_nothing_with_it() {
    let home = runtime();
    let (schema, engine) = home.block_on(two_uploads());
    // Given a session that keeps a row locked
    let mut other = home.block_on(client(schema.url()));
    let transaction = home.block_on(other.transaction()).unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    home.block_on(transaction.execute(lock, &[&id(0)])).unwrap();
    // When runtimes end that have sent commands for it
    for _ in 0..4 {
        sent_and_forgotten(&engine);
    }
    home.block_on(transaction.rollback()).unwrap();
    // Then everybody else goes on, with that application and with others
    for number in [0, 1] {
        let answer = engine.execute(act(number, Action::Approve));
        let limit = Duration::from_secs(60);
        let answer = home.block_on(async { tokio::time::timeout(limit, answer).await });
        match answer.expect("there must be an answer") {
            Ok(_) => {}
            // One that was forgotten came first.
            Err(ExecuteError::Refused(_)) if number == 0 => {}
            Err(error) => panic!("{error}"),
        }
    }
    home.block_on(check(&engine));
}

#[test]
fn a_store_whose_runtime_ends_moves_to_the_next() {
    let home = runtime();
    let (schema, engine) = home.block_on(two_uploads());
    let next = runtime();
    let mut other = next.block_on(client(schema.url()));
    let transaction = next.block_on(other.transaction()).unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    next.block_on(transaction.execute(lock, &[&id(0)])).unwrap();
    // Given a command under way, and one that waits for it, when the store's runtime ends
    let waiting: Vec<_> = (0..2)
        .map(|_| engine.clone())
        .map(|engine| next.spawn(async move { engine.execute(act(0, Action::Fail)).await }))
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    home.shutdown_background();
    // Then both get that error
    for answer in waiting {
        let answer = next.block_on(answer).unwrap();
        assert!(
            matches!(
                answer,
                Err(ExecuteError::Store(
                    StoreError::Unavailable { .. } | StoreError::UnknownOutcome { .. }
                ))
            ),
            "{answer:?}"
        );
    }
    next.block_on(transaction.rollback()).unwrap();
    // The server may still carry out the one that was under way: who locks now comes after it.
    next.block_on(other.execute(lock, &[&id(0)])).unwrap();
    // And the store goes on where it is asked next
    let answer = engine.execute(act(1, Action::Approve));
    let limit = Duration::from_secs(60);
    let answer = next.block_on(async { tokio::time::timeout(limit, answer).await });
    let _ = answer.expect("there must be an answer").unwrap();
    let loaded = next.block_on(engine.load(&ours(), id(1))).unwrap();
    assert_eq!(loaded.unwrap().version(), 2);
    next.block_on(check(&engine));
}
