//! A database that is restored from a dump while programs stay up: they find it behind the same
//! URL, on a server that counts its transactions anew.

use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, ExecuteError, PostgresStore, StoreError};

use super::{edit, engine, impatient};
use crate::harness::{Harness, Postgres};
use crate::receipts::are_in;
use crate::server::client;
use crate::world::{act, check, id, upload, whole_feed};

/// A schema, and engines on it whose connections go by this name.
async fn engines(name: &str, count: usize) -> (Postgres, Vec<Engine<PostgresStore>>) {
    let schema = Postgres::fresh().await;
    let url = format!("{}&application_name={name}", schema.url());
    let options = impatient().with_patience(Some(Duration::from_secs(2)));
    let mut engines = Vec::new();
    for _ in 0..count {
        engines.push(engine(&url, options.clone()).await);
    }
    (schema, engines)
}

/// Ends the connections of this name, and waits until the server is rid of them.
async fn cut(schema: &Postgres, name: &str) {
    let client = client(schema.url()).await;
    let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
               WHERE application_name = $1";
    client.query(sql, &[&name]).await.unwrap();
}

/// What a dump of a server leaves that was at a much higher transaction.
const FROM_ELSEWHERE: &str = "\
    UPDATE certlife_event SET transaction = transaction + 1000000; \
    UPDATE certlife_application SET transaction = transaction + 1000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_goes_on_behind_its_cursors() {
    // Given two programs that have written, and a reader that knows the feed
    let (schema, engines) = engines("stays_up", 2).await;
    for (number, engine) in (0..20).zip(engines.iter().cycle()) {
        let _ = engine.execute(upload(number)).await.unwrap();
    }
    edit(&schema, FROM_ELSEWHERE).await;
    let reported: Cursor = {
        let sql = "SELECT max(transaction) FROM certlife_event";
        let row = client(schema.url()).await.query_one(sql, &[]).await;
        let last: i64 = row.unwrap().get(0);
        format!("{last}-1").parse().unwrap()
    };
    // When both find a database that was restored, and go on at once
    cut(&schema, "stays_up").await;
    let calls: Vec<_> = (0..20)
        .zip(engines.iter().cycle().cloned())
        .map(|(number, engine)| {
            tokio::spawn(async move {
                let key = crate::world::key(&format!("after {number}"));
                let approve = act(number, Action::Approve).with_key(key);
                engine.execute(approve).await
            })
        })
        .collect();
    for call in calls {
        let _ = call.await.unwrap().unwrap();
    }
    // Then all of it comes behind what was reported before
    whole_feed(&engines[0], 40).await;
    let after = engines[0].feed(reported, 100).await.unwrap();
    assert_eq!(after.len(), 20);
    assert!(after.iter().all(|it| it.event.version() == 2));
    check(&engines[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_restored_is_left_alone() {
    let (schema, engines) = engines("too_early", 1).await;
    let engine = &engines[0];
    let _ = engine.execute(upload(0)).await.unwrap();
    // Given a database without what is restored last
    edit(&schema, "ALTER INDEX certlife_event_feed RENAME TO later").await;
    cut(&schema, "too_early").await;
    // Then no program writes
    let _ = engine.load(&crate::world::ours(), id(0)).await;
    let answer = engine.execute(act(0, Action::Approve)).await;
    assert!(
        matches!(
            answer,
            Err(ExecuteError::Store(
                StoreError::Unavailable { .. } | StoreError::UnknownOutcome { .. }
            ))
        ),
        "{answer:?}"
    );
    let answer = engine.execute(act(0, Action::Approve)).await;
    assert!(
        matches!(&answer, Err(ExecuteError::Store(StoreError::Unavailable { reason, .. }))
            if reason.contains("certlife_event_feed")),
        "{answer:?}"
    );
    // And all goes on when it is there
    edit(&schema, "ALTER INDEX later RENAME TO certlife_event_feed").await;
    let _ = engine.execute(act(0, Action::Approve)).await.unwrap();
    check(engine).await;
}

/// What a store finds that was written under another history: of a primary whose standby was
/// promoted, or of a server that was restored from a backup.
const OF_ANOTHER_HISTORY: &str = "UPDATE certlife_feed SET history = '1/1'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_history_begins_above_every_earlier_one() {
    // Given two programs that write, and a cursor of places that the new history does not have
    let (schema, engines) = engines("new_history", 2).await;
    for number in 0..10 {
        let _ = engines[0].execute(upload(number)).await.unwrap();
    }
    let reported = whole_feed(&engines[0], 10).await;
    let before = reported.last().unwrap().cursor;
    let lost = Cursor::new(before.transaction() + 1_000_000, 7);
    let mut receipts = Vec::new();
    for round in 1..=3 {
        // When the history is another, again and again, and both go on at once
        edit(&schema, OF_ANOTHER_HISTORY).await;
        cut(&schema, "new_history").await;
        let calls: Vec<_> = (0..10)
            .zip(engines.iter().cycle().cloned())
            .map(|(number, engine)| {
                tokio::spawn(async move {
                    let created = upload(100 * round + number);
                    let key = crate::world::key(&format!("{round}, {number}"));
                    engine.execute(created.with_key(key)).await
                })
            })
            .collect();
        for call in calls {
            receipts.push(call.await.unwrap().unwrap());
        }
        // Then the base is raised once, to the minute of the clock or beyond
        the_base_was_raised(&schema).await;
        // And all of it comes behind what was reported, and behind what was lost
        let all = usize::try_from(10 + 10 * round).unwrap();
        whole_feed(&engines[0], all).await;
        let after = engines[1].feed(lost, 1000).await.unwrap();
        assert_eq!(after.len(), usize::try_from(10 * round).unwrap());
    }
    // Then applications of before move on, in one statement each as well
    for number in 0..10 {
        let moved_on = engines[1].execute(act(number, Action::Approve)).await;
        receipts.push(moved_on.unwrap());
    }
    let feed = whole_feed(&engines[0], 50).await;
    are_in(&feed, &receipts);
    check(&engines[0]).await;
    numbers_have_no_leap(&schema).await;
}

/// Once, to the minute of the clock or beyond.
async fn the_base_was_raised(schema: &Postgres) {
    let sql = "SELECT base >> 36, skipped, history <> '1/1', base & 68719476735 FROM certlife_feed";
    let row = client(schema.url())
        .await
        .query_one(sql, &[])
        .await
        .unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let minute = i64::try_from(now.unwrap().as_secs() / 60).unwrap();
    let found: i64 = row.get(0);
    assert!((minute - 1..=minute + 3).contains(&found), "{found}");
    assert_eq!(
        (row.get::<_, i64>(1) >> 36, row.get::<_, i64>(3)),
        (found, 0)
    );
    assert!(row.get::<_, bool>(2));
}

/// Numbers of applications are those that the transactions without the leap have.
async fn numbers_have_no_leap(schema: &Postgres) {
    let sql = "SELECT max(number) < 1::bigint << 60, count(DISTINCT number) = count(*), \
               bool_and(number = expected) FROM ( \
                   SELECT a.number, (e.transaction - CASE WHEN e.transaction < 1::bigint << 50 THEN 0 \
                       ELSE (e.transaction >> 36) << 36 END) * 4194304 + e.place AS expected \
                   FROM certlife_application a JOIN certlife_event e ON e.uuid = a.uuid AND e.version = 1 \
               ) numbered";
    let row = client(schema.url())
        .await
        .query_one(sql, &[])
        .await
        .unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (true, true, true));
}
