//! In which order statements take locks, and who is waited for.

use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    ExecuteError, Outbox, Outcome, PostgresOptions, PostgresStore, Receipt, Request, StoreError,
};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use super::{a_session_waits_for, edit, engine};
use crate::harness::{Harness, Postgres};
use crate::outbox_world::{Post, of_ours, settlement};
use crate::server::client;
use crate::support::at;
use crate::world::{act, id, key, submit, upload};

/// How many commands a statement has; one in the middle has to wait.
const COMMANDS: u64 = 40;
const MIDDLE: u64 = 20;

const NOTHING: [Uuid; 0] = [];

/// An engine whose commands wait long enough for a test to look at what they hold.
async fn patient(schema: &Postgres) -> Engine<PostgresStore> {
    // (one worker, or it would share the commands with another)
    let options = PostgresOptions::default().with_writers(1);
    engine(schema.url(), options).await
}

/// Tables in which the newest plan is of one row, and such in which it is of what is there.
async fn schemas() -> Vec<Postgres> {
    let mut schemas = Vec::new();
    for is_analyzed in [false, true] {
        let schema = Postgres::fresh().await;
        let engine = patient(&schema).await;
        if is_analyzed {
            let created = (1_000..4_000).map(|it| upload(it).with_key(key(&format!("old {it}"))));
            let _ = engine.execute_many(created.collect()).await;
            edit(&schema, super::ANALYZE).await;
        }
        schemas.push(schema);
    }
    schemas
}

/// Takes a lock, has the requests carried out as far as that lets them, looks, and lets them go on.
async fn held_up_by<F: AsyncFnOnce(&mut Client)>(
    schema: &Postgres,
    engine: &Engine<PostgresStore>,
    sql: &str,
    requests: Vec<Request>,
    is_atomic: bool,
    look: F,
) {
    let mut blocker = client(schema.url()).await;
    let pid = super::pid(&blocker).await;
    let transaction: Transaction<'_> = blocker.transaction().await.unwrap();
    transaction.batch_execute(sql).await.unwrap();
    let engine = engine.clone();
    let call: JoinHandle<Vec<Result<Receipt, ExecuteError>>> = tokio::spawn(async move {
        if is_atomic {
            engine.execute_all(requests).await
        } else {
            engine.execute_many(requests).await
        }
    });
    a_session_waits_for(schema, pid).await;
    look(&mut client(schema.url()).await).await;
    transaction.rollback().await.unwrap();
    for answer in call.await.unwrap() {
        assert!(!matches!(answer, Err(ExecuteError::Store(_))), "{answer:?}");
    }
}

