//! Transactions of `tokio-postgres` and `deadpool-postgres`.

use std::time::Duration;

use certificate_lifecycle::VaultUpload;
use certificate_lifecycle::engine::{Engine, ScopedCommand};
use certificate_lifecycle::store::within::Joins;
use certificate_lifecycle::store::*;
use tokio::sync::mpsc;
use tokio_postgres::{Client, IsolationLevel};

use super::{Answers, Call, is_to_be_repeated};
use crate::harness::{Harness, Postgres};
use crate::receipts::{are_in, several};
use crate::server::{client, server};
use crate::world::*;

/// A connection of the backend's, with settings that are its own affair.
pub(super) async fn backend() -> Client {
    let client = client(&server().url()).await;
    let settings = "SET search_path = pg_temp; SET plan_cache_mode = force_custom_plan; \
                    SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'";
    client.batch_execute(settings).await.unwrap();
    client
}

/// How often a transaction is repeated that lost to others.
const REPEATS: u32 = 1_000;

pub(super) async fn serve(
    mut client: Client,
    store: PostgresStore,
    mut waiting: mpsc::UnboundedReceiver<Call>,
) {
    while let Some(call) = waiting.recv().await {
        let mut answers = Answers::new();
        for repeat in 0..REPEATS {
            let mut transaction = client.transaction().await.unwrap();
            let (batch, atomicity) = (call.batch.clone(), call.atomicity);
            answers =
                Joins::append(&mut transaction, store.clone(), batch, atomicity, |it| it).await;
            if !is_to_be_repeated(&answers) && transaction.commit().await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_micros(u64::from(repeat % 7) * 300)).await;
        }
        store.wake();
        let _ = call.answers.send(answers);
    }
}

/// A store, and a connection of the backend's with a table of its own.
pub(super) async fn issuer() -> (Engine<PostgresStore>, Client, String) {
    let harness = Postgres::fresh().await;
    let engine = engine_on(harness.open().await, &TestClock::default());
    let client = backend().await;
    client
        .batch_execute("CREATE TEMPORARY TABLE certificate (uuid uuid, serial integer)")
        .await
        .unwrap();
    (engine, client, harness.url().to_owned())
}

