//! Expand first, contract a release later: programs of the version before go on working, and are
//! not held up.

use std::time::{Duration, Instant};

use certificate_lifecycle::store::{
    Cursor, Migration, MigrationKind, MigrationStep, PostgresOptions, PostgresStore, Setup, Store,
    StoreError,
};
use tokio_postgres::types::Type;

use super::{a_session_waits_for, dump, edit, engine, impatient, pid};
use crate::harness::{Harness, Postgres};
use crate::server::client;
use crate::world::{check, goes_on, submit};

const BEFORE: &str = include_str!("../migrations/postgres-5.sql");

/// What a program that knows schema version 5 sends when it opens a store (commit 2876dc0).
const ITS_VERSION: &str = "SELECT version FROM certlife_schema";
const ITS_SHAPE: &str = "SELECT FROM \
    (SELECT uuid, institution, application_id, certificate_title, applicant_email, trigger_context, seal, status, \
        version, updated_at, transaction, number FROM certlife_application) certlife_application, \
    (SELECT uuid, version, kind, at, actor_kind, actor, text, idempotency_key, transaction, place \
        FROM certlife_event) certlife_event, \
    (SELECT key, institution, uuid, version, refused FROM certlife_idempotency) certlife_idempotency, \
    (SELECT base FROM certlife_feed) certlife_feed, \
    (SELECT id, number, institution, kinds, enabled, settings, created_at, revision, failing_since, not_before, \
        removed FROM certlife_webhook) certlife_webhook, \
    (SELECT application, webhook, version, transaction, place, number, at, created_at, token, attempts, state, \
        reason FROM certlife_delivery) certlife_delivery, \
    (SELECT delivery, number, at, milliseconds, status, error, excerpt FROM certlife_attempt) certlife_attempt";

/// How it raises the base of the feed after a dump was restored.
const ITS_REBASE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
    LOCK TABLE certlife_feed IN ACCESS EXCLUSIVE MODE; \
    UPDATE certlife_feed SET base = last.transaction + 1 - pg_current_xact_id()::text::bigint \
    FROM (SELECT max(transaction) AS transaction FROM certlife_event) last \
    WHERE last.transaction >= base + pg_current_xact_id()::text::bigint; \
    COMMIT";

/// Its inserts, by columns. A later step that adds a column without a default breaks them.
const ITS_INSERTS: [&str; 3] = [
    "INSERT INTO certlife_application (uuid, institution, application_id, certificate_title, applicant_email, \
        trigger_context, seal, status, version, updated_at, transaction, number) \
     SELECT uuid, institution, application_id, certificate_title, applicant_email, trigger_context, seal, status, \
        version, updated_at, transaction, number FROM kept_application",
    "INSERT INTO certlife_event (uuid, version, kind, at, actor_kind, actor, text, idempotency_key, transaction, \
        place) \
     SELECT uuid, version, kind, at, actor_kind, actor, text, idempotency_key, transaction, place FROM kept_event",
    "INSERT INTO certlife_idempotency (key, institution, uuid, version, refused) \
     SELECT key, institution, uuid, version, refused FROM kept_idempotency",
];

const THE_STEPS: [MigrationStep; 7] = [
    MigrationStep::new(6, MigrationKind::Expansion, 5),
    MigrationStep::new(7, MigrationKind::Expansion, 5),
    MigrationStep::new(8, MigrationKind::Expansion, 5),
    MigrationStep::new(9, MigrationKind::Expansion, 5),
    MigrationStep::new(10, MigrationKind::Expansion, 5),
    MigrationStep::new(11, MigrationKind::Expansion, 5),
    MigrationStep::new(12, MigrationKind::Expansion, 5),
];

async fn before() -> Postgres {
    let schema = Postgres::fresh().await;
    edit(&schema, BEFORE).await;
    schema
}

