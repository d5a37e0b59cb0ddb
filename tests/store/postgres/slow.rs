//! Transactions that take their time, some longer than others: what is written first may be
//! committed last. The promises about order are tried once more.

use std::time::Duration;

use certificate_lifecycle::store::PostgresStore;

use super::edit;
use crate::harness::{Harness, Postgres};

/// A schema in which every transition takes up to twenty milliseconds, and every commit as well.
pub struct Slow(Postgres);

impl Harness for Slow {
    type Store = PostgresStore;

    async fn fresh() -> Self {
        let schema = Postgres::fresh().await;
        drop(schema.open().await);
        edit(
            &schema,
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_sleep(random() * 0.02); RETURN NULL; END $$;
             CREATE TRIGGER slow AFTER INSERT ON certlife_event
                 FOR EACH STATEMENT EXECUTE FUNCTION dawdle();
             CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON certlife_event
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.version % 3 = 0)
                 EXECUTE FUNCTION dawdle();",
        )
        .await;
        Self(schema)
    }

    async fn open(&self) -> PostgresStore {
        self.0.open().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_reported_of_what_comes_after_a_transaction_under_way() {
    use crate::world::{check, submit};
    use certificate_lifecycle::store::Cursor;

    // Given an event whose transaction is not committed yet
    let (schema, engine) = super::fresh().await;
    let _ = engine.execute(submit(0)).await.unwrap();
    let reported = crate::world::whole_feed(&engine, 1).await;
    let mut slow = crate::server::client(schema.url()).await;
    let transaction = slow.transaction().await.unwrap();
    transaction
        .batch_execute(
            "INSERT INTO certlife_event SELECT uuid, 2, 3, at, 1, 'jane', 'no', NULL, \
                 pg_current_xact_id()::text::bigint, 0 FROM certlife_event; \
             UPDATE certlife_application SET version = 2, status = 3, \
                 transaction = pg_current_xact_id()::text::bigint",
        )
        .await
        .unwrap();
    // When others are committed after it
    for number in 1..10 {
        let _ = engine.execute(submit(number)).await.unwrap();
    }
    // Then the feed does not tell of them, or the one under way would come before a cursor given
    // out
    let cursor = reported[0].cursor;
    assert_eq!(engine.feed(cursor, 100).await.unwrap(), []);
    // The guide's question says who it is
    let guide = include_str!("../../../docs/stores.md");
    let question = guide.split("```sql\n").nth(1).unwrap();
    let question = question.split("```").next().unwrap();
    let pid: i32 = transaction
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    let found = crate::server::client(schema.url())
        .await
        .query(question, &[])
        .await
        .unwrap();
    assert!(found.iter().any(|row| row.get::<_, i32>("pid") == pid));
    // And a transaction that starts now starts before the one under way
    assert_eq!(engine.feed_end().await.unwrap(), cursor);
    transaction.commit().await.unwrap();
    let feed = check(&engine).await.feed;
    assert_eq!(feed.len(), 11);
    assert_eq!(feed[1].event.version(), 2);
    assert_eq!(engine.feed(Cursor::START, 1).await.unwrap(), reported);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_began_first_and_goes_on_later_does_not_reorder_an_application() {
    use crate::harness::Harness;
    use crate::world::{TestClock, act, engine_on, id, ours, upload, whole_feed};
    use certificate_lifecycle::Action;

    // Given two applications, and a statement that has its transaction's id, but waits for the
    // first of them
    let schema = Postgres::fresh().await;
    let engine = engine_on(schema.open().await, &TestClock::default());
    for number in [0, 1] {
        let _ = engine.execute(upload(number)).await.unwrap();
    }
    let mut blocker = crate::server::client(schema.url()).await;
    let blocker_pid = super::pid(&blocker).await;
    let transaction = blocker.transaction().await.unwrap();
    let lock = "SELECT FROM certlife_application WHERE uuid = $1 FOR UPDATE";
    transaction.query(lock, &[&id(0)]).await.unwrap();
    let waiting = {
        let engine = engine.clone();
        let call = vec![act(0, Action::Fail), act(1, Action::Fail)];
        tokio::spawn(async move { engine.execute_many(call).await })
    };
    super::a_session_waits_for(&schema, blocker_pid).await;
    // When the second moves on meanwhile, in transactions with higher ids, to where the command is
    // legal again
    let other = engine_on(schema.open().await, &TestClock::default());
    for action in [Action::Fail, Action::Retry] {
        let _ = other.execute(act(1, action)).await.unwrap();
    }
    transaction.rollback().await.unwrap();
    let answers = waiting.await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    // Then the feed tells of it in the order in which it happened
    let feed = whole_feed(&engine, 6).await;
    let versions = feed.iter().filter(|it| it.event.uuid() == id(1));
    let versions: Vec<_> = versions.map(|it| it.event.version()).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    assert_eq!(engine.history(&ours(), id(1)).await.unwrap().len(), 4);
}

/// A schema in which every statement that records events takes this many seconds.
async fn dawdling(seconds: &str) -> Postgres {
    let schema = Postgres::fresh().await;
    drop(schema.open().await);
    edit(
        &schema,
        &format!(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
             CREATE TRIGGER slow AFTER INSERT ON certlife_event
                 FOR EACH STATEMENT EXECUTE FUNCTION dawdle()"
        ),
    )
    .await;
    schema
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_that_of_a_statement_however_many_a_call_has() {
    use crate::world::{act, check, upload};
    use certificate_lifecycle::Action::{Fail, Retry};

    let schema = dawdling("0.4").await;
    let options = super::impatient()
        .with_answer_timeout(Duration::from_secs(1))
        .with_patience(Some(Duration::ZERO));
    let engine = super::engine(schema.url(), options).await;
    let way = [Fail, Retry, Fail, Retry].map(|action| act(0, action));
    let call = std::iter::once(upload(0)).chain(way).collect();
    for answer in engine.execute_all(call).await {
        let _ = answer.unwrap();
    }
    assert_eq!(check(&engine).await.feed.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nothing_was_changed_is_known_as_long_as_the_commit_was_not_sent() {
    use crate::world::{check, submit, upload};
    use certificate_lifecycle::store::{ExecuteError, StoreError};

    let schema = dawdling("1").await;
    let options = super::impatient().with_patience(Some(Duration::ZERO));
    let engine = super::engine(schema.url(), options).await;
    for answer in engine.execute_all(vec![submit(0), upload(1)]).await {
        assert!(
            matches!(
                answer,
                Err(ExecuteError::Store(StoreError::Unavailable { .. }))
            ),
            "{answer:?}"
        );
    }
    assert_eq!(check(&engine).await.feed, []);
}
