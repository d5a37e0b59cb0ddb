//! Roles that may not do everything, or do it otherwise, and servers that cannot be written to: who
//! may only read can read.

use std::time::{Duration, Instant};

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Claim, Cursor, ExecuteError, Filter, HealthChange, ListOrder, ListQuery, Outbox, Outcome,
    PostgresStore, StoreError,
};

use super::{edit, engine, impatient};
use crate::harness::{Harness, Postgres};
use crate::outbox_world::{LEASE, PLENTY, Post, hook, of_ours, reported, settlement};
use crate::server::{Server, in_schema, server};
use crate::support::at;
use crate::world::{World, act, check, goes_on, id, ours, submit, upload};

fn name_of(schema: &Postgres) -> &str {
    schema.url().rsplit("%3D").next().unwrap()
}

/// A role that may do this in the schema, and how it connects.
async fn role(schema: &Postgres, role: &str, setting: &str, rights: &str) -> String {
    let rights = rights.replace("{schema}", name_of(schema));
    let rights = rights.replace("{role}", role);
    let sql = format!("CREATE ROLE {role} LOGIN; {setting}; {rights}");
    edit(schema, &sql.replace("{role}", role)).await;
    schema.url().replace("tests@", &format!("{role}@"))
}

/// As docs/stores.md says.
const READS: &str = "GRANT USAGE ON SCHEMA {schema} TO {role}; \
    GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}";

const WRITES: &str = "GRANT USAGE ON SCHEMA {schema} TO {role}; \
    GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}; \
    GRANT INSERT ON certlife_application, certlife_event, certlife_idempotency, \
        certlife_delivery TO {role}; \
    GRANT UPDATE ON certlife_application, certlife_feed TO {role}";

/// The same, without the secrets of the webhooks.
const WRITES_WITHOUT_SECRETS: &str = "GRANT USAGE ON SCHEMA {schema} TO {role}; \
    GRANT SELECT ON certlife_schema, certlife_feed, certlife_application, certlife_event, \
        certlife_idempotency TO {role}; \
    GRANT SELECT (id, institution, kinds, enabled) ON certlife_webhook TO {role}; \
    GRANT INSERT ON certlife_application, certlife_event, certlife_idempotency, \
        certlife_delivery TO {role}; \
    GRANT UPDATE ON certlife_application TO {role}";

const DELIVERS: &str = "GRANT USAGE ON SCHEMA {schema} TO {role}; \
    GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}; \
    GRANT INSERT ON certlife_attempt TO {role}; \
    GRANT UPDATE ON certlife_webhook, certlife_delivery TO {role}";

const ADMINISTERS: &str = "GRANT INSERT ON certlife_webhook TO {role}; \
    GRANT DELETE ON certlife_webhook, certlife_delivery, certlife_attempt TO {role}";

const OPENS: &str = "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}";

