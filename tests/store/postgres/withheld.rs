//! Rights and tables that are withdrawn while a store is in use: waiting brings nothing back.

use certificate_lifecycle::store::{
    Claim, Cursor, Outbox, Outcome, PostgresStore, Setup, Store, StoreError,
};

use super::{edit, impatient};
use crate::harness::Postgres;
use crate::outbox_world::{LEASE, PLENTY, Post, attempted, hook, of_ours, settlement};
use crate::server::client;
use crate::support::at;
use crate::world::submit;

/// A store with something to send, opened in a role with all rights.
async fn opened(role: &str) -> (Post<Postgres>, PostgresStore) {
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let schema = post.harness.url().rsplit("%3D").next().unwrap().to_owned();
    let rights = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}; \
         GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}"
    );
    edit(&post.harness, &rights).await;
    let url = post.harness.url().replace("tests@", &format!("{role}@"));
    let options = impatient().with_setup(Setup::Keep);
    let store = PostgresStore::connect_with(&url, options).await.unwrap();
    (post, store)
}

fn claim() -> Claim {
    Claim::new(at(0), LEASE, vec![(hook(1), PLENTY)])
}

fn lasts<T: std::fmt::Debug>(answer: Result<T, StoreError>, state: &str) {
    let error = answer.unwrap_err();
    assert!(error.is_lasting(), "{error:?}");
    assert_eq!(error.code(), "misconfigured");
    assert!(error.to_string().contains(state), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_not_waited_for() {
    let (post, store) = opened("once_trusted").await;
    let claimed = store.claim(claim()).await.unwrap().deliveries;
    let _ = store.feed(Cursor::START, 1).await.unwrap();
    let revoke = async |what: &str| {
        let sql = format!("REVOKE {what} FROM once_trusted");
        edit(&post.harness, &sql).await;
    };
    revoke("INSERT ON certlife_attempt").await;
    let mut settlement = settlement(&claimed[0], Outcome::Delivered);
    settlement.attempt = Some(attempted(0, 200));
    let settled = store.settle(at(0), vec![settlement], Vec::new()).await;
    lasts(settled, "certlife_attempt (SQLSTATE 42501)");
    revoke("UPDATE ON certlife_delivery").await;
    lasts(store.claim(claim()).await, "42501");
    revoke("SELECT ON certlife_webhook").await;
    lasts(store.due().await, "42501");
    lasts(store.backlog(None).await, "42501");
    lasts(store.webhooks(None).await, "42501");
    revoke("SELECT ON certlife_event").await;
    lasts(store.feed(Cursor::START, 1).await, "42501");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_may_not_be_used_any_more_is_not_waited_for() {
    let (post, store) = opened("once_at_home").await;
    let schema = post.harness.url().rsplit("%3D").next().unwrap();
    let revoke = format!("REVOKE USAGE ON SCHEMA {schema} FROM once_at_home");
    edit(&post.harness, &revoke).await;
    // On new connections
    let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
               WHERE usename = 'once_at_home'";
    client(post.harness.url())
        .await
        .query(cut, &[])
        .await
        .unwrap();
    let _ = store.due().await;
    lasts(store.due().await, "42501");
    let _ = store.feed(Cursor::START, 1).await;
    lasts(store.feed(Cursor::START, 1).await, "42501");
    // And to begin with
    for setup in [Setup::Create, Setup::Keep] {
        let options = impatient().with_setup(setup);
        let url = post.harness.url().replace("tests@", "once_at_home@");
        let error = PostgresStore::connect_with(&url, options)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "misconfigured");
        assert!(
            error.to_string().contains("may not use the schema"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_or_a_column_that_is_dropped_is_not_waited_for() {
    let (post, store) = opened("once_complete").await;
    let claimed = store.claim(claim()).await.unwrap().deliveries;
    edit(
        &post.harness,
        "ALTER TABLE certlife_webhook RENAME not_before TO later",
    )
    .await;
    lasts(store.webhooks(None).await, "42703");
    edit(
        &post.harness,
        "ALTER TABLE certlife_event ALTER actor TYPE bytea USING ''",
    )
    .await;
    edit(&post.harness, "DROP TABLE certlife_attempt").await;
    let mut settlement = settlement(&claimed[0], Outcome::Delivered);
    settlement.attempt = Some(attempted(0, 200));
    lasts(
        store.settle(at(0), vec![settlement], Vec::new()).await,
        "42P01",
    );
}

/// An upgrade by another program keeps the tables locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_way_is_waited_for() {
    let (post, store) = opened("patient_one").await;
    let mut upgrade = client(post.harness.url()).await;
    let upgrade = upgrade.transaction().await.unwrap();
    let sql = "ALTER TABLE certlife_delivery ADD later bigint; \
               ALTER TABLE certlife_webhook ADD later bigint";
    upgrade.batch_execute(sql).await.unwrap();
    for error in [
        store.claim(claim()).await.map(drop).unwrap_err(),
        store.due().await.map(drop).unwrap_err(),
        store.webhooks(None).await.map(drop).unwrap_err(),
    ] {
        assert!(!error.is_lasting(), "{error:?}");
    }
    upgrade.commit().await.unwrap();
    assert_eq!(store.claim(claim()).await.unwrap().deliveries.len(), 1);
    assert_eq!(store.webhooks(None).await.unwrap().len(), 1);
}
