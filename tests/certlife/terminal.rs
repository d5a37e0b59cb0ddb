//! What people see: standard error on a terminal, of which `script` (util-linux) makes one.

use std::process::Command;

use crate::file;

/// Runs a line of shell on a terminal and returns what it shows there.
fn on_a_terminal(line: &str) -> String {
    let line = line
        .replace("certlife", env!("CARGO_BIN_EXE_certlife"))
        .replace("docs/examples", &file("docs/examples"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("CERTLIFE_STORE", "memory:")
        .env("TERM", "xterm")
        .output()
        .expect("`script` of util-linux makes the terminal");
    String::from_utf8(output.stdout)
        .unwrap()
        .replace('\r', "\n")
}

#[test]
fn people_get_readable_lines_a_progress_bar_and_a_summary() {
    let shown = on_a_terminal("certlife apply docs/examples/commands.jsonl > /dev/null");
    assert!(!shown.contains("{\"line\""), "{shown}");
    assert!(shown.contains(
        "line 10: cannot reject application 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15 \
         (source customer): its status is approved, which is final"
    ));
    assert!(shown.contains(
        "21 accepted, 9 refused (1 already_exists, 4 illegal_transition, 2 invalid_command, \
         1 invalid_json, 1 unknown_application)"
    ));
}

#[test]
fn the_progress_bar_shows_how_much_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nonsense.jsonl");
    std::fs::write(&file, "{}\n".repeat(60_000)).unwrap();
    let file = file.display();
    let shown = on_a_terminal(&format!("certlife validate {file} > /dev/null"));
    assert!(
        shown.contains('%') && shown.contains("of 175.78 KiB"),
        "{shown}"
    );
    // On one terminal, the bar makes room for the findings.
    let shown = on_a_terminal(&format!("certlife validate {file}"));
    assert!(shown.contains("of 175.78 KiB"));
    assert!(shown.contains("missing_field") && shown.contains("findings: 60000"));
    let findings = shown
        .lines()
        .filter_map(|line| line.split_once("{\"line\":"));
    assert!(findings.clone().count() == 60_000);
    assert!(
        findings.clone().all(|(_, it)| it.ends_with('}')),
        "whole lines"
    );
}

#[test]
fn validate_ends_with_a_summary_in_words() {
    let shown = on_a_terminal(
        "certlife apply docs/examples/commands.jsonl 2> /dev/null | certlife validate",
    );
    assert!(
        shown.contains(
            "events: 21 (7 created, 2 processing, 5 approved, 1 rejected, 3 failed, 3 retried)"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("applications: 7 (5 approved, 1 rejected, 1 retried)"),
        "{shown}"
    );
    assert!(shown.contains("findings: 0"));
}

#[test]
fn on_one_terminal_events_and_refusals_stand_in_the_order_of_their_lines() {
    let shown = on_a_terminal("certlife apply docs/examples/commands.jsonl");
    let place = |text: &str| {
        shown
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {shown}"))
    };
    assert!(place("2026-06-04T10:34:30Z") < place("line 8: "));
    assert!(place("line 8: ") < place("2026-06-04T10:36:00Z"));
}

#[test]
fn a_reader_that_is_gone_ends_the_run_on_a_terminal_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("commands.jsonl");
    let lines = (1..=20_000).map(|number| {
        format!(
            "{{\"command\":\"submit\",\"application_id\":{number},\
             \"uuid\":\"00000000-0000-0000-0000-{number:012}\",\
             \"certificate_title\":\"Diploma\",\"applicant_email\":\"a@example.com\"}}\nnonsense\n"
        )
    });
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    let file = file.display();
    let shown = on_a_terminal(&format!("certlife apply {file} | head -n 1 > /dev/null"));
    let refused = shown.matches("not valid JSON").count();
    assert!(refused < 10_000, "{refused}");
}

#[test]
fn people_read_how_to_end_and_programs_do_not() {
    // `script` ends the terminal's input at once.
    let hint = "reading from the terminal; end with Ctrl-D";
    assert!(on_a_terminal("certlife apply").contains(hint));
    let piped = on_a_terminal("certlife apply 2>&1 >/dev/null | cat");
    assert!(!piped.contains(hint), "{piped}");
}

#[test]
fn a_wide_terminal_gets_a_table_and_a_narrow_one_a_block_for_each_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("--store sqlite:{}/c.db", folder.path().display());
    on_a_terminal(&format!(
        "certlife apply {store} docs/examples/commands.jsonl"
    ));
    let uuid = "d3f0927b-4ce6-48d1-9b7f-1a85e3c06d07";
    for columns in [60, 80, 100, 140] {
        for (command, words) in [
            ("list", "Certificate of Fluid Dynamics"),
            ("events", "administrator:certlife"),
            ("stalled --older-than 30m", "mary@example.com"),
            ("stats", "retried     customer             1"),
            (&format!("history {uuid}"), "2026-06-04T10:55:00Z"),
            (&format!("show {uuid}"), "2026-06-04T10:58:00Z"),
        ] {
            let shown = on_a_terminal(&format!(
                "stty rows 24 cols {columns}; certlife {command} {store}"
            ));
            assert!(shown.contains(words), "{command}: {shown}");
            assert!(widest(&shown) <= columns, "{command} at {columns}: {shown}");
            assert!(
                command == "stats" || command.contains(uuid) || shown.contains(uuid),
                "{command} at {columns}: {shown}"
            );
            // A record is a row, or a block with a line for each fact.
            let is_table = shown.starts_with(|it: char| it.is_uppercase() || it == ' ');
            let is_wide = columns == 140 || command == "stats";
            assert_eq!(is_table, is_wide && !command.starts_with("show"), "{shown}");
        }
    }
    let shown = on_a_terminal(&format!(
        "stty rows 24 cols 60; certlife list {store} --limit 2"
    ));
    let block = "uuid        9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15\n\nstatus      approved\n";
    assert!(shown.starts_with(block), "{shown}");
    assert!(shown.contains("\n\n\n\nuuid        6f0d3c1e-8a55-4c0f-9a3e-2b7c51d0e901"));
    let long = "word ".repeat(50);
    let reject = format!(
        "{{\"command\":\"reject\",\"uuid\":\"00000000-0000-0000-0000-000000000001\",\
         \"rejection_reason\":\"{long}\"}}"
    );
    let submit = "{\"command\":\"submit\",\"application_id\":1,\
                  \"uuid\":\"00000000-0000-0000-0000-000000000001\",\
                  \"certificate_title\":\"Diploma\",\"applicant_email\":\"a@example.com\"}";
    let commands = folder.path().join("commands.jsonl");
    std::fs::write(&commands, format!("{submit}\n{reject}\n")).unwrap();
    on_a_terminal(&format!("certlife apply {store} {}", commands.display()));
    let shown = on_a_terminal(&format!(
        "stty rows 50 cols 140; certlife history {store} 00000000-0000-0000-0000-000000000001"
    ));
    assert!((100..=140).contains(&widest(&shown)), "{shown}");
    // Text is broken between words, and what is to be copied is not broken at all.
    let key = "k".repeat(100);
    let retried = submit.replace("0001\"", &format!("0002\",\"idempotency_key\":\"{key}\""));
    std::fs::write(&commands, retried).unwrap();
    on_a_terminal(&format!("certlife apply {store} {}", commands.display()));
    let shown = on_a_terminal(&format!(
        "stty rows 50 cols 80; certlife history {store} 00000000-0000-0000-0000-000000000002"
    ));
    assert!(
        shown.contains(&format!("idempotency key  {key}")),
        "{shown}"
    );
}

