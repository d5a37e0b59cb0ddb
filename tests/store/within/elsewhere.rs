//! Connections whose names mean something else than the store's.

use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::store::PostgresStore;
use tokio_postgres::Client;

use super::postgres::issuer;
use crate::server::{client, server};
use crate::world::*;

/// A connection to another database of the server.
async fn database(name: &str) -> (Client, tokio::task::JoinHandle<()>) {
    let mut config: tokio_postgres::Config = server().url().parse().unwrap();
    config.dbname(name);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    (client, connection)
}

#[tokio::test]
async fn nothing_is_answered_from_a_copy_of_the_database_and_nothing_is_written_there() {
    // Given a database that was made of the store's: its tables have the same identifiers
    let admin = client(&server().url()).await;
    let sql = "CREATE DATABASE within_original";
    admin.batch_execute(sql).await.unwrap();
    let url = server().url().replace("/postgres", "/within_original");
    drop(PostgresStore::connect(&url).await.unwrap());
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = 'within_original'";
    let copied = async || {
        admin.batch_execute(sql).await.unwrap();
        let sql = "CREATE DATABASE within_copy TEMPLATE within_original";
        admin.batch_execute(sql).await.is_ok()
    };
    while !copied().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let store = PostgresStore::connect(&url).await.unwrap();
    let engine = engine_on(store, &TestClock::default());
    engine.execute(upload(1)).await.unwrap();
    let (mut client, connection) = database("within_copy").await;
    // When commands come on a connection to the copy: legal ones, and one that would be refused
    // there
    let approve = || act(1, Action::Approve);
    for request in [upload(2), approve(), approve().with_key(key("once"))] {
        let refused = engine.within(&mut client).execute(request.clone()).await;
        // Then each answer says where it is
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), "misconfigured", "{refused}");
        let mut transaction = client.transaction().await.unwrap();
        let all = vec![request];
        let refused = engine.within(&mut transaction).execute_all(all).await;
        let refused = refused[0].as_ref().unwrap_err();
        assert_eq!(refused.code(), "misconfigured", "{refused}");
    }
    let sql = "SELECT (SELECT count(*) FROM certlife_application) \
               + (SELECT count(*) FROM certlife_idempotency)";
    let written: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(written, 0);
    drop(client);
    let _ = connection.await;
}

#[tokio::test]
async fn functions_and_types_of_the_backend_do_not_stand_in_for_those_of_postgresql() {
    let (engine, mut client, url) = issuer().await;
    client
        .batch_execute(
            "CREATE TEMPORARY TABLE uuid (no integer); CREATE TEMPORARY TABLE text (no integer); \
             CREATE SCHEMA within_app; \
             CREATE FUNCTION within_app.md5(pg_catalog.text) RETURNS pg_catalog.text \
                 LANGUAGE sql AS $$ SELECT pg_catalog.repeat('0', 32) $$; \
             SET search_path = within_app, pg_catalog",
        )
        .await
        .unwrap();
    for number in [1, 2] {
        let mut transaction = client.transaction().await.unwrap();
        let request = upload(number).with_key(key(&format!("key-{number}")));
        let within = engine.within(&mut transaction).execute(request).await;
        within.unwrap();
        let approval = act(number, Action::Approve);
        let within = engine.within(&mut transaction).execute(approval).await;
        within.unwrap();
        transaction.commit().await.unwrap();
    }
    let admin = crate::server::client(&url).await;
    let sql = "SELECT count(*) FROM certlife_application WHERE seal = md5('')::uuid \
               OR seal = repeat('0', 32)::uuid";
    let wrong: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(wrong, 0);
    client
        .batch_execute("DROP SCHEMA within_app CASCADE")
        .await
        .unwrap();
}
