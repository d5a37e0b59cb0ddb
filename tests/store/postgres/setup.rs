//! What opening may do to the tables, and tables that are another program's.

use certificate_lifecycle::store::{PostgresStore, Setup, StoreError};

use super::{edit, impatient};
use crate::harness::{Harness, Postgres};
use crate::server::client;

const EARLIER: &str = include_str!("../migrations/postgres-5.sql");

async fn open(schema: &Postgres, setup: Setup) -> Result<PostgresStore, StoreError> {
    let options = impatient().with_setup(setup);
    PostgresStore::connect_with(schema.url(), options).await
}

/// The tables and views of the schema, with their columns.
async fn tables(schema: &Postgres) -> Vec<String> {
    let sql = "SELECT table_name || '.' || column_name || ' ' || data_type \
               FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1";
    let rows = client(schema.url()).await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn no_tables_are_made_unless_they_are_wanted() {
    let schema = Postgres::fresh().await;
    let name = schema.url().rsplit("%3D").next().unwrap();
    for setup in [Setup::Keep, Setup::Upgrade] {
        let error = open(&schema, setup).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("there is no store in schema \"{name}\" of database \"postgres\"")
        );
        assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
        assert_eq!(tables(&schema).await, Vec::<String>::new());
    }
    open(&schema, Setup::Create).await.unwrap();
    for setup in [Setup::Keep, Setup::Upgrade] {
        open(&schema, setup).await.unwrap();
    }
}

#[tokio::test]
async fn tables_of_an_earlier_version_are_upgraded_by_who_may() {
    let schema = Postgres::fresh().await;
    edit(&schema, EARLIER).await;
    let error = open(&schema, Setup::Keep).await.unwrap_err();
    let is_older = matches!(
        error,
        StoreError::OlderSchema {
            found: 5,
            needed: 12
        }
    );
    assert!(is_older, "{error:?}");
    open(&schema, Setup::Upgrade).await.unwrap();
    open(&schema, Setup::Keep).await.unwrap();
}

#[tokio::test]
async fn tables_of_another_program_are_left_alone() {
    let version =
        "CREATE TABLE certlife_schema (version bigint); INSERT INTO certlife_schema VALUES";
    for (sql, problem) in [
        (
            "CREATE TABLE certlife_schema (name text)".to_owned(),
            "42703",
        ),
        (
            "CREATE TABLE certlife_schema (version text); INSERT INTO certlife_schema VALUES ('5')"
                .to_owned(),
            "another program",
        ),
        (
            "CREATE TABLE x (y text); INSERT INTO x VALUES ('five'); \
             CREATE VIEW certlife_schema AS SELECT y::bigint AS version FROM x"
                .to_owned(),
            "22P02",
        ),
        (format!("{version} (0)"), "another program"),
        (format!("{version} (NULL)"), "another program"),
        (
            "CREATE TABLE certlife_schema (version bigint)".to_owned(),
            "missing",
        ),
        (format!("{version} (1), (1)"), "more than one"),
        (format!("{version} (5)"), "42P01"),
        (
            "CREATE TABLE certlife_schema (version bigint, expanded text); \
             INSERT INTO certlife_schema VALUES (5, 'six')"
                .to_owned(),
            "22P02",
        ),
        (format!("{version} (1)"), "42P01"),
        (
            "CREATE TABLE x (y bigint); CREATE INDEX certlife_schema ON x (y)".to_owned(),
            "42809",
        ),
        (
            "CREATE TABLE certlife_event (id bigint)".to_owned(),
            "42P07",
        ),
    ] {
        let schema = Postgres::fresh().await;
        edit(&schema, &sql).await;
        let before = tables(&schema).await;
        let error = open(&schema, Setup::Create).await.unwrap_err();
        assert!(
            matches!(error, StoreError::NotAStore { .. }),
            "{sql}: {error:?}"
        );
        assert!(error.to_string().contains(problem), "{sql}: {error}");
        assert_eq!(tables(&schema).await, before, "{sql}");
    }
}

#[tokio::test]
async fn a_store_without_a_table_or_a_column_is_none() {
    for (sql, problem) in [
        ("DROP TABLE certlife_attempt", "42P01"),
        ("ALTER TABLE certlife_event RENAME actor TO who", "42703"),
        ("ALTER TABLE certlife_delivery DROP reason", "42703"),
        // The same of one that is to be upgraded: it stays as it is.
        (
            "DROP TABLE certlife_work, certlife_work_seen, certlife_token, certlife_reply, certlife_act; \
             ALTER TABLE certlife_schema DROP expanded; \
             ALTER TABLE certlife_feed DROP history, DROP skipped; ALTER TABLE certlife_delivery DROP reason",
            "42703",
        ),
    ] {
        let schema = Postgres::fresh().await;
        open(&schema, Setup::Create).await.unwrap();
        edit(&schema, sql).await;
        let before = tables(&schema).await;
        for setup in [Setup::Create, Setup::Upgrade, Setup::Keep] {
            let error = open(&schema, setup).await.unwrap_err();
            if matches!(error, StoreError::OlderSchema { .. }) && setup == Setup::Keep {
                continue;
            }
            assert!(
                matches!(error, StoreError::NotAStore { .. }),
                "{sql}: {error:?}"
            );
            assert!(error.to_string().contains(problem), "{sql}: {error}");
        }
        assert_eq!(tables(&schema).await, before, "{sql}");
    }
}