fn widest(shown: &str) -> usize {
    shown
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap()
}

#[test]
fn a_follower_on_a_terminal_prints_what_comes_below_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let store = format!("--store sqlite:{path}/c.db");
    // The first page has the narrowest values, and one event comes after the other.
    let act = |command: &str| {
        format!(
            "echo '{{\"command\":\"{command}\",\
             \"uuid\":\"00000000-0000-0000-0000-000000000001\"}}' | certlife apply {store} > {path}/out 2>&1"
        )
    };
    let submit = act("submit").replace(
        "\"command\"",
        "\"application_id\":1,\"certificate_title\":\"D\",\
         \"applicant_email\":\"a@example.com\",\"command\"",
    );
    let shown = on_a_terminal(&format!(
        "stty rows 24 cols 140; {submit}; {{ sleep 1; {}; sleep 1; {}; }} & \
         certlife events --follow --limit 3 {store}",
        act("begin_processing"),
        act("approve")
    ));
    let places = |what: &str| -> Vec<_> {
        let lines = shown.lines().filter(|it| !it.is_empty());
        lines.map(|line| line.find(what)).collect()
    };
    let uuids = places("00000000-");
    assert_eq!(uuids.len(), 4, "{shown}");
    assert_eq!(uuids[0], None);
    assert!(uuids[1..].iter().all(|it| *it == uuids[1]), "{shown}");
    assert_eq!(places("UUID")[0], uuids[1]);
    assert!(places("approved")[3] == places("EVENT")[0], "{shown}");
}