/// The applications among the first that no transaction has locked.
async fn free_applications(observer: &mut Client) -> Vec<Uuid> {
    let sql = "SELECT uuid FROM certlife_application WHERE uuid < $1 ORDER BY uuid \
               FOR UPDATE SKIP LOCKED";
    let rows = observer.query(sql, &[&id(COMMANDS)]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Whether a row can be inserted without waiting for another transaction.
async fn is_free(observer: &mut Client, insert: &str) -> bool {
    let transaction = observer.transaction().await.unwrap();
    let sql = format!("SET LOCAL lock_timeout = 100; {insert}");
    match transaction.batch_execute(&sql).await {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(
                error.code(),
                Some(&SqlState::LOCK_NOT_AVAILABLE),
                "{error:?}"
            );
            false
        }
    }
}

fn insert_application(number: u64) -> String {
    format!(
        "INSERT INTO certlife_application (uuid, institution, application_id, certificate_title, \
             applicant_email, trigger_context, seal, status, version, updated_at, transaction) \
         VALUES ('{0}', 'x', 1, 'x', 'x@example.com', 0, '{0}', 0, 1, 0, 0)",
        id(number)
    )
}

fn insert_key(number: u64) -> String {
    format!(
        "INSERT INTO certlife_idempotency (key, institution, uuid, version) \
         VALUES ('{}', '{}', '{}', 1)",
        key_of(number).as_str(),
        crate::world::ours().as_str(),
        id(number)
    )
}

fn key_of(number: u64) -> certificate_lifecycle::store::IdempotencyKey {
    key(&format!("key {number:02}"))
}

fn lock_application(number: u64) -> String {
    format!(
        "SELECT FROM certlife_application WHERE uuid = '{}' FOR UPDATE",
        id(number)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transitions_lock_applications_in_the_order_of_their_identities() {
    for schema in schemas().await {
        let engine = patient(&schema).await;
        let created = (0..COMMANDS).map(upload).collect();
        let _ = engine.execute_many(created).await;
        for with_keys in [false, true] {
            let action = if with_keys {
                Action::Retry
            } else {
                Action::Fail
            };
            let requests = (0..COMMANDS).rev().map(|it| {
                let request = act(it, action);
                if with_keys {
                    request.with_key(key_of(it))
                } else {
                    request
                }
            });
            let lock = lock_application(MIDDLE);
            held_up_by(
                &schema,
                &engine,
                &lock,
                requests.collect(),
                false,
                async |observer| {
                    let free: Vec<Uuid> = (MIDDLE + 1..COMMANDS).map(id).collect();
                    assert_eq!(free_applications(observer).await, free, "{with_keys}");
                    // No key is locked before the last application is.
                    assert!(is_free(observer, &insert_key(0)).await);
                },
            )
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creations_lock_applications_in_the_order_of_their_identities() {
    for schema in schemas().await {
        let engine = patient(&schema).await;
        for with_keys in [false, true] {
            let first = if with_keys { 100 } else { 0 };
            let requests = (first..first + COMMANDS).rev().map(|it| {
                let request = upload(it);
                if with_keys {
                    request.with_key(key_of(it))
                } else {
                    request
                }
            });
            let lock = insert_application(first + MIDDLE);
            held_up_by(
                &schema,
                &engine,
                &lock,
                requests.collect(),
                false,
                async |observer| {
                    assert!(!is_free(observer, &insert_application(first)).await);
                    assert!(!is_free(observer, &insert_application(first + MIDDLE - 1)).await);
                    assert!(is_free(observer, &insert_application(first + MIDDLE + 1)).await);
                    assert!(is_free(observer, &insert_application(first + COMMANDS - 1)).await);
                    assert!(is_free(observer, &insert_key(first)).await);
                },
            )
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_locked_in_their_order_after_all_applications() {
    for schema in schemas().await {
        let engine = patient(&schema).await;
        // Given keys in another order than that of the applications, which are in that of the
        // numbers
        let other = |it: u64| COMMANDS - 1 - it;
        let create = |it: u64| submit(it).with_key(key_of(other(it)));
        let watch = async |observer: &mut Client| {
            assert!(!is_free(observer, &insert_key(0)).await);
            assert!(!is_free(observer, &insert_key(MIDDLE - 1)).await);
            assert!(is_free(observer, &insert_key(MIDDLE + 1)).await);
            assert!(is_free(observer, &insert_key(COMMANDS - 1)).await);
        };
        let lock = insert_key(MIDDLE);
        let created = (0..COMMANDS).map(create).collect();
        held_up_by(&schema, &engine, &lock, created, false, watch).await;
        // Then those of transitions
        edit(
            &schema,
            "DELETE FROM certlife_idempotency WHERE key LIKE 'key %'",
        )
        .await;
        let moved = (0..COMMANDS)
            .map(|it| act(it, Action::BeginProcessing).with_key(key_of(other(it))))
            .collect();
        held_up_by(&schema, &engine, &lock, moved, false, async |observer| {
            watch(observer).await;
            assert_eq!(free_applications(observer).await, NOTHING);
        })
        .await;
        // And those that remember a refusal
        edit(
            &schema,
            "DELETE FROM certlife_idempotency WHERE key LIKE 'key %'",
        )
        .await;
        let refused = (0..COMMANDS)
            .map(|it| act(it, Action::BeginProcessing).with_key(key_of(other(it))))
            .collect();
        held_up_by(&schema, &engine, &lock, refused, false, watch).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_or_none_locks_all_applications_before_the_first_key() {
    for schema in schemas().await {
        let engine = patient(&schema).await;
        let created = (0..COMMANDS).map(upload).collect();
        let _ = engine.execute_many(created).await;
        let call = || {
            let pairs = (0..COMMANDS).rev().flat_map(|it| {
                [
                    upload(100 + it).with_key(key_of(it)),
                    act(it, Action::Fail),
                    act(100 + it, Action::Fail),
                ]
            });
            pairs.collect::<Vec<_>>()
        };
        // Given an application that exists and is locked, those before it are locked, and nothing
        // else
        let lock = lock_application(MIDDLE);
        held_up_by(&schema, &engine, &lock, call(), true, async |observer| {
            let free: Vec<Uuid> = (MIDDLE + 1..COMMANDS).map(id).collect();
            assert_eq!(free_applications(observer).await, free);
            assert!(is_free(observer, &insert_application(100)).await);
            assert!(is_free(observer, &insert_key(0)).await);
        })
        .await;
        // Given an identity that another transaction is about to take
        let again = (0..COMMANDS).rev().flat_map(|it| {
            [
                upload(200 + it).with_key(key(&format!("more {it}"))),
                act(it, Action::Retry),
            ]
        });
        let lock = insert_application(200 + MIDDLE);
        let again: Vec<_> = again.collect();
        held_up_by(&schema, &engine, &lock, again, true, async |observer| {
            assert_eq!(free_applications(observer).await, NOTHING);
            assert!(!is_free(observer, &insert_application(200)).await);
            assert!(is_free(observer, &insert_application(200 + MIDDLE + 1)).await);
        })
        .await;
        // Given a key that another transaction is about to use
        let last = (0..COMMANDS).rev().flat_map(|it| {
            [
                act(it, Action::Fail).with_key(key(&format!("last {it:02}"))),
                upload(300 + it),
            ]
        });
        let lock = insert_key(MIDDLE).replace("key ", "last ");
        let last: Vec<_> = last.collect();
        held_up_by(&schema, &engine, &lock, last, true, async |observer| {
            assert_eq!(free_applications(observer).await, NOTHING);
            assert!(!is_free(observer, &insert_application(300)).await);
            let insert_key = |it| insert_key(it).replace("key ", "last ");
            assert!(!is_free(observer, &insert_key(MIDDLE - 1)).await);
            assert!(is_free(observer, &insert_key(MIDDLE + 1)).await);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creations_of_several_statements_are_locked_in_the_order_of_their_identities() {
    let schema = Postgres::fresh().await;
    let engine = patient(&schema).await;
    let requests = (0..2_500).rev().map(upload).collect();
    let lock = insert_application(1_250);
    held_up_by(&schema, &engine, &lock, requests, true, async |observer| {
        assert!(!is_free(observer, &insert_application(0)).await);
        assert!(!is_free(observer, &insert_application(1_249)).await);
        assert!(is_free(observer, &insert_application(1_251)).await);
        assert!(is_free(observer, &insert_application(2_499)).await);
    })
    .await;
}

/// Options with which a lock is waited for briefly.
fn brief() -> PostgresOptions {
    PostgresOptions::default().with_lock_timeout(Duration::from_millis(100))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_rivals_however_long_they_take() {
    let schema = Postgres::fresh().await;
    let engine = engine(schema.url(), brief()).await;
    let _ = engine.execute(upload(0)).await.unwrap();
    // Given another store that holds an application for much longer than a lock is waited for
    let mut rival = client(schema.url()).await;
    let named = "SET application_name = 'certificate-lifecycle'";
    rival.batch_execute(named).await.unwrap();
    let transaction = rival.transaction().await.unwrap();
    transaction
        .batch_execute(&lock_application(0))
        .await
        .unwrap();
    let waiting = tokio::spawn(async move { engine.execute(act(0, Action::Fail)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    // Then its end is waited for
    transaction.rollback().await.unwrap();
    let _ = waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_others_as_long_as_it_was_asked_to() {
    let schema = Postgres::fresh().await;
    let engine = engine(schema.url(), brief()).await;
    let _ = engine.execute(upload(0)).await.unwrap();
    // Given a person's transaction that has locked an application and goes on
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    transaction
        .batch_execute(&lock_application(0))
        .await
        .unwrap();
    let answer = engine.execute(act(0, Action::Fail)).await;
    assert!(
        matches!(
            answer,
            Err(ExecuteError::Store(StoreError::Unavailable { .. }))
        ),
        "{answer:?}"
    );
    transaction.rollback().await.unwrap();
    let _ = engine.execute(act(0, Action::Fail)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_that_may_go_now_are_locked_in_the_order_of_their_numbers() {
    // Given two applications, of which the first has the later number for its second event
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    for request in [
        submit(0),
        submit(1),
        act(1, Action::BeginProcessing),
        act(0, Action::BeginProcessing),
    ] {
        post.done(request).await;
    }
    let first = post.claim(1, 0).await;
    assert_eq!(first.len(), 2);
    let mut blocker = client(post.harness.url()).await;
    let pid = super::pid(&blocker).await;
    let transaction = blocker.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_delivery WHERE number = ( \
                SELECT max(number) FROM certlife_delivery) FOR UPDATE";
    transaction.batch_execute(lock).await.unwrap();
    // When both first events are delivered, and the last number is locked
    let settlements = first.iter().map(|it| settlement(it, Outcome::Delivered));
    let settlements: Vec<_> = settlements.collect();
    let store = post.store.clone();
    let settling = tokio::spawn(async move { store.settle(at(0), settlements, vec![]).await });
    a_session_waits_for(&post.harness, pid).await;
    // Then the number before it is locked already
    let observer = client(post.harness.url()).await;
    let free = "SELECT number FROM certlife_delivery WHERE state < 2 FOR UPDATE SKIP LOCKED";
    assert_eq!(observer.query(free, &[]).await.unwrap().len(), 0);
    transaction.rollback().await.unwrap();
    assert_eq!(settling.await.unwrap().unwrap(), [true, true]);
}