/// Everything can be read, and nothing be changed: the code of the answer to who tries.
async fn only_reads(engine: &Engine<PostgresStore>, code: &str) {
    let loaded = engine.load(&ours(), id(0)).await.unwrap();
    assert_eq!(loaded.unwrap().version(), 1);
    assert_eq!(engine.history(&ours(), id(0)).await.unwrap().len(), 1);
    let query = ListQuery {
        institution: ours(),
        filter: Filter::all(),
        order: ListOrder::NewestFirst,
        after: None,
        limit: 100,
        origins: false,
    };
    let found = engine.list(query).await.unwrap().applications.len();
    assert_eq!(found, 10);
    let counts = engine.counts(&ours()).await.unwrap();
    assert_eq!(counts.iter().map(|it| it.applications).sum::<u64>(), 10);
    engine.feed(Cursor::START, 100).await.unwrap();
    let answer = engine.execute(act(0, Action::Approve)).await;
    assert_eq!(answer.unwrap_err().code(), code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_read_reads() {
    let world = World::<Postgres>::new().await;
    world.every_kind_with_keys().await;
    let schema = &world.harness;
    let url = role(schema, "looker", "", READS).await;
    only_reads(&engine(&url, impatient()).await, "misconfigured").await;
    let setting = "ALTER ROLE {role} SET default_transaction_read_only = on";
    let url = role(schema, "careful", setting, WRITES).await;
    only_reads(&engine(&url, impatient()).await, "unavailable").await;
    check(&world.engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_write_rows_goes_on() {
    let world = World::<Postgres>::new().await;
    world.every_kind_with_keys().await;
    let url = role(&world.harness, "writer", "", WRITES).await;
    goes_on(&engine(&url, impatient()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_read_the_secrets_of_webhooks_records_what_they_want() {
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    let url = role(&post.harness, "unaware", "", WRITES_WITHOUT_SECRETS).await;
    let unaware = engine(&url, impatient()).await;
    let _ = unaware.execute(submit(0)).await.unwrap();
    let processing = unaware.execute(act(0, Action::BeginProcessing)).await;
    let _ = processing.unwrap();
    assert_eq!(post.made(1).await, [(0, 1), (0, 2)]);
    let store = PostgresStore::connect(&url).await.unwrap();
    let refused = store.webhook(&ours(), hook(1)).await.unwrap_err();
    assert!(
        refused.to_string().contains("certlife_webhook"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_deliver_delivers() {
    let post = Post::<Postgres>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    post.done(act(0, Action::BeginProcessing)).await;
    let url = role(&post.harness, "sender", "", DELIVERS).await;
    let sender = PostgresStore::connect(&url).await.unwrap();
    // It sends
    for version in [1, 2] {
        let claim = Claim::new(at(0), LEASE, vec![(hook(1), PLENTY)]);
        let claimed = sender.claim(claim).await.unwrap().deliveries;
        assert_eq!(
            claimed.iter().map(reported).collect::<Vec<_>>(),
            [(0, version)]
        );
        let settlements = vec![settlement(&claimed[0], Outcome::Delivered)];
        let health = vec![(hook(1), HealthChange::default())];
        let settled = sender.settle(at(0), settlements, health).await;
        assert_eq!(settled.unwrap(), [true]);
    }
    let ids: Vec<_> = post.deliveries().await.iter().map(|it| it.id).collect();
    let redelivered = sender.redeliver(&ours(), at(1), ids.clone()).await;
    assert_eq!(redelivered.unwrap(), 2);
    let abandoned = sender.abandon(&ours(), at(1), ids, "no".to_owned()).await;
    assert_eq!(abandoned.unwrap(), 2);
    // But it neither registers nor forgets
    let _ = sender.add_webhook(of_ours(2)).await.unwrap_err();
    let _ = sender.prune(at(9), 1).await.unwrap_err();
    // Who administers does
    let administers = ADMINISTERS.replace("{role}", "sender");
    edit(&post.harness, &administers).await;
    assert!(sender.add_webhook(of_ours(2)).await.unwrap());
    assert_eq!(sender.prune(at(9), 9).await.unwrap(), 2);
    assert!(sender.remove_webhook(&ours(), hook(1)).await.unwrap());
    assert_eq!(post.deliveries().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_read() {
    let primary = Server::start();
    let schema = primary.url_of_new_schema().await;
    let writing = engine(&schema, impatient()).await;
    for answer in writing.execute_many((0..10).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    let standby = primary.standby();
    let name = schema.rsplit("%3D").next().unwrap();
    let reading = engine(&in_schema(&standby.url(), name), impatient()).await;
    let start = Instant::now();
    while reading.load(&ours(), id(9)).await.unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    // (which becomes a primary when the other one fails)
    only_reads(&reading, "unavailable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_isolation_of_a_role_is_no_concern() {
    for level in ["repeatable read", "serializable"] {
        let schema = Postgres::fresh().await;
        let setting = format!("ALTER ROLE {{role}} SET default_transaction_isolation = '{level}'");
        let name = level.replace(' ', "_");
        let url = role(&schema, &format!("role_{name}"), &setting, OPENS).await;
        // Opened for the first time by many at once
        let opening: Vec<_> = (0..8)
            .map(|_| url.clone())
            .map(|url| tokio::spawn(async move { engine(&url, impatient()).await }))
            .collect();
        let mut engines = Vec::new();
        for opened in opening {
            engines.push(opened.await.unwrap());
        }
        // And everybody wants the same application
        let _ = engines[0].execute(upload(0)).await.unwrap();
        let calls: Vec<_> = engines
            .iter()
            .cloned()
            .map(|engine| {
                tokio::spawn(async move {
                    for _ in 0..20 {
                        for action in [Action::Fail, Action::Retry] {
                            match engine.execute(act(0, action)).await {
                                Ok(_) | Err(ExecuteError::Refused(_)) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        check(&engines[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let database = encoding.to_lowercase();
        let sql = format!(
            "CREATE DATABASE {database} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        );
        server().client().await.batch_execute(&sql).await.unwrap();
        let url = server().url().replace("/postgres", &format!("/{database}"));
        let error = PostgresStore::connect(&url).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Misconfigured { reason, .. }
                if reason.contains(encoding) && reason.contains("UTF8")),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_another_schema_of_the_path_is_not_taken_for_this_one() {
    let other = World::<Postgres>::new().await;
    other.given(submit(0)).await;
    let schema = Postgres::fresh().await;
    let url = format!("{},{}", schema.url(), name_of(&other.harness));
    let here = engine(&url, impatient()).await;
    let _ = here.execute(submit(0)).await.unwrap();
    check(&here).await;
    check(&other.engine).await;
}
