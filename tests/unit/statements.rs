//! The statements take what their lists of types and columns say: asked of a server.
//!
//! This is a module of `src/store/postgres/statement.rs`, since no public item leads to a
//! statement. It stands here, beside the server that tests share.

#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta};
use serde_json::{Map, Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::{Kind as TypeKind, Type};

use super::*;
use crate::lifecycle::action::{Action, Command};
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::source::TriggerContext;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle, RejectionReason};
use crate::store::actor::ActorKind;
use crate::store::cells::Cells;
use crate::store::postgres::PostgresStore;
use crate::store::postgres::columns::Columns;
use crate::store::postgres::diagnose::ask;
use crate::store::postgres::outbox::{claim, deliveries, prune, replay, settle, webhooks};
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{
    act, history, holders, institutions, lists, names, read, remember, reply, schema,
    server as servers, session, together, token, within, work,
};
use crate::store::stored::code;
use crate::store::{Actor, IdempotencyKey, InstitutionId, Request};

#[path = "plans.rs"]
mod plans;
#[path = "../support/postgres.rs"]
mod server;

const AT: i64 = 1_700_000_000;
const PLACE: i32 = 99;

/// A connection to a schema with the store's tables.
async fn client() -> Client {
    let url = server::server().url_of_new_schema().await;
    PostgresStore::connect(&url).await.unwrap();
    server::client(&url).await
}

/// A command of which no two columns have the same value.
fn append(kind: Kind) -> Append {
    let institution = InstitutionId::new("the-institution").unwrap();
    let actor = Actor::administrator("the-actor").unwrap();
    let uuid = uuid::Uuid::from_u128(42);
    let request = match kind {
        Kind::Creation => {
            let title = CertificateTitle::new("the title").unwrap();
            let email = ApplicantEmail::new("the@email.example").unwrap();
            let number = ApplicationId::new(4_711).unwrap();
            let details = ApplicationDetails::new(number, uuid, title, email);
            Request::submit(institution, actor, details)
        }
        Kind::Transition => {
            let reason = RejectionReason::new("the reason").unwrap();
            Request::transition(institution, actor, uuid, Command::Reject(reason)).expecting(17)
        }
    };
    let at = DateTime::from_timestamp(AT, 0).unwrap();
    let key = IdempotencyKey::new("the-key").unwrap();
    Append {
        request: request.at(at).with_key(key),
        now: at + TimeDelta::milliseconds(5_001),
    }
}

