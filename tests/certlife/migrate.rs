//! `certlife migrate`: the schema, as a step of a deployment.

use std::fs;

use crate::{Scratch, postgres, run};

const OF_SQLITE: &str = include_str!("../store/migrations/sqlite-4.sql");
const OF_POSTGRES: &str = include_str!("../store/migrations/postgres-5.sql");

fn older_file() -> Scratch {
    let store = Scratch::new();
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    connection.execute_batch(OF_SQLITE).unwrap();
    store
}

fn older_database() -> Scratch {
    let store = Scratch::on_postgres();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = postgres::client(&store.store).await;
        client.batch_execute(OF_POSTGRES).await.unwrap();
    });
    store
}

#[test]
fn the_steps_are_printed_and_then_done() {
    for (store, to_do, done, json) in [
        (
            older_database(),
            "the store is to be upgraded from schema version 5 to 12\n\
             STEP  KIND         OLDER PROGRAMS\n   \
             6  expansion    go on working, from schema version 5 on\n   \
             7  expansion    go on working, from schema version 5 on\n   \
             8  expansion    go on working, from schema version 5 on\n   \
             9  expansion    go on working, from schema version 5 on\n  \
             10  expansion    go on working, from schema version 5 on\n  \
             11  expansion    go on working, from schema version 5 on\n  \
             12  expansion    go on working, from schema version 5 on\n",
            "the store was upgraded from schema version 5 to 12\n\
             STEP  KIND         OLDER PROGRAMS\n   \
             6  expansion    go on working, from schema version 5 on\n   \
             7  expansion    go on working, from schema version 5 on\n   \
             8  expansion    go on working, from schema version 5 on\n   \
             9  expansion    go on working, from schema version 5 on\n  \
             10  expansion    go on working, from schema version 5 on\n  \
             11  expansion    go on working, from schema version 5 on\n  \
             12  expansion    go on working, from schema version 5 on\n",
            "{\"from\":12,\"to\":12,\"steps\":[],\"applied\":true}\n",
        ),
        (
            older_file(),
            "the store is to be upgraded from schema version 4 to 10\n\
             STEP  KIND         OLDER PROGRAMS\n   \
             5  contraction  must be stopped, if below schema version 5\n   \
             6  contraction  must be stopped, if below schema version 6\n   \
             7  contraction  must be stopped, if below schema version 7\n   \
             8  contraction  must be stopped, if below schema version 8\n   \
             9  contraction  must be stopped, if below schema version 9\n  \
             10  contraction  must be stopped, if below schema version 10\n",
            "the store was upgraded from schema version 4 to 10\n\
             STEP  KIND         OLDER PROGRAMS\n   \
             5  contraction  must be stopped, if below schema version 5\n   \
             6  contraction  must be stopped, if below schema version 6\n   \
             7  contraction  must be stopped, if below schema version 7\n   \
             8  contraction  must be stopped, if below schema version 8\n   \
             9  contraction  must be stopped, if below schema version 9\n  \
             10  contraction  must be stopped, if below schema version 10\n",
            "{\"from\":10,\"to\":10,\"steps\":[],\"applied\":true}\n",
        ),
    ] {
        // Twice: nothing is changed
        for _ in 0..2 {
            let check = store.run(&["migrate", "--check"], "");
            assert_eq!((check.code, check.stderr.as_str()), (Some(1), ""));
            assert_eq!(check.stdout, to_do);
        }
        assert_eq!(store.run(&["list"], "").code, Some(2));
        let migrated = store.run(&["migrate"], "");
        assert_eq!((migrated.code, migrated.stderr.as_str()), (Some(0), ""));
        assert_eq!(migrated.stdout, done);
        let again = store.run(&["migrate", "--json"], "");
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), json));
        let check = store.run(&["migrate", "--check"], "");
        assert_eq!(check.code, Some(0));
        assert!(check.stdout.ends_with("there is nothing to do\n"));
        assert_eq!(store.run(&["list"], "").code, Some(0));
    }
}