async fn count(client: &Client) -> i64 {
    let row = client
        .query_one("SELECT count(*) FROM certificate", &[])
        .await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn both_are_committed_or_neither_is() {
    let (engine, mut client, _) = issuer().await;
    engine.execute(upload(1)).await.unwrap();
    let worker = worker();
    let background = engine.scope(&OURS, &worker);
    for is_committed in [false, true] {
        let mut transaction = client.transaction().await.unwrap();
        let receipt = background
            .approve(id(1))
            .within(&mut transaction)
            .await
            .unwrap();
        assert_eq!(receipt.event.version(), 2);
        let sql = "INSERT INTO certificate VALUES ($1, 7)";
        transaction.execute(sql, &[&id(1)]).await.unwrap();
        if is_committed {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        let application = engine.load(&OURS, id(1)).await.unwrap().unwrap();
        assert_eq!(application.version(), 1 + u64::from(is_committed));
        assert_eq!(count(&client).await, i64::from(is_committed));
    }
    let again = background.approve(id(1)).await;
    assert_eq!(again.unwrap_err().code(), "illegal_transition");
}

#[tokio::test]
async fn what_is_refused_leaves_the_transaction_as_it_was() {
    let (engine, mut client, _) = issuer().await;
    engine.execute(upload(1)).await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    let (jane, worker) = (jane(), worker());
    let office = engine.scope(&OURS, &jane);
    let forbidden = office.approve(id(1)).within(&mut transaction).await;
    assert_eq!(forbidden.unwrap_err().code(), "forbidden");
    let illegal = office.retry(id(1)).within(&mut transaction).await;
    assert_eq!(illegal.unwrap_err().code(), "illegal_transition");
    let all = [
        office.upload(details(2), VaultUpload::Single),
        office.retry(id(1)),
    ];
    let all = all.into_iter().map(ScopedCommand::into_request).collect();
    let codes = engine.within(&mut transaction).execute_all(all).await;
    let codes: Vec<_> = codes.into_iter().map(|it| it.unwrap_err().code()).collect();
    assert_eq!(codes, ["abandoned", "illegal_transition"]);
    let approval = engine.scope(&OURS, &worker).approve(id(1));
    approval.within(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(engine.load(&OURS, id(2)).await.unwrap().is_none());
    assert_eq!(engine.history(&OURS, id(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn every_isolation_level_will_do() {
    let (engine, mut client, _) = issuer().await;
    let levels = [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ];
    let mut receipts = Vec::new();
    for (number, level) in (1..).zip(levels) {
        let transaction = client.build_transaction().isolation_level(level);
        let mut transaction = transaction.start().await.unwrap();
        let created = engine.within(&mut transaction).execute(upload(number));
        receipts.push(created.await.unwrap());
        let worker = worker();
        let approval = engine.scope(&OURS, &worker).approve(id(number));
        receipts.push(approval.within(&mut transaction).await.unwrap());
        // Of several statements, and one that is answered from what they have written
        let keyed = upload(100 * number).with_key(key(&format!("{number}")));
        let mut all = several(10 * number);
        all.extend([keyed.clone(), keyed]);
        let call = engine.within(&mut transaction);
        for answer in call.execute_all(all).await {
            receipts.push(answer.unwrap());
        }
        transaction.commit().await.unwrap();
    }
    let feed = whole_feed(&engine, 39).await;
    assert_eq!((feed.len(), receipts.len()), (39, 42));
    are_in(&feed, &receipts);
}

#[tokio::test]
async fn a_snapshot_from_before_is_to_be_repeated() {
    let (engine, mut client, _) = issuer().await;
    for (number, level) in [
        (1, IsolationLevel::RepeatableRead),
        (2, IsolationLevel::Serializable),
    ] {
        engine.execute(submit(number)).await.unwrap();
        let transaction = client.build_transaction().isolation_level(level);
        let mut transaction = transaction.start().await.unwrap();
        transaction
            .query_one("SELECT count(*) FROM certificate", &[])
            .await
            .unwrap();
        // Another moves it on after the snapshot was taken.
        let accept = certificate_lifecycle::Action::BeginProcessing;
        engine.execute(act(number, accept)).await.unwrap();
        let jane = jane();
        let command = engine.scope(&OURS, &jane).begin_processing(id(number));
        let refused = command.within(&mut transaction).await.unwrap_err();
        assert!(refused.code() == "unavailable", "{refused}");
        assert!(
            refused
                .to_string()
                .contains("roll the transaction back and repeat it"),
            "{refused}"
        );
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn an_application_that_was_moved_on_by_a_later_transaction_is_to_be_repeated() {
    let (engine, mut client, _) = issuer().await;
    engine.execute(submit(1)).await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    // It has its place in the order of transactions from here on.
    transaction
        .query_one("SELECT pg_current_xact_id()::text", &[])
        .await
        .unwrap();
    engine
        .execute(act(1, certificate_lifecycle::Action::BeginProcessing))
        .await
        .unwrap();
    let worker = worker();
    let approval = || engine.scope(&OURS, &worker).approve(id(1));
    let refused = approval().within(&mut transaction).await.unwrap_err();
    assert_eq!(refused.code(), "unavailable");
    assert!(refused.to_string().contains("wrote later"), "{refused}");
    transaction.rollback().await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    approval().within(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn overlapping_transactions_stand_in_the_feed_in_an_order_that_never_changes() {
    let (engine, mut first, _) = issuer().await;
    let (mut second, mut third) = (backend().await, backend().await);
    for number in 1..=6 {
        engine.execute(upload(number)).await.unwrap();
    }
    // Other tests' transactions may hold up the feed for a moment.
    let start = whole_feed(&engine, 6).await[5].cursor;
    let worker = worker();
    let approval = |number| engine.scope(&OURS, &worker).approve(id(number));
    // One that takes long, one that is committed meanwhile, and one that is rolled back.
    let mut long = first.transaction().await.unwrap();
    approval(1).within(&mut long).await.unwrap();
    let mut short = second.transaction().await.unwrap();
    approval(2).within(&mut short).await.unwrap();
    approval(3).within(&mut short).await.unwrap();
    short.commit().await.unwrap();
    let mut undone = third.transaction().await.unwrap();
    for number in [4, 5, 6] {
        approval(number).within(&mut undone).await.unwrap();
    }
    undone.rollback().await.unwrap();
    // Nothing is returned that something could yet come before.
    assert_eq!(engine.feed(start, 10).await.unwrap(), []);
    approval(4).within(&mut long).await.unwrap();
    let mut savepoint = long.transaction().await.unwrap();
    approval(5).within(&mut savepoint).await.unwrap();
    savepoint.rollback().await.unwrap();
    approval(6).within(&mut long).await.unwrap();
    long.commit().await.unwrap();
    let mut reported = Vec::new();
    let mut cursor = start;
    while reported.len() < 5 {
        for recorded in engine.feed(cursor, 1).await.unwrap() {
            cursor = recorded.cursor;
            reported.push(recorded.event.uuid());
        }
    }
    assert_eq!(reported, [1, 4, 6, 2, 3].map(id));
    assert_eq!(engine.feed(cursor, 10).await.unwrap(), []);
    let untouched = engine.load(&OURS, id(5)).await.unwrap().unwrap();
    assert_eq!(untouched.version(), 1);
    // What was rolled back holds nothing up.
    approval(5).await.unwrap();
    assert_eq!(whole_feed(&engine, 12).await.len(), 12);
}

#[tokio::test]
async fn a_transaction_elsewhere_is_refused() {
    let (engine, mut client, url) = issuer().await;
    // Another database of the server, and a schema that is dropped.
    client
        .batch_execute("CREATE DATABASE elsewhere_within")
        .await
        .unwrap();
    let mut config: tokio_postgres::Config = server().url().parse().unwrap();
    config.dbname("elsewhere_within");
    let (mut elsewhere, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut transaction = elsewhere.transaction().await.unwrap();
    let refused = engine
        .within(&mut transaction)
        .execute(upload(1))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "misconfigured", "{refused}");
    drop(transaction);
    drop(elsewhere);
    let _ = connection.await;
    client
        .batch_execute("DROP DATABASE elsewhere_within WITH (FORCE)")
        .await
        .unwrap();
    // Tables that were restored since: the store sees that anew, and goes on.
    engine.execute(upload(1)).await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    engine
        .within(&mut transaction)
        .execute(upload(2))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let admin = crate::server::client(&url).await;
    admin
        .batch_execute(
            "BEGIN; CREATE TABLE copy AS TABLE certlife_feed; DROP TABLE certlife_feed; \
             ALTER TABLE copy RENAME TO certlife_feed; COMMIT",
        )
        .await
        .unwrap();
    let mut transaction = client.transaction().await.unwrap();
    engine
        .within(&mut transaction)
        .execute(upload(3))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(whole_feed(&engine, 3).await.len(), 3);
}

#[tokio::test]
async fn without_a_transaction_each_command_is_one() {
    let (engine, mut client, _) = issuer().await;
    let alone = engine.within(&mut client).execute(upload(2)).await;
    alone.unwrap();
    assert!(engine.load(&OURS, id(2)).await.unwrap().is_some());
    let all = engine
        .within(&mut client)
        .execute_all(vec![upload(1)])
        .await;
    let refused = all[0].as_ref().unwrap_err();
    assert!(refused.to_string().contains("begin one"), "{refused}");
    assert!(engine.load(&OURS, id(1)).await.unwrap().is_none());
    // One that was begun by hand is one.
    client.batch_execute("BEGIN").await.unwrap();
    engine.within(&mut client).execute(upload(1)).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert!(engine.load(&OURS, id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_transaction_that_may_not_write_or_has_failed_is_refused() {
    let (engine, mut client, _) = issuer().await;
    let transaction = client.build_transaction().read_only(true);
    let mut transaction = transaction.start().await.unwrap();
    let refused = engine
        .within(&mut transaction)
        .execute(upload(1))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("read-only"), "{refused}");
    let refused = engine
        .within(&mut transaction)
        .execute(upload(1))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("aborted"), "{refused}");
    assert!(
        refused.to_string().contains("is to be rolled back"),
        "{refused}"
    );
}

#[tokio::test]
async fn transactions_of_a_pool_keep_their_statements() {
    let (_, _, url) = issuer().await;
    let engine = Engine::new(AnyStore::Postgres(
        PostgresStore::connect(&url).await.unwrap(),
    ));
    let manager =
        deadpool_postgres::Manager::new(server().url().parse().unwrap(), tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager)
        .max_size(1)
        .build()
        .unwrap();
    for number in 1..=3 {
        let mut client = pool.get().await.unwrap();
        let mut transaction = client.transaction().await.unwrap();
        engine
            .within(&mut transaction)
            .execute(upload(number))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }
    let client = pool.get().await.unwrap();
    let sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO%' \
               AND statement NOT LIKE '%pg_prepared%'";
    let prepared: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(prepared, 1);
    assert_eq!(whole_feed(&engine, 3).await.len(), 3);
}
