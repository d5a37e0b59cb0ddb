//! A database of every earlier version is upgraded, and goes on.

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{
    Delivery, DeliveryFilter, ExecuteError, Outbox, PostgresStore, Refusal, StoreError,
};

use super::{dump, edit, engine, fresh, impatient};
use crate::harness::{Harness, Postgres};
use crate::outbox_world::of_ours;
use crate::server::client;
use crate::world::{TestClock, World, act, check, engine_on, goes_on, id, key};

/// The databases that earlier versions left: each with one of every kind of application, every
/// command with a key.
const EARLIER: [&str; 11] = [
    include_str!("../migrations/postgres-1.sql"),
    include_str!("../migrations/postgres-2.sql"),
    include_str!("../migrations/postgres-3.sql"),
    include_str!("../migrations/postgres-4.sql"),
    include_str!("../migrations/postgres-5.sql"),
    include_str!("../migrations/postgres-6.sql"),
    include_str!("../migrations/postgres-7.sql"),
    include_str!("../migrations/postgres-8.sql"),
    include_str!("../migrations/postgres-9.sql"),
    include_str!("../migrations/postgres-10.sql"),
    include_str!("../migrations/postgres-11.sql"),
];

/// The newest step that was applied.
async fn version(schema: &Postgres) -> i64 {
    let client = client(schema.url()).await;
    let sql =
        "SELECT coalesce((to_jsonb(it) ->> 'expanded')::bigint, version) FROM certlife_schema it";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_earlier_version_is_upgraded_and_goes_on() {
    let today = World::<Postgres>::new().await;
    today.every_kind_with_keys().await;
    let expected = check(&today.engine).await;
    let newest = version(&today.harness).await;
    assert_eq!(
        i64::try_from(EARLIER.len()).unwrap() + 1,
        newest,
        "a version has no database to try"
    );
    for (sql, earlier) in EARLIER.iter().zip(1..) {
        // Given a database of an earlier version
        let schema = Postgres::fresh().await;
        edit(&schema, sql).await;
        assert_eq!(version(&schema).await, earlier);
        // (the order of its rows is not that of their creation: some were written anew)
        let moved =
            "UPDATE certlife_application SET version = version WHERE application_id IN (1, 4)";
        edit(&schema, moved).await;
        // When it is opened
        let engine = engine(schema.url(), impatient()).await;
        // Then it is of the newest version, with everything in it
        assert_eq!(version(&schema).await, newest);
        let seen = check(&engine).await;
        assert_eq!(seen.lists, expected.lists);
        // (cursors count the server's transactions)
        let events = |snapshot: &crate::world::Snapshot| -> Vec<_> {
            let feed = snapshot.feed.iter();
            feed.map(|it| {
                (
                    it.event.clone(),
                    it.actor.clone(),
                    it.idempotency_key.clone(),
                )
            })
            .collect()
        };
        assert_eq!(events(&seen), events(&expected));
        goes_on(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_before_stays_refused_and_webhooks_hear_of_what_comes() {
    let schema = Postgres::fresh().await;
    edit(&schema, EARLIER[2]).await;
    let store = PostgresStore::connect(schema.url()).await.unwrap();
    assert!(store.add_webhook(of_ours(1)).await.unwrap());
    let engine = engine_on(store.clone(), &TestClock::default());
    let again = act(5, Action::Approve).with_key(key("5-refused"));
    let answer = engine.execute(again).await;
    assert!(
        matches!(answer, Err(ExecuteError::Refused(Refusal::Repeated { .. }))),
        "{answer:?}"
    );
    goes_on(&engine).await;
    let made = store.deliveries(None, DeliveryFilter::default(), None, 100);
    let made = made.await.unwrap().deliveries;
    assert!(made.iter().any(|it| it.application == id(100)));
    // Nothing of what was recorded before.
    let filter = |it: &&Delivery| it.application != id(100) && it.version == 1;
    assert_eq!(made.iter().find(filter), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_upgrade_at_once() {
    for _ in 0..3 {
        let schema = Postgres::fresh().await;
        edit(&schema, EARLIER[0]).await;
        let opening: Vec<_> = (0..8)
            .map(|_| schema.url().to_owned())
            .map(|url| tokio::spawn(async move { PostgresStore::connect(&url).await }))
            .collect();
        for store in opening {
            let _ = store.await.unwrap().unwrap();
        }
        let engine = engine(schema.url(), impatient()).await;
        assert_eq!(check(&engine).await.lists[0].len(), 10);
    }
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let (schema, _) = fresh().await;
    let known = version(&schema).await;
    for found in [known + 1, 99] {
        edit(
            &schema,
            &format!("UPDATE certlife_schema SET version = {found}"),
        )
        .await;
        let before = dump(&schema).await;
        let error = PostgresStore::connect(schema.url()).await.err();
        let said = matches!(error, Some(StoreError::NewerSchema { found: it, known: to })
            if it == found && to == known);
        assert!(said, "{error:?}");
        assert_eq!(dump(&schema).await, before);
        assert_eq!(version(&schema).await, known);
    }
}
