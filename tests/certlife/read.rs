//! What can be asked of a store: show, history, list, stats, events, stalled.

use std::io::Write;
use std::process::Stdio;

use crate::{Scratch, file, golden, run};

const UUID: &str = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
const WEBHOOK: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

/// A store with the README's example.
fn example() -> Scratch {
    let store = Scratch::new();
    let applied = store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    assert_eq!(applied.code, Some(1));
    store
}

/// What a command prints that goes well.
fn printed(store: &Scratch, args: &[&str]) -> String {
    let run = store.run(args, "");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
    run.stdout
}

#[test]
fn tables_are_what_the_golden_files_say() {
    let store = example();
    golden!(printed(&store, &["show", UUID]), "golden/show.txt");
    golden!(printed(&store, &["history", UUID]), "golden/history.txt");
    golden!(printed(&store, &["list"]), "golden/list.txt");
    golden!(printed(&store, &["stats"]), "golden/stats.txt");
    golden!(printed(&store, &["events"]), "golden/events.txt");
    golden!(
        printed(&store, &["stalled", "--older-than", "30m"]),
        "golden/stalled.txt"
    );
}

#[test]
fn lines_for_programs_are_what_the_golden_files_say() {
    let store = example();
    golden!(
        printed(&store, &["show", "--json", UUID]),
        "golden/show.jsonl"
    );
    golden!(
        printed(
            &store,
            &["history", "--json", "e2a85f17-0d94-4f6b-a1c3-58be72d94604"]
        ),
        "golden/history.jsonl"
    );
    golden!(printed(&store, &["list", "--json"]), "golden/list.jsonl");
    golden!(printed(&store, &["stats", "--json"]), "golden/stats.jsonl");
    golden!(
        printed(&store, &["events", "--json", "--webhook-id", WEBHOOK]),
        "golden/events.jsonl"
    );
}

