//! Webhooks and deliveries in a file: failing halfway, written by others, only read.

use std::collections::BTreeSet;
use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Claim, DeliveryStatus, LeasedDelivery, Outbox, Outcome, SqliteStore, StoreError,
};
use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::{dump, edit, engine, file_with_every_kind, no_file};
use crate::damaged::outbox::{all, corrupt};
use crate::harness::Sqlite;
use crate::outbox_world::{Post, endpoint, hook, of_ours, retry, settlement};
use crate::support::at;
use crate::world::{TestClock, act, check, engine_on, every_kind_with_keys, ours, submit};

fn is_injected<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::RefusedByDatabase { reason }) if reason.contains("injected"))
}

#[tokio::test]
async fn an_upgraded_file_delivers_what_comes() {
    // Given a file that the version before outboxes left
    let file = no_file().await;
    edit(&file.path(), include_str!("../migrations/sqlite-3.sql"));
    let today = file_with_every_kind().await;
    let expected = check(&engine(&today.path())).await;
    let store = SqliteStore::open(file.path()).unwrap();
    let engine = engine_on(store.clone(), &TestClock::default());
    assert_eq!(check(&engine).await, expected);
    // Then nothing of the past is delivered, and all that comes
    assert!(store.add_webhook(of_ours(1)).await.unwrap());
    for request in every_kind_with_keys() {
        assert!(engine.execute(request).await.unwrap().replayed);
    }
    assert_eq!(all(&store).await, []);
    let _ = engine.execute(act(9, Action::Approve)).await.unwrap();
    let delivery = all(&store).await.remove(0);
    assert_eq!((delivery.webhook, delivery.version), (hook(1), 5));
}

#[tokio::test]
async fn a_webhook_whose_id_is_none_is_reported() {
    let post = Post::<Sqlite>::with([of_ours(1)]).await;
    edit(
        &post.harness.path(),
        "UPDATE certlife_webhook SET id = X'00'",
    );
    let text = corrupt(post.store.webhooks(None).await);
    assert!(text.starts_with("webhook row 1: "), "{text}");
}