#[test]
fn programs_read_the_steps() {
    let store = older_database();
    for (args, code, applied) in [
        (&["migrate", "--check", "--json"][..], 1, false),
        (&["migrate", "--json"], 0, true),
    ] {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""));
        let steps = "[{\"version\":6,\"kind\":\"expansion\",\"oldest_program\":5},\
                     {\"version\":7,\"kind\":\"expansion\",\"oldest_program\":5},\
                     {\"version\":8,\"kind\":\"expansion\",\"oldest_program\":5},\
                     {\"version\":9,\"kind\":\"expansion\",\"oldest_program\":5},\
                     {\"version\":10,\"kind\":\"expansion\",\"oldest_program\":5},\
                     {\"version\":11,\"kind\":\"expansion\",\"oldest_program\":5},\
                     {\"version\":12,\"kind\":\"expansion\",\"oldest_program\":5}]";
        let line = format!("{{\"from\":5,\"to\":12,\"steps\":{steps},\"applied\":{applied}}}\n");
        assert_eq!(run.stdout, line);
    }
}

#[test]
fn a_store_that_is_not_there_is_created_unless_it_is_only_checked() {
    for (store, newest, oldest) in [(Scratch::on_postgres(), 12, 5), (Scratch::new(), 10, 10)] {
        let check = store.run(&["migrate", "--check", "--json"], "");
        assert_eq!(check.code, Some(1), "{check:?}");
        let steps =
            format!("[{{\"version\":{newest},\"kind\":\"creation\",\"oldest_program\":{oldest}}}]");
        let line =
            format!("{{\"from\":null,\"to\":{newest},\"steps\":{steps},\"applied\":false}}\n");
        assert_eq!(check.stdout, line);
        assert_eq!(store.run(&["list"], "").code, Some(2));
        assert!(!store.path("test.db").exists());
        let made = store.run(&["migrate"], "");
        let words = format!("the store was made, with schema version {newest}\n");
        assert!(made.stdout.starts_with(&words), "{made:?}");
        assert_eq!(store.run(&["list"], "").code, Some(0));
    }
}

#[test]
fn what_is_no_store_of_ours_is_left_alone() {
    let memory = run(&["migrate"], "");
    assert_eq!((memory.code, memory.stdout.as_str()), (Some(2), ""));
    assert!(
        memory.stderr.contains("memory: ends with the command"),
        "{memory:?}"
    );
    let store = Scratch::new();
    fs::write(store.path("test.db"), "no database, but a text of ours").unwrap();
    for args in [&["migrate"][..], &["migrate", "--check"]] {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
    }
    let text = fs::read_to_string(store.path("test.db")).unwrap();
    assert_eq!(text, "no database, but a text of ours");
    // A newer program's
    let newer = older_file();
    assert_eq!(newer.run(&["migrate"], "").code, Some(0));
    let connection = rusqlite::Connection::open(newer.path("test.db")).unwrap();
    let sql = "UPDATE certlife_schema SET version = 99";
    connection.execute_batch(sql).unwrap();
    for args in [&["migrate"][..], &["migrate", "--check"]] {
        let run = newer.run(args, "");
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("use a newer program"), "{run:?}");
    }
}

#[test]
fn locked_tables_end_it_after_a_time_that_can_be_chosen() {
    let store = older_database();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let holding = runtime.block_on(async {
        let client = postgres::client(&store.store).await;
        let holds = "BEGIN; SELECT * FROM certlife_feed";
        client.batch_execute(holds).await.unwrap();
        client
    });
    let run = store.run(&["migrate", "--lock-timeout", "300ms"], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    let words = "for 300ms, other transactions have kept them locked";
    assert!(run.stderr.contains(words), "{run:?}");
    drop(holding);
    assert_eq!(store.run(&["migrate"], "").code, Some(0));
}