#[test]
fn show_waits_for_the_end() {
    let store = example();
    // It has ended: nothing is waited for.
    assert_eq!(
        printed(&store, &["show", UUID, "--wait", "1h"]),
        printed(&store, &["show", UUID])
    );
    let waiting = "0c9b7a52-1f3d-4e86-b0aa-77d2c4e51f09";
    let submitted = format!(
        r#"{{"command":"submit","application_id":9,"uuid":"{waiting}","certificate_title":"Diploma","applicant_email":"a@example.com"}}"#
    );
    assert_eq!(store.run(&["apply"], &submitted).code, Some(0));
    let timeout = store.run(&["show", "--json", waiting, "--wait", "20ms"], "");
    assert_eq!(timeout.code, Some(1));
    assert_eq!(timeout.stderr, "certlife: after 20ms it is still created\n");
    assert!(timeout.stdout.contains(r#""status":"created""#));
    let child = store
        .certlife(&["show", "--json", waiting, "--wait", "60s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    let rejected = format!(
        r#"{{"command":"reject","uuid":"{waiting}","rejection_reason":"Duplicate certificate"}}"#
    );
    assert_eq!(store.run(&["apply"], &rejected).code, Some(0));
    let shown = child.wait_with_output().unwrap();
    assert_eq!(shown.status.code(), Some(0));
    assert!(
        String::from_utf8(shown.stdout)
            .unwrap()
            .contains(r#""status":"rejected""#)
    );
}

#[test]
fn an_application_that_is_not_there_is_a_refusal() {
    let store = example();
    for command in ["show", "history"] {
        for (institution, uuid) in [
            ("default", "00000000-0000-0000-0000-000000000001"),
            ("another", UUID),
        ] {
            let run = store.run(&[command, uuid, "--institution", institution], "");
            assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
            assert_eq!(
                run.stderr,
                format!("certlife: institution {institution:?} has no application {uuid}\n")
            );
        }
    }
}

#[test]
fn reading_does_not_create_a_store() {
    let store = Scratch::new();
    for args in [
        &["show", UUID][..],
        &["history", UUID],
        &["list"],
        &["stats"],
        &["events"],
        &["events", "--follow"],
        &["stalled", "--older-than", "30m"],
        &["webhook", "list"],
        &["webhook", "remove", "--yes", UUID],
        &["deliveries"],
        &["redeliver", "--all-dead"],
    ] {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(
            run.stderr,
            "certlife: there is no store in test.db; apply, import, webhook add, token create and migrate create it\n"
        );
    }
    assert!(!store.path("test.db").exists());
}

#[test]
fn lists_are_narrowed_turned_and_cut() {
    let store = example();
    let ids = |args: &[&str]| -> Vec<u64> {
        let run = store.run(&[&["list", "--json"], args].concat(), "");
        assert_eq!(run.code, Some(0));
        let ids = run
            .events()
            .into_iter()
            .map(|it| it["application_id"].as_u64().unwrap());
        ids.collect()
    };
    assert_eq!(ids(&[]), [42, 43, 44, 45, 46, 47, 49]);
    assert_eq!(ids(&["--newest-first"]), [49, 47, 46, 45, 44, 43, 42]);
    assert_eq!(ids(&["--status", "approved", "--source", "customer"]), [42]);
    assert_eq!(ids(&["--email", "ada@example.org"]), [43]);
    assert!(ids(&["--institution", "another"]).is_empty());
    assert!(ids(&["--limit", "0"]).is_empty());
    // Cut into pages, it is the same list.
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut args = vec!["list", "--json", "--limit", "3"];
        args.extend(after.iter().flat_map(|key| ["--after", key]));
        let page = store.run(&args, "");
        found.extend(
            page.events()
                .into_iter()
                .map(|it| it["application_id"].clone()),
        );
        let Some(more) = page.refusals().pop() else {
            break;
        };
        after = Some(more["after"].as_str().unwrap().to_owned());
    }
    assert_eq!(found, [42, 43, 44, 45, 46, 47, 49]);
    let cut = store.run(&["list", "--limit", "7"], "");
    assert_eq!(cut.stderr, "", "there are no more");
    let cut = store.run(&["list", "--limit", "6"], "").stderr;
    assert!(cut.starts_with("certlife: there are more; go on with --after "));
}

#[test]
fn a_list_of_many_pages_keeps_its_columns() {
    let store = Scratch::new();
    let submit = |number: u32| {
        format!(
            r#"{{"command":"submit","application_id":{number},"uuid":"00000000-0000-0000-0000-{number:012}","certificate_title":"Diploma","applicant_email":"{}@example.com"}}"#,
            "a".repeat(1 + number as usize % 20)
        )
    };
    let lines: Vec<_> = (1001..=2500).map(submit).collect();
    store.run(&["apply"], &lines.join("\n"));
    let list = printed(&store, &["list"]);
    assert_eq!(list.lines().count(), 1501);
    let column = list.lines().next().unwrap().find("TITLE").unwrap();
    assert!(list.lines().skip(1).all(|it| it[column..] == *"Diploma"));
    assert_eq!(printed(&store, &["list", "--json"]).lines().count(), 1500);
    assert_eq!(printed(&store, &["events", "--json"]).lines().count(), 1500);
}

#[test]
fn a_title_cannot_play_with_the_terminal() {
    let store = Scratch::new();
    let title = "\u{1b}[2J\n\u{202e}evil\\\u{180e}\u{9b}31m\u{200b}\u{2028}\u{3164}";
    let json = serde_json::to_string(title).unwrap();
    let submit = format!(
        r#"{{"command":"submit","application_id":1,"uuid":"{UUID}","certificate_title":{json},"applicant_email":"a@example.com"}}"#
    );
    store.run(&["apply"], &submit);
    for args in [&["list"][..], &["show", UUID]] {
        let table = printed(&store, args);
        let escaped = r"\u{1b}[2J\n\u{202e}evil\\\u{180e}\u{9b}31m\u{200b}\u{2028}\u{3164}";
        assert!(table.contains(escaped), "{table}");
        assert!(!table.contains(['\u{1b}', '\u{202e}', '\u{180e}', '\u{9b}']));
    }
    for args in [&["list", "--json"][..], &["show", "--json", UUID]] {
        assert_eq!(store.run(args, "").events()[0]["certificate_title"], title);
    }
}

#[test]
fn the_feed_goes_on_after_a_cursor_and_has_the_payloads_to_the_byte() {
    let store = Scratch::new();
    let applied = store.run(
        &[
            "apply",
            "--webhook-id",
            WEBHOOK,
            &file("docs/examples/commands.jsonl"),
        ],
        "",
    );
    let events = printed(&store, &["events", "--json", "--webhook-id", WEBHOOK]);
    let payloads: Vec<_> = events
        .lines()
        .map(|line| {
            line.split_once("\"payload\":")
                .unwrap()
                .1
                .strip_suffix('}')
                .unwrap()
        })
        .collect();
    assert!(applied.stdout.lines().eq(payloads));
    let mut found = String::new();
    let mut after: Option<String> = None;
    loop {
        let mut args = vec!["events", "--json", "--limit", "4", "--webhook-id", WEBHOOK];
        args.extend(after.iter().flat_map(|cursor| ["--after", cursor]));
        let page = store.run(&args, "");
        let Some(last) = page.events().pop() else {
            break;
        };
        after = Some(last["cursor"].as_str().unwrap().to_owned());
        found += &page.stdout;
    }
    assert_eq!(found, events);
    assert_eq!(
        printed(&store, &["events", "--json", "--institution", "another"]),
        ""
    );
}

#[test]
fn a_database_answers_as_a_file_does() {
    let (file_store, database) = (example(), Scratch::on_postgres());
    database.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    database.state_with(21);
    for args in [
        &["show", UUID][..],
        &["list", "--json", "--newest-first", "--limit", "100"],
        &["stats"],
        &["stalled", "--older-than", "30m", "--json"],
    ] {
        assert_eq!(printed(&database, args), printed(&file_store, args));
    }
    // All but the cursors, and the order among applications.
    let payloads = |store: &Scratch| -> Vec<_> {
        let events = store.run(&["events", "--json"], "").events();
        let payload = |mut it: serde_json::Value| it["payload"].take();
        let mut payloads: Vec<_> = events.into_iter().map(payload).collect();
        payloads.sort_by_key(|payload| payload["application_id"].as_u64());
        payloads
    };
    assert!(payloads(&database) == payloads(&file_store));
}

#[test]
fn a_database_that_does_not_answer_is_reported_without_its_password() {
    for url in [
        "postgres://ann:secret@127.0.0.1:1/db",
        "postgres://ann:secret@127.0.0.1:port/db",
        "postgresql://ann:secret@/db?nonsense=secret",
    ] {
        let run = run(&["list", "--store", url], "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.starts_with("certlife: "), "{}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
}

#[test]
fn a_reader_of_events_that_stops_ends_the_run_without_an_error() {
    let store = crate::webhook::example();
    for args in [
        &["events"][..],
        &["events", "--json"],
        &["list"],
        &["stats", "--json"],
        &["webhook", "list", "--json"],
        &["deliveries"],
    ] {
        let mut child = store
            .certlife(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[test]
fn what_is_stalled_is_listed_and_failed() {
    let store = example();
    let stalled = || {
        store
            .run(&["stalled", "--json", "--older-than", "30m"], "")
            .events()
    };
    assert_eq!(stalled().len(), 1);
    let failed = store.run(
        &[
            "stalled",
            "--older-than",
            "1day",
            "--fail",
            "--error",
            "gave up",
            "--json",
        ],
        "",
    );
    assert_eq!(failed.code, Some(0), "{}", failed.stderr);
    assert_eq!(failed.events().len(), 1);
    assert_eq!(
        failed.events()[0]["event"],
        "certificate_application.failed"
    );
    assert_eq!(failed.events()[0]["error"], "gave up");
    assert_eq!(stalled().len(), 0);
    let again = store.run(&["stalled", "--older-than", "1day", "--fail"], "");
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""));
    assert_eq!(again.stderr, "certlife: 0 failed\n");
}

#[test]
fn where_there_is_nothing_people_read_so() {
    let store = example();
    for (args, sentence) in [
        (
            &["list", "--institution", "other"][..],
            "no applications of institution \"other\"",
        ),
        (
            &["list", "--email", "none@example.com"],
            "no application of institution \"default\" matches",
        ),
        (
            &["list", "--after", "1000"],
            "no more applications of institution \"default\"",
        ),
        (
            &["stalled", "--older-than", "100years"],
            "nothing of institution \"default\" is stalled",
        ),
        (&["events", "--after", "21"], "no more events"),
        (
            &["events", "--institution", "other"],
            "no events of institution \"other\"",
        ),
    ] {
        let reported = store.run(args, "");
        assert_eq!((reported.code, reported.stdout.as_str()), (Some(0), ""));
        assert_eq!(reported.stderr, format!("certlife: {sentence}\n"));
        // Programs see that there is no line.
        assert_eq!(printed(&store, &[args, &["--json"]].concat()), "");
    }
    // A request for nothing gets it.
    assert_eq!(printed(&store, &["events", "--limit", "0"]), "");
}

#[test]
fn the_payloads_alone_are_what_validate_reads() {
    let store = Scratch::new();
    let commands = file("docs/examples/commands.jsonl");
    let applied = store.run(&["apply", "--webhook-id", WEBHOOK, &commands], "");
    let payloads = printed(&store, &["events", "--payload", "--webhook-id", WEBHOOK]);
    assert_eq!(payloads, applied.stdout);
    let audit = run(&["validate"], payloads);
    assert_eq!((audit.code, audit.stdout.as_str()), (Some(0), ""));
    let summary = &audit.refusals()[0];
    assert_eq!(summary["events"]["created"], 7);
    assert_eq!(summary["findings"], 0);
    let both = store.run(&["events", "--payload", "--json"], "");
    assert_eq!(both.code, Some(2));
}

#[test]
fn a_store_in_memory_has_nothing_to_show() {
    assert_eq!(run(&["list"], "").stdout, "");
    assert_eq!(run(&["show", UUID], "").code, Some(1));
}

#[test]
fn a_full_disk_is_a_failure_of_reading_too() {
    let store = example();
    for args in [&["list"][..], &["events", "--json"], &["show", UUID]] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut child = store
            .certlife(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().flush();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.starts_with("certlife: cannot write to standard output"),
            "{stderr}"
        );
    }
}
