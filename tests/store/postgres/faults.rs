//! A hang at any step of a commit leaves all or nothing; rows that are locked, and connections that
//! end, hold up their own command only.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{ExecuteError, IdempotencyKey, StoreError};

use super::damaged::trigger;
use super::{edit, engine, fresh, impatient};
use crate::damaged::faults::doomed;
use crate::harness::{Harness, Postgres};
use crate::server::client;
use crate::support::damaged::{Damaged, Doomed};
use crate::world::{act, check, id, key, submit, upload};

/// For every statement and every commit, the caller has an answer in time, and it is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_at_any_step_leaves_all_or_nothing() {
    for when in ["BEFORE", "COMMIT"] {
        for (what, step, condition) in Postgres::STEPS {
            // Given a store in which this step hangs, longer than its patience with an answer
            let (schema, engine) = fresh().await;
            let _ = engine.execute(upload(42)).await.unwrap();
            let trigger = trigger(when, step, condition, "PERFORM pg_sleep(1)");
            edit(&schema, &trigger).await;
            // When a command is sent, and another one that has nothing to do with it
            let (answer, other) = tokio::join!(engine.execute(doomed(*what)), async {
                engine.execute(submit(7).with_key(key("other"))).await
            });
            // Then the outcome is unknown, or known where the command could be repeated
            match &answer {
                Ok(receipt) => assert_eq!(*what, Doomed::Key, "{receipt:?}"),
                Err(ExecuteError::Store(StoreError::UnknownOutcome { .. })) => {}
                Err(error) => panic!("{trigger}: {error:?}"),
            }
            let _ = other.unwrap();
            // And what happened is known when the server is done
            quiet(&schema).await;
            let happened = check(&engine).await.feed.len() == 3;
            edit(&schema, &Postgres::end_of_fault(step)).await;
            let again = engine.execute(doomed(*what)).await;
            let is_there = !again.as_ref().is_ok_and(|it| !it.replayed);
            assert_eq!(is_there, happened, "{again:?}");
            assert_eq!(check(&engine).await.feed.len(), 3);
        }
    }
}

/// Waits until nothing is under way in the schema.
async fn quiet(schema: &Postgres) {
    let client = client(schema.url()).await;
    // A writer holds a lock on the table that this one does not get beside it.
    let sql = "BEGIN; LOCK TABLE certlife_application, certlife_event IN EXCLUSIVE MODE; COMMIT";
    client.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_stays_locked_makes_its_command_unavailable_and_no_other() {
    let (schema, engine) = fresh().await;
    for answer in engine.execute_many(vec![upload(0), upload(1)]).await {
        let _ = answer.unwrap();
    }
    // Given a session that holds the row of an application
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    transaction.execute(lock, &[&id(0)]).await.unwrap();
    // When commands for it and for others are sent in one call
    let requests = vec![act(1, Action::Fail), act(0, Action::Fail), submit(2)];
    let answers = engine.execute_many(requests).await;
    // Then only the one that has to wait gets that error
    assert!(matches!(
        answers[1],
        Err(ExecuteError::Store(StoreError::Unavailable { .. }))
    ));
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    transaction.rollback().await.unwrap();
    let _ = engine.execute(act(0, Action::Fail)).await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_under_way_are_survived() {
    let schema = Postgres::fresh().await;
    let url = format!("{}&application_name=is_ended", schema.url());
    let engine = engine(&url, impatient()).await;
    let killer = client(schema.url()).await;
    // Given callers with keys, while every connection of the store is ended over and over
    let callers: Vec<_> = (0..8_u64)
        .map(|caller| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for round in 0..40 {
                    let number = caller * 100 + round;
                    let key = IdempotencyKey::new(format!("key {number}")).unwrap();
                    let receipt = engine.execute(submit(number).with_key(key)).await;
                    assert_eq!(receipt.unwrap().event.uuid(), id(number));
                }
            })
        })
        .collect();
    // (by their name: others take locks on these tables as well, such as who analyzes all tables)
    let under_way = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
        JOIN pg_stat_activity USING (pid) \
        WHERE relation = 'certlife_event'::regclass AND application_name = 'is_ended'";
    let mut ended = 0;
    while !callers.iter().all(tokio::task::JoinHandle::is_finished) {
        let gone: i64 = killer.query_one(under_way, &[]).await.unwrap().get(0);
        ended += gone;
        if ended > 30 {
            // Enough: they are to get through as well.
            break;
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
    println!("{ended} connections ended");
    assert_eq!(check(&engine).await.feed.len(), 320);
}
