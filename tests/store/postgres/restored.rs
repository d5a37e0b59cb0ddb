//! A database that is restored from a dump while programs stay up: they find it behind the same URL, on a
//! server that counts its transactions anew.

use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, ExecuteError, PostgresOptions, PostgresStore, StoreError,
};

use super::{edit, engine, impatient};
use crate::harness::{Harness, Postgres};
use crate::server::client;
use crate::world::{act, check, id, upload, whole_feed};

/// A schema, and engines on it whose connections go by this name.
async fn engines(name: &str, count: usize) -> (Postgres, Vec<Engine<PostgresStore>>) {
    let schema = Postgres::fresh().await;
    let url = format!("{}&application_name={name}", schema.url());
    let options = PostgresOptions {
        patience: Some(Duration::from_secs(2)),
        ..impatient()
    };
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
    // Given two programs that have written, and somebody who knows the feed
    let (schema, engines) = engines("stays_up", 2).await;
    for (number, engine) in (0..20).zip(engines.iter().cycle()) {
        let _ = engine.execute(upload(number)).await.unwrap();
    }
    edit(&schema, FROM_ELSEWHERE).await;
    let told: Cursor = {
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
    // Then all of it comes behind what was told before
    whole_feed(&engines[0], 40).await;
    let after = engines[0].feed(told, 100).await.unwrap();
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
    // Then nobody writes
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
