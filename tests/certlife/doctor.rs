//! `certlife doctor`: what a store is, and what is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use certificate_lifecycle::store::diagnosis::FindingCode;
use serde_json::{Value, json};

use crate::{Run, Scratch, file, golden, postgres, run};

/// A server of its own: others leave transactions open on the one that tests share.
fn server(settings: &str) -> postgres::Server {
    postgres::Server::start_with(settings)
}

pub(crate) fn sql(url: &str, sql: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = postgres::client(url).await;
        client.batch_execute(sql).await.unwrap();
    });
}

fn report(run: &Run) -> Value {
    assert_eq!(run.stderr, "");
    serde_json::from_str(&run.stdout).unwrap()
}

/// The severities and the codes of all findings.
fn findings(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|it| {
            (
                it["severity"].as_str().unwrap(),
                it["code"].as_str().unwrap(),
            )
        })
        .collect()
}

/// The text with another word in each place between these two.
fn masked(text: &str, before: &str, after: &str, word: &str) -> String {
    let mut parts = text.split(before);
    let mut masked = parts.next().unwrap().to_owned();
    for part in parts {
        let rest = &part[part.find(after).unwrap()..];
        masked.extend([before, word, rest]);
    }
    masked
}

/// The same object with the kinds of its values in their place.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, it)| (name.clone(), shape(it)))
                .collect()
        }
        Value::Array(items) => items.first().map_or(json!([]), |it| json!([shape(it)])),
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
    }
}

#[test]
fn a_single_server_is_well_without_a_standby() {
    let server = server("-c max_prepared_transactions=1");
    let store = Scratch::on(server.url());
    let missing = store.run(&["doctor", "--json"], "");
    assert_eq!(missing.code, Some(1));
    assert!(findings(&report(&missing)).contains(&("wrong", "no_store")));
    assert_eq!(store.run(&["migrate"], "").code, Some(0));
    let reported = store.run(&["doctor"], "");
    assert_eq!((reported.code, reported.stderr.as_str()), (Some(0), ""));
    let text = reported
        .stdout
        .replace(server.socket().to_str().unwrap(), "HOST");
    let text = masked(&text, "PostgreSQL ", ",", "15.18");
    let text = masked(&text, "timeline 1, ", " of", "1");
    let text = masked(&text, "clock ", " ms", "+1");
    golden!(text, "golden/doctor.txt");
    let reported = report(&store.run(&["doctor", "--json"], ""));
    let mut shape = serde_json::to_string_pretty(&shape(&reported)).unwrap();
    shape.push('\n');
    golden!(shape, "golden/doctor.json");
}

