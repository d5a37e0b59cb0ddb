//! Details that were corrected by hand, so that they are still those of a legal
//! application: the store looks at them, seals them anew and goes on, and no other command notices.

use std::time::Duration;

use certificate_lifecycle::store::{ExecuteError, StoreError};
use certificate_lifecycle::{Action, Status};

use super::{edit, engine, fresh, impatient};
use crate::server::client;
use crate::world::{act, check, id, ours, submit, upload};

/// A legal edit, of application number 1.
const CORRECT: &str =
    "UPDATE certlife_application SET certificate_title = 'corrected' WHERE application_id = 2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_reported_whatever_befalls_an_edited_neighbour() {
    let (schema, engine) = fresh().await;
    for answer in engine.execute_many((0..3).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    // Given an application that was edited, and a session that holds its row
    edit(&schema, CORRECT).await;
    let mut other = client(schema.url()).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    transaction.execute(lock, &[&id(1)]).await.unwrap();
    // When it and its neighbours are approved by one statement
    let approve = |number| act(number, Action::Approve);
    let answers = engine.execute_many((0..3).map(approve).collect()).await;
    // Then only the one that has to wait gets that error
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(
        matches!(
            answers[1],
            Err(ExecuteError::Store(StoreError::Unavailable { .. }))
        ),
        "{answers:?}"
    );
    // And it goes on when it can
    transaction.rollback().await.unwrap();
    let receipt = engine.execute(approve(1)).await.unwrap();
    assert_eq!(
        receipt.event.details().certificate_title().as_str(),
        "corrected"
    );
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_reported_where_why_another_was_refused_cannot_be_read() {
    // Given a role that may not read why: what a batch needs, but no right to the rest of the
    // events
    let (schema, engine) = fresh().await;
    for answer in engine.execute_many((0..3).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    edit(
        &schema,
        "CREATE ROLE blind LOGIN; \
         DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO blind', current_schema()); END $$; \
         GRANT SELECT ON certlife_schema, certlife_feed, certlife_idempotency TO blind; \
         GRANT SELECT, INSERT, UPDATE ON certlife_application TO blind; \
         GRANT SELECT ON certlife_webhook TO blind; GRANT INSERT ON certlife_delivery TO blind; \
         GRANT INSERT, SELECT (uuid, version, kind, at, text, transaction) ON certlife_event TO blind",
    )
    .await;
    let url = schema.url().replace("tests@", "blind@");
    let blind = super::engine(&url, impatient()).await;
    // When one command of three is refused
    let calls = vec![
        act(0, Action::Approve),
        act(1, Action::BeginProcessing),
        act(2, Action::Approve),
    ];
    let answers = blind.execute_many(calls).await;
    // Then it says what stands in the way, and the others were carried out
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(
        matches!(&answers[1], Err(ExecuteError::Store(StoreError::Misconfigured { reason, .. }))
            if reason.contains("certlife_event")),
        "{answers:?}"
    );
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_or_none_goes_on_with_what_was_edited() {
    let schema = fresh().await.0;
    let patient = impatient().with_answer_timeout(Duration::from_secs(30));
    let engine = engine(schema.url(), patient).await;
    for answer in engine.execute_many((0..3).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    edit(&schema, CORRECT).await;
    let call = vec![
        act(0, Action::Fail),
        act(1, Action::Fail),
        act(1, Action::Retry),
        submit(7),
    ];
    for answer in engine.execute_all(call).await {
        assert!(!answer.unwrap().replayed);
    }
    let edited = engine.load(&ours(), id(1)).await.unwrap().unwrap();
    assert_eq!((edited.status(), edited.version()), (Status::Retried, 3));
    check(&engine).await;
}
