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
fn whoever_types_is_told_how_to_end_and_programs_are_not() {
    // `script` ends the terminal's input at once.
    let hint = "reading from the terminal; end with Ctrl-D";
    assert!(on_a_terminal("certlife apply").contains(hint));
    let piped = on_a_terminal("certlife apply 2>&1 >/dev/null | cat");
    assert!(!piped.contains(hint), "{piped}");
}

#[test]
fn a_wide_terminal_gets_a_table_and_a_narrow_one_whole_words() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("--store sqlite:{}/c.db", folder.path().display());
    on_a_terminal(&format!(
        "certlife apply {store} docs/examples/commands.jsonl"
    ));
    for columns in [60, 100, 200] {
        let shown = on_a_terminal(&format!(
            "stty rows 50 cols {columns}; certlife list {store}"
        ));
        assert!(shown.contains("d3f0927b-4ce6-48d1-9b7f-1a85e3c06d07  retried"));
        assert!(shown.contains("Certificate of Fluid Dynamics"), "{shown}");
    }
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
    let widest = shown
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap();
    assert!((100..=140).contains(&widest), "{shown}");
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
        shown
            .contains("0 accepted, 1 refused (1 invalid_command), 1 without fault not carried out"),
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