#[test]
fn who_holds_the_feed_back_is_reported_without_the_query() {
    let server = server("-c max_prepared_transactions=1");
    let store = Scratch::on(server.url());
    assert_eq!(store.run(&["migrate"], "").code, Some(0));
    sql(
        &server.url(),
        "CREATE TABLE of_others (); BEGIN; INSERT INTO of_others DEFAULT VALUES; \
         PREPARE TRANSACTION 'forgotten'",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let holding = runtime.block_on(async {
        let url = server.url() + "?application_name=holder";
        let client = postgres::client(&url).await;
        let begin = "BEGIN; SELECT pg_current_xact_id(), 'jane@example.org'";
        client.batch_execute(begin).await.unwrap();
        client
    });
    let run = store.run(&["doctor", "--json"], "");
    let reported = report(&run);
    let holders = reported["hosts"][0]["feed_held_by"].as_array().unwrap();
    assert_eq!(holders.len(), 2, "{holders:?}");
    assert_eq!(
        (&holders[0]["kind"], &holders[0]["name"]),
        (&json!("prepared"), &json!("forgotten"))
    );
    assert_eq!(
        (&holders[1]["kind"], &holders[1]["name"]),
        (&json!("session"), &json!("holder"))
    );
    assert!(holders[1]["pid"].is_i64() && holders[1]["since"].is_string());
    assert!(!run.stdout.contains("jane@"), "{run:?}");
    // It is not long yet
    assert_eq!(run.code, Some(0));
    std::thread::sleep(std::time::Duration::from_secs(11));
    let reported = report(&store.run(&["doctor", "--json"], ""));
    assert!(
        findings(&reported).contains(&("note", "feed_held_back")),
        "{reported:#}"
    );
    drop(holding);
}

#[test]
fn settings_that_lose_what_was_acknowledged_are_wrong() {
    let server = server("-c fsync=off -c full_page_writes=off -c autovacuum=off");
    let store = Scratch::on(server.url());
    assert_eq!(store.run(&["migrate"], "").code, Some(0));
    sql(
        &server.url(),
        "ALTER ROLE tests SET synchronous_commit = off",
    );
    let run = store.run(&["doctor", "--json"], "");
    assert_eq!(run.code, Some(1));
    let reported = report(&run);
    for expected in [
        ("wrong", "fsync"),
        ("warning", "full_page_writes"),
        ("warning", "autovacuum"),
        ("note", "synchronous_commit"),
    ] {
        assert!(
            findings(&reported).contains(&expected),
            "{expected:?}: {reported:#}"
        );
    }
}

#[test]
fn rights_are_reported_for_each_use() {
    let store = Scratch::on_postgres();
    assert_eq!(store.run(&["migrate"], "").code, Some(0));
    let schema = store.store.rsplit("%3D").next().unwrap();
    let rights_of = |role: &str, grants: &str| {
        let grants = grants.replace("{role}", role).replace("{schema}", schema);
        let create = format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}");
        sql(&store.store, &format!("{create}; {grants}"));
        let of_role = Scratch::on(store.store.replace("tests@", &format!("{role}@")));
        let run = of_role.run(&["doctor", "--json"], "");
        let reported = report(&run);
        (run.code, reported)
    };
    let select = "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}";
    // Nothing
    let (code, reported) = rights_of("doctor_nothing", "SELECT");
    assert_eq!(code, Some(1));
    assert!(
        findings(&reported).contains(&("wrong", "misconfigured")),
        "{reported:#}"
    );
    let only = "GRANT SELECT ON certlife_schema TO {role}";
    let (code, reported) = rights_of("doctor_version", only);
    assert_eq!(code, Some(1));
    assert!(
        findings(&reported).contains(&("wrong", "rights")),
        "{reported:#}"
    );
    // Commands, as docs/stores.md lists their rights, but not after a failover
    let (code, reported) = rights_of(
        "doctor_writer",
        &format!(
            "{select}; GRANT INSERT ON certlife_application, certlife_event, certlife_idempotency, \
             certlife_delivery TO {{role}}; GRANT UPDATE ON certlife_application TO {{role}}"
        ),
    );
    assert_eq!(code, Some(0), "{reported:#}");
    let missing = &reported["hosts"][0]["missing_rights"];
    assert_eq!(
        (&missing["read"], &missing["write"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(missing["failover"], json!(["UPDATE ON certlife_feed"]));
    assert!(
        findings(&reported).contains(&("warning", "failover_rights")),
        "{reported:#}"
    );
    // Deliveries, as docs/stores.md has it
    let (_, reported) = rights_of(
        "doctor_deliverer",
        &format!(
            "{select}; GRANT INSERT ON certlife_attempt TO {{role}}; \
             GRANT UPDATE ON certlife_webhook, certlife_delivery TO {{role}}"
        ),
    );
    let missing = &reported["hosts"][0]["missing_rights"];
    assert_eq!(missing["deliver"], json!([]));
    let lacks = missing["migrate"].as_array().unwrap();
    assert!(
        lacks.contains(&json!("owner of certlife_event")),
        "{missing:#}"
    );
}

#[test]
fn a_schema_of_before_is_wrong() {
    let store = Scratch::on_postgres();
    sql(
        &store.store,
        include_str!("../store/migrations/postgres-5.sql"),
    );
    let run = store.run(&["doctor", "--json"], "");
    assert_eq!(run.code, Some(1));
    let reported = report(&run);
    assert!(
        findings(&reported).contains(&("wrong", "schema")),
        "{reported:#}"
    );
    assert_eq!(reported["hosts"][0]["schema"]["expanded"], 5);
}

#[test]
fn a_file_is_well_missing_of_another_or_damaged() {
    let store = Scratch::new();
    let reported = |args: &[&str]| {
        let run = store.run(args, "");
        assert_eq!(run.stderr, "");
        let folder = store.folder.path().canonicalize().unwrap();
        let text = run.stdout.replace(folder.to_str().unwrap(), "FOLDER");
        (run.code, text)
    };
    let (code, text) = reported(&["doctor"]);
    assert_eq!(code, Some(1));
    golden!(text, "golden/doctor-missing.txt");
    assert!(!store.path("test.db").exists());
    let applied = store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    assert!(applied.code < Some(2), "{applied:?}");
    let set_mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(store.folder.path(), 0o755);
    set_mode(&store.path("test.db"), 0o644);
    let before = fs::read(store.path("test.db")).unwrap();
    let (code, text) = reported(&["doctor"]);
    assert_eq!(code, Some(0));
    golden!(
        masked(&text, "test.db: ", " bytes", "1"),
        "golden/doctor-sqlite.txt"
    );
    assert_eq!(fs::read(store.path("test.db")).unwrap(), before);
    // In a folder of its own, no other user gets to it
    set_mode(store.folder.path(), 0o700);
    let run = store.run(&["doctor", "--json"], "");
    assert_eq!(report(&run)["verdict"], "ok");
    // Damaged: the pages behind the first ones
    let mut bytes = before;
    let page = 4096;
    bytes[4 * page..12 * page].fill(0xff);
    fs::write(store.path("test.db"), bytes).unwrap();
    let run = store.run(&["doctor", "--json"], "");
    assert_eq!(run.code, Some(1), "{run:?}");
    let damaged = report(&run);
    assert!(
        findings(&damaged).contains(&("wrong", "integrity")),
        "{damaged:#}"
    );
    // Another's
    fs::write(store.path("test.db"), "no database, but a text of ours").unwrap();
    let run = store.run(&["doctor", "--json"], "");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(findings(&report(&run)).contains(&("wrong", "not_a_store")));
}

#[test]
fn what_cannot_be_asked_ends_it() {
    let memory = run(&["doctor"], "");
    assert_eq!((memory.code, memory.stdout.as_str()), (Some(2), ""));
    assert!(
        memory.stderr.contains("memory: ends with the command"),
        "{memory:?}"
    );
    for store in [
        "postgres://u:geheim@h:x/d",
        "postgres://u:geheim@h/d?sslmode=no",
    ] {
        let run = run(&["doctor", "--store", store], "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(!run.stderr.contains("geheim"), "{run:?}");
    }
    // A host that is away is found, and its password is not shown
    let away = "postgres://u:geheim@127.0.0.1:1/d";
    for args in [
        &["doctor", "--store", away][..],
        &["doctor", "--json", "--store", away],
    ] {
        let run = run(args, "");
        assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
        assert!(!run.stdout.contains("geheim"), "{run:?}");
    }
}

#[test]
fn every_finding_is_documented() {
    let docs = fs::read_to_string(file("docs/certlife.md")).unwrap();
    for code in FindingCode::ALL {
        let row = format!("| `{code}` |");
        assert!(docs.contains(&row), "docs/certlife.md lacks {row}");
    }
    let words: std::collections::BTreeSet<_> =
        FindingCode::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(words.len(), FindingCode::ALL.len());
}