/// Its columns by their names, as JSON.
fn columns_of(kind: Kind) -> Value {
    let mut columns = json!({
        "uuid": uuid::Uuid::from_u128(42),
        "institution": "the-institution",
        "at": AT,
        "actor_kind": code(&ActorKind::ALL, &ActorKind::Administrator),
        "actor": "the-actor",
        "place": PLACE,
        "now": AT * 1_000 + 5_001,
        "key": "the-key",
    });
    let others = match kind {
        Kind::Creation => json!({
            "application_id": 4_711,
            "certificate_title": "the title",
            "applicant_email": "the@email.example",
            "trigger_context": code(&TriggerContext::ALL, &TriggerContext::CustomerSubmission),
        }),
        Kind::Transition => json!({
            "at_is_given": true,
            "legal": Cells::legal_at_versions(Action::Reject),
            "status": code(&EventKind::ALL, &EventKind::Rejected),
            "expected_version": 17,
            "text": "the reason",
        }),
    };
    let all = columns.as_object_mut().unwrap();
    all.extend(others.as_object().unwrap().clone());
    columns
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_takes_the_types_of_the_list_in_its_order() {
    let client = client().await;
    for shape in Shape::all() {
        let prepared = client.prepare(shape.sql()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{shape:?}: {error:?}"));
        let wanted = shape.input().given().map(|it| it.sql_type.clone());
        let guard = [Type::OID, Type::TEXT, Type::INT8, Type::INT4].into_iter();
        let wanted = wanted.chain(guard.filter(|_| shape.is_guarded));
        let taken = prepared.params().iter().map(|it| match it.kind() {
            TypeKind::Array(of) if !shape.is_one => of.clone(),
            _ => it.clone(),
        });
        let (wanted, taken): (Vec<_>, Vec<_>) = (wanted.collect(), taken.collect());
        assert_eq!(taken, wanted, "{shape:?}");
    }
}

/// All other statements of the store, by their files.
fn statements() -> [(&'static str, Vec<Sql>); 23] {
    [
        ("act.rs", act::statements()),
        ("diagnose/ask.rs", ask::statements()),
        ("history.rs", history::statements()),
        ("holders.rs", holders::statements()),
        ("institutions.rs", institutions::statements()),
        ("lists.rs", lists::statements()),
        ("outbox/claim.rs", claim::statements()),
        ("outbox/deliveries.rs", deliveries::statements()),
        ("outbox/prune.rs", prune::statements()),
        ("outbox/replay.rs", replay::statements()),
        ("outbox/settle.rs", settle::statements()),
        ("outbox/webhooks.rs", webhooks::statements()),
        ("read.rs", read::statements()),
        ("remember.rs", remember::statements()),
        ("reply.rs", reply::statements()),
        ("schema.rs", schema::statements()),
        ("server.rs", servers::statements()),
        ("session.rs", session::statements()),
        ("together.rs", together::statements()),
        ("token.rs", token::statements()),
        ("within.rs", within::statements()),
        ("work/claim.rs", work::claim::statements()),
        ("work/settle.rs", work::settle::statements()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_takes_the_types_that_stand_beside_a_statement() {
    let client = client().await;
    for (file, statements) in statements() {
        for it in statements {
            let name = format!("{file}: {}", it.name);
            assert!(!it.text.contains("{input}"), "{name}");
            let prepared = client.prepare(it.text).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let (others, input) = prepared.params().split_at(it.types.len());
            assert_eq!(others, it.types, "{name}");
            assert_eq!(input.len(), it.input.len(), "{name}");
            for (taken, column) in input.iter().zip(it.input) {
                let name = format!("{name}, {}", column.name);
                let wanted = TypeKind::Array(column.sql_type.clone());
                assert_eq!(*taken.kind(), wanted, "{name}");
                assert!((column.accepts)(&column.sql_type), "{name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_within_a_transaction_finds_its_tables_wherever_the_path_leads() {
    let client = client().await;
    let schema = client.query_one("SELECT current_schema()::text", &[]).await;
    let schema: String = schema.unwrap().get(0);
    client
        .batch_execute("SET search_path = ''; BEGIN")
        .await
        .unwrap();
    let sent = ["read.rs", "remember.rs", "together.rs", "within.rs"];
    let others = statements()
        .into_iter()
        .filter(|(file, _)| sent.contains(file));
    let others = others.flat_map(|(_, statements)| statements.into_iter().map(|it| it.text));
    let shapes = Shape::all().filter(|it| it.is_guarded).map(Shape::sql);
    let all: Vec<_> = shapes.chain(others).collect();
    assert!(all.len() > 12);
    for sql in all {
        let qualified = names::qualified(sql, &schema);
        let prepared = client.prepare(qualified).await;
        prepared.unwrap_or_else(|error| panic!("{qualified}: {error:?}"));
    }
}

/// The lines of a source that are neither comments, nor in a macro, nor in `statements!`.
fn other_lines(source: &str) -> Vec<&str> {
    let mut is_inside = false;
    let mut others = Vec::new();
    for line in source.lines() {
        is_inside |= line.starts_with("statements! {") || line.starts_with("macro_rules! ");
        if !is_inside && !line.trim_start().starts_with("//") {
            others.push(line);
        }
        is_inside &= line != "}";
    }
    others
}

#[test]
fn every_statement_is_in_the_list() {
    // What is not prepared: the lists of columns and the shapes have tests of their own, and the
    // others are carried out whenever a store is made, or its history begins anew.
    let others = [
        "columns.rs",
        "history.rs",
        "migrate.rs",
        "pool.rs",
        "schema.rs",
        "statement.rs",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres");
    let mut with_statements = BTreeSet::new();
    for file in sources(&folder) {
        let source = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        if source.contains("\nstatements! {") {
            with_statements.insert(name.to_owned());
        }
        for line in other_lines(&source) {
            let is_sql = [
                "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", ".sql\")",
            ];
            let is_sql = is_sql.iter().any(|it| line.contains(it));
            assert!(!is_sql || others.contains(&name), "{name}: {line}");
        }
    }
    let listed = statements().map(|(file, _)| file.to_owned());
    assert_eq!(with_statements, BTreeSet::from(listed));
}

/// The files with source text below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|it| it.is_dir());
    let below = folders.iter().flat_map(|it| sources(it));
    let files = files.into_iter().chain(below);
    files
        .filter(|it| it.extension().is_some_and(|it| it == "rs"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_arrives_under_the_name_of_its_column() {
    let client = client().await;
    for shape in Shape::all() {
        // Given a command of which no two columns have the same value
        let mut wanted = columns_of(shape.kind);
        let columns = wanted.as_object_mut().unwrap();
        let different: BTreeSet<_> = columns.values().map(Value::to_string).collect();
        assert_eq!(different.len(), columns.len(), "{:?}", shape.kind);
        if shape.keys == Keys::None {
            columns.insert("key".to_owned(), Value::Null);
        }
        // When it is the input of a statement
        let append = append(shape.kind);
        let batch = Columns::of(&[&append], &[PLACE]);
        let sql = format!(
            "SELECT to_jsonb(it)::text FROM ({}) it",
            shape.input().sql()
        );
        let row = client
            .query_typed_one(&sql, &shape.input().parameters(&batch))
            .await
            .unwrap_or_else(|error| panic!("{shape:?}: {error:?}"));
        // Then SQL sees the same
        let seen: Map<String, Value> = serde_json::from_str(row.get(0)).unwrap();
        assert_eq!(Value::Object(seen), wanted, "{shape:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_has_the_type_of_the_column_that_it_is_written_to() {
    let client = client().await;
    let sql = "SELECT DISTINCT attname::text, atttypid FROM pg_attribute \
        WHERE attnum > 0 AND attrelid IN ('certlife_application'::regclass, \
            'certlife_event'::regclass, 'certlife_idempotency'::regclass)";
    let rows = client.query(sql, &[]).await.unwrap();
    let stored: BTreeMap<String, Type> = rows
        .iter()
        .map(|row| (row.get(0), Type::from_oid(row.get(1)).unwrap()))
        .collect();
    // No name has two types.
    assert_eq!(stored.len(), rows.len());
    let only_compared = ["now", "at_is_given", "legal", "expected_version"];
    for column in CREATION.iter().chain(&TRANSITION) {
        match stored.get(column.name) {
            Some(stored) => assert_eq!(column.sql_type, *stored, "{}", column.name),
            None => assert!(only_compared.contains(&column.name), "{}", column.name),
        }
    }
}

#[test]
fn every_name_in_the_sql_has_a_part_and_every_part_has_its_place() {
    let mut used = BTreeSet::new();
    for shape in Shape::all() {
        // A name without a part would be left standing.
        let sql = shape.sql();
        assert!(!sql.contains(['{', '}']), "{shape:?}: {sql}");
        let parts = shape.parts();
        let texts = parts.iter().map(|(_, part)| part.as_str());
        for text in texts.chain([CREATE, MOVE_ON]) {
            let named = parts.iter().map(|(name, _)| *name);
            used.extend(named.filter(|it| text.contains(&format!("{{{it}}}"))));
        }
    }
    for (name, _) in Shape::all().flat_map(Shape::parts) {
        assert!(used.contains(name), "no statement has {{{name}}}");
    }
}
