//! What only a server can do to a command.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::deliver::{deliver_freely, pending, statuses};
use crate::webhook::{ID, SECRET};
use crate::{Run, Scratch, file, postgres};

/// Carries out SQL beside the store, in its schema.
fn edit(store: &Scratch, sql: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = postgres::client(&store.store).await;
        client.batch_execute(sql).await.unwrap();
    });
}

fn schema(store: &Scratch) -> &str {
    store.store.rsplit("%3D").next().unwrap()
}

/// The same store in a new role.
fn in_role(store: &Scratch, role: &str, options: &str, rights: &str) -> Scratch {
    let sql = format!(
        "CREATE ROLE {role} LOGIN {options}; GRANT USAGE ON SCHEMA {} TO {role}; {}",
        schema(store),
        rights
            .replace("{role}", role)
            .replace("{schema}", schema(store))
    );
    edit(store, &sql);
    Scratch::on(store.store.replace("tests@", &format!("{role}@")))
}

const ALL: &str = "GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}";

#[test]
fn a_database_without_a_store_stays_as_it_is() {
    let store = Scratch::on_postgres();
    let uuid = "00000000-0000-0000-0000-000000000001";
    for args in [
        &["list"][..],
        &["stats"],
        &["events"],
        &["events", "--follow"],
        &["show", uuid],
        &["history", uuid],
        &["stalled", "--older-than", "1h"],
        &["stalled", "--older-than", "1h", "--fail"],
        &["webhook", "list"],
        &["webhook", "show", ID],
        &["webhook", "disable", ID],
        &["deliveries"],
        &["redeliver", "--all-dead"],
        &["deliver"],
        &["deliver", "--until-idle"],
    ] {
        let run = store.run(args, "");
        let words = format!(
            "there is no store in schema \"{}\" of database \"postgres\"; apply, import, webhook add, \
             token create and migrate create it",
            schema(&store)
        );
        assert_eq!(run.code, Some(2), "{args:?}: {run:?}");
        assert!(run.stderr.contains(&words), "{args:?}: {run:?}");
    }
    // Nothing is there yet
    edit(
        &store,
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace) \
         THEN RAISE 'a table'; END IF; END $$",
    );
    let applied = store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    assert!(applied.code < Some(2), "{}", applied.stderr);
    assert_eq!(store.run(&["list"], "").code, Some(0));
}

#[test]
fn a_right_that_is_missing_ends_who_delivers() {
    let store = pending(Scratch::on_postgres(), "127.0.0.1:9", 1);
    for (role, revoked) in [
        ("no_attempts", "INSERT ON certlife_attempt"),
        ("no_leases", "UPDATE ON certlife_delivery"),
        ("no_webhooks", "SELECT ON certlife_webhook"),
    ] {
        let rights = format!("{ALL}; REVOKE {revoked} FROM {{role}}");
        let run = deliver_freely(&in_role(&store, role, "", &rights), &["--log", "off"]);
        assert_eq!(run.code, Some(2), "{role}: {run:?}");
        assert!(run.stderr.contains("(SQLSTATE 42501)"), "{role}: {run:?}");
    }
}

#[test]
fn a_right_that_is_withdrawn_ends_who_follows() {
    let store = Scratch::on_postgres();
    store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    let reader = in_role(&store, "follower", "", ALL);
    let mut follower = reader
        .certlife(&["events", "--follow"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    edit(&store, "REVOKE SELECT ON certlife_event FROM follower");
    let run = Run::from(follower.wait_with_output().unwrap());
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("(SQLSTATE 42501)"), "{run:?}");
}

#[test]
fn one_connection_is_enough() {
    let mut listener = crate::listen::Listener::start(&["--secret", SECRET]);
    let store = pending(Scratch::on_postgres(), &listener.address, 5);
    let lone = in_role(&store, "lone", "CONNECTION LIMIT 1", ALL);
    for args in [
        &["list"][..],
        &["events"],
        &["webhook", "list"],
        &["deliveries"],
    ] {
        let run = lone.run(args, "");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
    let run = deliver_freely(&lone, &["--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.events()[0]["delivered"], 5);
    assert_eq!(listener.shown()["verified"], true);
    assert_eq!(statuses(&lone), [0, 5, 0]);
}

/// The URL of two hosts, which refuse connections.
fn of_no_webhook() -> String {
    let ports = [(); 2].map(|()| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    });
    format!(
        "postgres://tests:se-cret@127.0.0.1:{},127.0.0.1:{}/db",
        ports[0], ports[1]
    )
}

#[test]
fn a_server_is_waited_for_with_patience_and_not_in_silence() {
    let url = of_no_webhook();
    let store = Scratch::on(url.clone());
    let start = std::time::Instant::now();
    let run = store.run(&["list", "--patience", "3s"], "");
    assert!(start.elapsed() >= std::time::Duration::from_secs(3));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let (hosts, _) = url.split_once('@').unwrap().1.split_once('/').unwrap();
    for words in hosts.split(',').chain([
        "waiting for the PostgreSQL server (--patience says for how long)",
        "given up after 3s (the option patience)",
    ]) {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("se-cret"), "{}", run.stderr);
    // Where there is no session to wait for, it says so at once
    let (one, _) = url.split_once(',').unwrap();
    let store = Scratch::on(format!("{one}/db"));
    let start = std::time::Instant::now();
    let run = store.run(&["list"], "");
    assert!(start.elapsed() < std::time::Duration::from_secs(2));
    assert!(!run.stderr.contains("waiting"), "{}", run.stderr);
    // And an odd patience is refused
    let run = store.run(&["list", "--patience", "soon"], "");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("60s"), "{}", run.stderr);
}