fn with(setup: Setup) -> PostgresOptions {
    impatient().with_setup(setup)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_of_the_version_before_finds_its_tables() {
    let upgraded = before().await;
    let _ = PostgresStore::migrate(upgraded.url(), impatient())
        .await
        .unwrap();
    let made = Postgres::fresh().await;
    let _ = made.open().await;
    for schema in [upgraded, made] {
        let old = client(schema.url()).await;
        let rows = old.query(ITS_VERSION, &[]).await.unwrap();
        assert_eq!(rows[0].columns().len(), 1);
        assert_eq!(*rows[0].columns()[0].type_(), Type::INT8);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].get::<_, i64>(0), 5);
        old.prepare(ITS_SHAPE).await.unwrap();
        old.batch_execute(ITS_REBASE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_version_before_writes_is_read() {
    let schema = before().await;
    let keep = "CREATE TABLE kept_application AS SELECT * FROM certlife_application; \
        CREATE TABLE kept_event AS SELECT * FROM certlife_event; \
        CREATE TABLE kept_idempotency AS SELECT * FROM certlife_idempotency; \
        TRUNCATE certlife_application, certlife_event, certlife_idempotency";
    edit(&schema, keep).await;
    // Given statements that the program of before had prepared
    let old = client(schema.url()).await;
    let base = old.prepare("SELECT base FROM certlife_feed").await.unwrap();
    let mut inserts = Vec::new();
    for sql in ITS_INSERTS {
        inserts.push(old.prepare(sql).await.unwrap());
    }
    assert_eq!(old.query_one(&base, &[]).await.unwrap().get::<_, i64>(0), 0);
    // When the tables are upgraded
    let done = PostgresStore::migrate(schema.url(), impatient()).await;
    assert_eq!(done.unwrap().steps, THE_STEPS);
    // Then it goes on with them, and the new program reads what it writes
    assert_eq!(old.query_one(&base, &[]).await.unwrap().get::<_, i64>(0), 0);
    for insert in &inserts {
        assert!(old.execute(insert, &[]).await.unwrap() > 0);
    }
    let engine = engine(schema.url(), with(Setup::Keep)).await;
    assert_eq!(check(&engine).await.lists[0].len(), 10);
    goes_on(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_says_what_it_does() {
    let schema = before().await;
    let rows = dump(&schema).await;
    let expected = Migration::new(Some(5), 12, THE_STEPS.to_vec());
    for setup in [Setup::Create, Setup::Upgrade, Setup::Keep] {
        let pending = PostgresStore::pending_migration(schema.url(), with(setup)).await;
        assert_eq!(pending.unwrap(), expected);
    }
    // Nothing has changed so far
    let kept = PostgresStore::migrate(schema.url(), with(Setup::Keep)).await;
    let is_older = matches!(
        kept,
        Err(StoreError::OlderSchema {
            found: 5,
            needed: 12
        })
    );
    assert!(is_older, "{kept:?}");
    let done = PostgresStore::migrate(schema.url(), with(Setup::Upgrade)).await;
    assert_eq!(done.unwrap(), expected);
    assert_eq!(dump(&schema).await, rows);
    let nothing = Migration::new(Some(12), 12, Vec::new());
    let url = schema.url();
    let again = PostgresStore::pending_migration(url, with(Setup::Keep)).await;
    assert_eq!(again.unwrap(), nothing);
    let again = PostgresStore::migrate(url, with(Setup::Keep)).await;
    assert_eq!(again.unwrap(), nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_made_by_who_wants_one() {
    let schema = Postgres::fresh().await;
    let url = schema.url();
    for setup in [Setup::Upgrade, Setup::Keep] {
        for answer in [
            PostgresStore::pending_migration(url, with(setup)).await,
            PostgresStore::migrate(url, with(setup)).await,
        ] {
            assert!(
                matches!(answer, Err(StoreError::NoStore { .. })),
                "{answer:?}"
            );
        }
    }
    let creation = MigrationStep::new(12, MigrationKind::Creation, 5);
    let expected = Migration::new(None, 12, vec![creation]);
    let pending = PostgresStore::pending_migration(url, impatient()).await;
    assert_eq!(pending.unwrap(), expected);
    let done = PostgresStore::migrate(url, impatient()).await;
    assert_eq!(done.unwrap(), expected);
    let engine = engine(url, with(Setup::Keep)).await;
    let _ = engine.execute(submit(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_newer_program_has_expanded_is_used() {
    let schema = before().await;
    let _ = PostgresStore::migrate(schema.url(), impatient())
        .await
        .unwrap();
    // Given a newer program that has expanded the tables, and contracted them as far as this one
    // allows
    for (version, expanded) in [(5_i64, 13_i64), (12, 15)] {
        let newer =
            format!("UPDATE certlife_schema SET version = {version}, expanded = {expanded}");
        edit(&schema, &newer).await;
        for setup in [Setup::Keep, Setup::Upgrade, Setup::Create] {
            let store = PostgresStore::connect_with(schema.url(), with(setup)).await;
            assert!(
                !store
                    .unwrap()
                    .feed(Cursor::START, 10)
                    .await
                    .unwrap()
                    .is_empty()
            );
        }
        let done = PostgresStore::migrate(schema.url(), impatient()).await;
        assert_eq!(done.unwrap().to, expanded);
        let row = client(schema.url()).await;
        let row = row.query_one("SELECT version, expanded FROM certlife_schema", &[]);
        let row = row.await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (version, expanded));
    }
    goes_on(&engine(schema.url(), with(Setup::Keep)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn programs_that_go_on_are_held_up_for_a_moment_only() {
    let schema = before().await;
    // Given a dump under way, which keeps all tables from being altered
    let dumping = client(schema.url()).await;
    let holds = "BEGIN; LOCK TABLE certlife_schema, certlife_feed IN ACCESS SHARE MODE";
    dumping.batch_execute(holds).await.unwrap();
    // When the tables are upgraded meanwhile
    let patient = impatient().with_lock_timeout(Duration::from_secs(60));
    let url = schema.url().to_owned();
    let upgrading = tokio::spawn(async move { PostgresStore::migrate(&url, patient).await });
    a_session_waits_for(&schema, pid(&dumping).await).await;
    // Then a reader waits for less than what a step may wait, and a margin for a busy machine
    let old = client(schema.url()).await;
    let mut longest = Duration::ZERO;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        let before = Instant::now();
        old.batch_execute("SELECT base FROM certlife_feed; SELECT version FROM certlife_schema")
            .await
            .unwrap();
        longest = longest.max(before.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    assert!(!upgrading.is_finished());
    // And the step is made when the dump has ended
    dumping.batch_execute("COMMIT").await.unwrap();
    assert_eq!(upgrading.await.unwrap().unwrap().steps, THE_STEPS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_stay_locked_are_an_error_that_says_so() {
    let schema = before().await;
    let rows = dump(&schema).await;
    let dumping = client(schema.url()).await;
    let holds = "BEGIN; SELECT * FROM certlife_feed";
    dumping.batch_execute(holds).await.unwrap();
    let error = PostgresStore::migrate(schema.url(), impatient()).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "unavailable", "{error}");
    let words = "for 200ms, other transactions have kept them locked";
    assert!(error.to_string().contains(words), "{error}");
    // Nothing was changed
    assert_eq!(dump(&schema).await, rows);
    let pending = PostgresStore::pending_migration(schema.url(), impatient()).await;
    assert_eq!(pending.unwrap().steps, THE_STEPS);
    dumping.batch_execute("ROLLBACK").await.unwrap();
    let store = PostgresStore::connect_with(schema.url(), impatient()).await;
    assert!(store.is_ok(), "{store:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_upgrade_at_once_one_makes_each_step() {
    for _ in 0..3 {
        let schema = before().await;
        let url = schema.url();
        let migrating: Vec<_> = (0..8)
            .map(|_| url.to_owned())
            .map(|url| tokio::spawn(async move { PostgresStore::migrate(&url, impatient()).await }))
            .collect();
        let mut steps = Vec::new();
        for migration in migrating {
            let migration = migration.await.unwrap().unwrap();
            assert_eq!(migration.to, 12);
            steps.extend(migration.steps);
        }
        steps.sort_unstable_by_key(|it| it.version);
        assert_eq!(steps, THE_STEPS);
    }
}