/// Everything that the writer does for an outbox, each once.
async fn changes(post: &Post<Sqlite>, held: &LeasedDelivery) -> Vec<Result<(), StoreError>> {
    let store = &post.store;
    let ids: Vec<_> = all(store).await.iter().map(|it| it.id).collect();
    let mut webhook = of_ours(1);
    webhook.endpoint = endpoint(7);
    let claim = Claim::new(at(100), Duration::from_secs(60), vec![(hook(1), 5)]);
    let settled = settlement(held, Outcome::Delivered);
    vec![
        store.add_webhook(of_ours(9)).await.map(|_| ()),
        store.put_webhook(webhook).await.map(|_| ()),
        store.claim(claim).await.map(|_| ()),
        store
            .settle(at(0), vec![settled], Vec::new())
            .await
            .map(|_| ()),
        store
            .abandon(&ours(), at(0), vec![ids[0]], "no".to_owned())
            .await
            .map(|_| ()),
        store.redeliver(&ours(), at(0), ids).await.map(|_| ()),
        store.remove_webhook(&ours(), hook(1)).await.map(|_| ()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_fails_says_so_and_befalls_no_other() {
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        // Given a store in which whatever is done to webhook 1 and its delivery fails
        let post = Post::<Sqlite>::with([of_ours(1), of_ours(2)]).await;
        post.done(submit(0)).await;
        let held = post.claim_one(2, 0).await;
        let path = post.harness.path();
        for (name, when, condition) in [
            ("a", "INSERT ON certlife_webhook", "NEW.no = 3"),
            ("b", "UPDATE ON certlife_webhook", "NEW.no = 1"),
            ("c", "UPDATE ON certlife_delivery", "NEW.no = 1"),
            (
                "d",
                "UPDATE ON certlife_delivery",
                "NEW.sent_at IS NOT NULL",
            ),
        ] {
            edit(
                &path,
                &format!(
                    "CREATE TRIGGER fault_{name} AFTER {when} WHEN {condition} \
                     BEGIN SELECT RAISE({how}, 'injected'); END"
                ),
            );
        }
        // When they are done while others write
        let engine = post.engine.clone();
        let writes = tokio::spawn(async move {
            for number in 100..200 {
                let _ = engine.execute(submit(number)).await.unwrap();
            }
        });
        let answers = changes(&post, &held).await;
        // Then each says so but the last but one, which changed nothing: it found nothing that was
        // over
        let failed: Vec<_> = answers.iter().map(is_injected).collect();
        assert_eq!(
            failed,
            [true, true, true, true, true, false, true],
            "{answers:?}"
        );
        writes.await.unwrap();
        // And all is as it was, with what was written
        for number in [1, 2] {
            assert_eq!(post.made(number).await.len(), 101);
            assert_eq!(post.webhook(number).await, of_ours(number));
        }
        for delivery in all(&post.store).await {
            assert_eq!(delivery.status, DeliveryStatus::Pending);
            assert_eq!(post.store.attempts(&ours(), delivery.id).await.unwrap(), []);
        }
        edit(
            &path,
            "DROP TRIGGER fault_a; DROP TRIGGER fault_b; DROP TRIGGER fault_c; DROP TRIGGER fault_d",
        );
        assert_eq!(post.claim_of(0, &[(1, 1)]).await.deliveries.len(), 1);
    }
}

#[tokio::test]
async fn an_outbox_that_is_only_read_says_so() {
    let post = Post::<Sqlite>::with([of_ours(1), of_ours(2)]).await;
    post.done(submit(0)).await;
    let claimed = post.claim_one(1, 0).await;
    post.settle(0, &claimed, retry(10)).await;
    let path = post.harness.path();
    let (deliveries, due) = (all(&post.store).await, post.store.due().await.unwrap());
    let Post { harness, .. } = post;
    assert_eq!(harness.path(), path);
    let before = dump(&path);
    let store = SqliteStore::open_read_only(&path).unwrap();
    // Reads answer as ever
    assert_eq!(all(&store).await, deliveries);
    assert_eq!(store.due().await.unwrap(), due);
    assert_eq!(store.attempts(&ours(), claimed.id).await.unwrap().len(), 1);
    assert_eq!(store.backlog(None).await.unwrap().len(), 2);
    assert_eq!(
        store.webhook(&ours(), hook(1)).await.unwrap(),
        Some(of_ours(1))
    );
    // Changes are refused as commands are
    let claim = Claim::new(at(100), Duration::from_secs(60), vec![(hook(1), 5)]);
    let settled = settlement(&claimed, Outcome::Delivered);
    let ids = vec![claimed.id];
    for answer in [
        store.add_webhook(of_ours(9)).await.map(|_| ()),
        store.put_webhook(of_ours(1)).await.map(|_| ()),
        store.remove_webhook(&ours(), hook(1)).await.map(|_| ()),
        store.claim(claim).await.map(|_| ()),
        store
            .settle(at(0), vec![settled], Vec::new())
            .await
            .map(|_| ()),
        store
            .redeliver(&ours(), at(0), ids.clone())
            .await
            .map(|_| ()),
        store
            .abandon(&ours(), at(0), ids, "no".to_owned())
            .await
            .map(|_| ()),
        store.prune(at(0), 5).await.map(|_| ()),
    ] {
        let Err(StoreError::Unavailable { reason, .. }) = answer else {
            panic!("{answer:?}");
        };
        assert!(reason.contains("for reading only"), "{reason}");
    }
    assert_eq!(dump(&path), before);
}

#[tokio::test]
async fn who_follows_events_is_not_woken_by_deliveries() {
    use certificate_lifecycle::store::{SqliteOptions, Store};
    use std::time::Duration;

    // Given a store that looks for others' events once an hour
    let file = no_file().await;
    let options = SqliteOptions::default().with_poll(Duration::from_secs(3600));
    let store = SqliteStore::open_with(file.path(), options).unwrap();
    let engine: Engine<SqliteStore> = engine_on(store.clone(), &TestClock::default());
    let mut wake = store.commits();
    let mut is_woken = async || {
        let patience = Duration::from_millis(100);
        tokio::time::timeout(patience, wake.wait()).await.is_ok()
    };
    assert!(store.add_webhook(of_ours(1)).await.unwrap());
    assert!(!is_woken().await);
    // Events, settings and what is redelivered wake the dispatchers
    let _ = engine.execute(submit(0)).await.unwrap();
    assert!(is_woken().await);
    assert!(store.put_webhook(of_ours(1)).await.unwrap().is_done());
    assert!(is_woken().await);
    let claim = Claim::new(at(0), Duration::from_secs(60), vec![(hook(1), 5)]);
    let claimed = store.claim(claim).await.unwrap().deliveries;
    let settled = vec![settlement(&claimed[0], Outcome::Delivered)];
    assert_eq!(
        store.settle(at(0), settled, Vec::new()).await.unwrap(),
        [true]
    );
    assert!(
        !is_woken().await,
        "claims and settlements are no news for others"
    );
    assert_eq!(
        store
            .redeliver(&ours(), at(0), vec![claimed[0].id])
            .await
            .unwrap(),
        1
    );
    assert!(is_woken().await);
}

#[tokio::test]
async fn a_time_that_is_none_keeps_no_other_from_being_served() {
    for number in 1..=3 {
        let post = Post::<Sqlite>::with([of_ours(1), of_ours(2), of_ours(3)]).await;
        post.done(submit(0)).await;
        let wrong = |sql: &str| edit(&post.harness.path(), &format!("{sql} WHERE no = {number}"));
        wrong("UPDATE certlife_webhook SET not_before = -9223372036854775808");
        assert_eq!(post.store.due().await.unwrap().len(), 3);
        // The webhook itself is put right first; its health is what it is.
        wrong("UPDATE certlife_webhook SET not_before = NULL");
        wrong("UPDATE certlife_delivery SET created_at = 9223372036854775807");
        let batch = post.claim_of(0, &[(1, 5), (2, 5), (3, 5)]).await;
        assert_eq!(batch.deliveries.len(), 3);
        let reported = batch.deliveries.iter().filter(|it| it.event.is_err());
        assert_eq!(reported.count(), 1);
    }
}

#[tokio::test]
async fn a_webhook_whose_id_is_none_keeps_no_other_from_being_served() {
    for number in 1..=3 {
        // Given three webhooks, one of which has no valid id
        let post = Post::<Sqlite>::with([of_ours(1), of_ours(2), of_ours(3)]).await;
        post.done(submit(0)).await;
        let path = post.harness.path();
        edit(
            &path,
            &format!("UPDATE certlife_webhook SET id = X'00' WHERE no = {number}"),
        );
        // Then the others are due and counted
        let others: BTreeSet<_> = (1..=3).filter(|it| *it != number).map(hook).collect();
        let due = post.store.due().await.unwrap();
        assert_eq!(
            due.iter().map(|it| it.webhook).collect::<BTreeSet<_>>(),
            others
        );
        let backlog = post.store.backlog(None).await.unwrap();
        let counted = backlog.iter().map(|it| it.webhook);
        assert_eq!(counted.collect::<BTreeSet<_>>(), others);
        // And where there is nothing else, it is reported
        edit(
            &path,
            &format!("DELETE FROM certlife_delivery WHERE webhook <> {number}"),
        );
        let row = format!("webhook row {number}: ");
        for text in [
            corrupt(post.store.due().await),
            corrupt(post.store.backlog(None).await),
        ] {
            assert!(text.starts_with(&row), "{text}");
        }
    }
}

/// How many steps SQLite takes for a question, and how many rows it finds.
fn steps(connection: &Connection, sql: &str, parameters: &[i64]) -> (i32, usize) {
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.query(params_from_iter(parameters)).unwrap();
    let mut found = 0;
    while rows.next().unwrap().is_some() {
        found += 1;
    }
    drop(rows);
    (statement.get_status(StatementStatus::VmStep), found)
}

#[tokio::test]
async fn webhooks_for_which_there_is_nothing_cost_nothing() {
    const DUE: &str = include_str!("../../../src/store/sqlite/outbox/due.sql");
    const OLD: &str = include_str!("../../../src/store/sqlite/outbox/old.sql");
    let asked = async |webhooks: usize| {
        // Given one webhook with something pending and something that was delivered, and many
        // others. Half of these have had something, which is dead.
        let file = no_file().await;
        drop(SqliteStore::open(file.path()).unwrap());
        let connection = Connection::open(file.path()).unwrap();
        connection
            .execute_batch(&format!(
                "WITH RECURSIVE n (no) AS (SELECT 1 UNION ALL SELECT no + 1 FROM n WHERE no < {webhooks}) \
                 INSERT INTO certlife_webhook SELECT no, randomblob(16), 1, 63, 1, '', 0, 0, NULL, NULL FROM n; \
                 INSERT INTO certlife_delivery (webhook, application, event, state, attempts, at, created_at, token) \
                 SELECT no, no, no, 3, 1, 5, 0, 2 FROM certlife_webhook WHERE no % 2 = 0; \
                 INSERT INTO certlife_delivery (webhook, application, event, state, attempts, at, created_at, token) \
                 VALUES (5, 1, 100001, 0, 0, 0, 0, 0), (5, 1, 100002, 1, 0, 5, 0, 0), \
                     (5, 1, 100003, 2, 1, 5, 0, 2)"
            ))
            .unwrap();
        (
            steps(&connection, DUE, &[]),
            steps(&connection, OLD, &[10, 500, 5000]),
        )
    };
    // Then it costs as much as with a few others
    let ((due, found), (old, deleted)) = asked(10).await;
    assert_eq!((found, deleted), (2, 1));
    assert_eq!(asked(2_000).await, ((due, 2), (old, 1)));
}