#[test]
fn an_import_ends_with_a_summary_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("diplomas.csv");
    std::fs::write(
        &table,
        "title,email,application_id\nA,a@example.com,1\nB,b,2\n",
    )
    .unwrap();
    let table = table.display();
    let shown = on_a_terminal(&format!("certlife import {table} > /dev/null"));
    assert!(
        shown.contains("line 3: field applicant_email must be"),
        "{shown}"
    );
    assert!(
        shown.contains("1 accepted, 1 refused (1 invalid_command)"),
        "{shown}"
    );
    let shown = on_a_terminal(&format!("certlife import --atomic {table} > /dev/null"));
    assert!(
        shown.contains("0 accepted, 1 refused (1 invalid_command), 1 not carried out because"),
        "{shown}"
    );
}

#[test]
fn the_progress_bar_fits_the_terminal_and_shows_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("diplomas.csv");
    let rows = "A,a,1\n".repeat(5);
    std::fs::write(&table, format!("title,email,application_id\n{rows}")).unwrap();
    let table = table.display();
    for columns in [60, 100] {
        let shown = on_a_terminal(&format!(
            "stty rows 24 cols {columns}; certlife import {table} > /dev/null"
        ));
        let is_bar = |line: &&str| line.contains(" of 57 B");
        let bars: Vec<_> = shown.split(['\n', '\u{1b}']).filter(is_bar).collect();
        assert!(!bars.is_empty(), "{shown}");
        for bar in bars {
            let bar = bar.trim_start_matches("[2K");
            assert_eq!(bar.chars().count(), columns, "{bar:?}");
            // All had been read before the first line was refused, and so nothing is left.
            assert!(bar.ends_with(" 100 %  57 B of 57 B"), "{bar:?}");
        }
    }
}

#[test]
fn the_summary_counts_what_had_been_carried_out_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let table = folder.path().join("diplomas.csv");
    std::fs::write(&table, "title,email,application_id\nA,a@example.com,1\n").unwrap();
    let import = format!(
        "certlife import --store sqlite:{path}/c.db --idempotency-prefix june {path}/diplomas.csv > /dev/null"
    );
    let shown = on_a_terminal(&import);
    assert!(shown.contains("1 accepted, 0 refused"), "{shown}");
    let more = "title,email,application_id\nA,a@example.com,1\nB,b@example.com,2\nC,c,3\n";
    std::fs::write(&table, more).unwrap();
    let shown = on_a_terminal(&import);
    assert!(
        shown.contains("2 accepted (1 repeated), 1 refused (1 invalid_command)"),
        "{shown}"
    );
}

#[test]
fn an_import_that_is_one_batch_shows_how_much_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("diplomas.csv");
    let rows = "Diploma,ann@example.com,1\n".repeat(150_000);
    std::fs::write(&table, format!("title,email,application_id\n{rows}")).unwrap();
    let table = table.display();
    let shown = on_a_terminal(&format!("certlife import --atomic {table} > /dev/null"));
    assert!(
        shown.contains('%') && shown.contains("of 3.72 MiB"),
        "{shown}"
    );
    assert!(shown.contains("150000 accepted, 0 refused"), "{shown}");
}
