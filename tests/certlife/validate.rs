//! `certlife validate`.

use crate::{file, golden, objects, run};

#[test]
fn a_log_with_every_kind_of_finding_is_audited() {
    let run = run(&["validate", &file("tests/certlife/golden/log.jsonl")], "");
    golden!(run.stdout, "golden/log.stdout");
    golden!(run.stderr, "golden/log.stderr");
    assert_eq!(run.code, Some(1));
}

#[test]
fn a_clean_log_has_only_a_summary() {
    let created = include_str!("../payloads/created.json").replace('\n', "");
    let run = run(&["validate", "-"], format!("\n{created}\r\n\n"));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    let summary = &objects(&run.stderr)[0];
    assert_eq!(summary["events"]["created"], 1);
    assert_eq!(summary["events"]["approved"], 0);
    assert_eq!(summary["applications"]["created"], 1);
    assert_eq!(summary["findings"], 0);
}

#[test]
fn an_empty_log_is_clean() {
    let run = run(&["validate"], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
}

#[test]
fn a_line_of_more_than_a_mebibyte_is_a_finding() {
    let line = format!("{{\"event\":\"{}\"}}\n", "x".repeat(1 << 20));
    let run = run(&["validate"], line.repeat(2) + "{}\n");
    let findings = objects(&run.stdout);
    assert_eq!(findings.len(), 3);
    assert_eq!(findings[1]["line"], 2);
    assert_eq!(findings[1]["finding"], "invalid_json");
    assert_eq!(findings[2]["finding"], "missing_field");
    assert_eq!(run.code, Some(1));
}
