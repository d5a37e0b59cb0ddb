//! `certlife validate`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::{certlife, file, golden, objects, run};

/// A `created` or `approved` event of the `number`-th application.
fn event(kind: &str, number: usize) -> String {
    let context = match kind {
        "created" => r#","trigger_context":"single_upload""#,
        _ => "",
    };
    format!(
        r#"{{"event":"certificate_application.{kind}","webhook_id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","timestamp":"2026-06-04T10:30:00Z","application_id":1,"uuid":"00000000-0000-0000-0000-{number:012}","certificate_title":"Diploma","applicant_email":"a@example.com","source":"vault"{context}}}"#
    )
}

fn start() -> Child {
    certlife(&["validate"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The line of each finding, and its code.
fn findings(stdout: &str) -> Vec<(u64, String)> {
    let of = |it: &Value| {
        let code = it["finding"].as_str().unwrap();
        (it["line"].as_u64().unwrap(), code.to_owned())
    };
    objects(stdout).iter().map(of).collect()
}

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

/// Large enough that every thread gets many chunks.
#[test]
fn findings_far_apart_are_reported_in_the_order_of_the_lines() {
    let applications = 15_000;
    let created = (1..=applications).map(|it| event("created", it));
    let approved = (1..=applications).map(|it| event("approved", it));
    let mut lines: Vec<_> = created.chain(approved).collect();
    lines[0] = "nonsense".to_owned();
    lines[700] = event("created", 3);
    lines[9_000] = String::new();
    lines[14_999] = "[]".to_owned();
    lines[29_998] = event("approved", 1_234);
    // Two findings: of an event before its time, with another title.
    lines[20_000] = lines[20_000]
        .replace("10:30", "09:30")
        .replace("Diploma", "Degree");
    let input = lines.join("\n");
    let expected = [
        (1, "invalid_json"),
        (701, "already_exists"),
        (15_000, "not_an_object"),
        // Their `created` events are gone.
        (15_001, "unknown_application"),
        (15_701, "unknown_application"),
        (20_001, "changed_certificate_title"),
        (20_001, "time_backwards"),
        (24_001, "unknown_application"),
        (29_999, "illegal_transition"),
        (30_000, "unknown_application"),
    ]
    .map(|(line, finding)| (line, finding.to_owned()));
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&path, &input).unwrap();
    let from_file = run(&["validate", path.path().to_str().unwrap()], "");
    for run in [from_file, run(&["validate"], &input)] {
        assert_eq!(findings(&run.stdout), expected);
        assert_eq!(run.code, Some(1));
        let summary = &objects(&run.stderr)[0];
        assert_eq!(summary["events"]["created"], 14_997);
        assert_eq!(summary["events"]["approved"], 15_000);
        // One keeps its state: its event stands where that of another was.
        assert_eq!(summary["applications"]["created"], 1);
        assert_eq!(summary["applications"]["approved"], 14_995);
        assert_eq!(summary["findings"], 10);
    }
}

#[test]
fn a_last_line_without_end_is_read() {
    let mut input = String::new();
    for number in 1..=5_000 {
        input += &(event("created", number) + "\n");
    }
    let clean = run(&["validate"], input.trim_end());
    assert_eq!((clean.code, clean.stdout.as_str()), (Some(0), ""));
    assert_eq!(objects(&clean.stderr)[0]["events"]["created"], 5_000);
    let cut = run(&["validate"], input.clone() + &event("approved", 1)[..40]);
    assert_eq!(findings(&cut.stdout), [(5_001, "invalid_json".to_owned())]);
    assert_eq!(cut.code, Some(1));
}

#[test]
fn a_finding_comes_at_once_while_the_input_stays_open() {
    let mut child = start();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut findings = BufReader::new(stdout).lines();
    for number in 1..=20 {
        // The start of the next line waits too.
        write!(stdin, "\n{}\n{{", event("approved", number)).unwrap();
        let finding = findings.next().unwrap().unwrap();
        assert!(finding.contains(&format!("{number:012}")));
        writeln!(stdin, "}}").unwrap();
        let finding = findings.next().unwrap().unwrap();
        assert!(finding.contains("missing_field"));
        assert!(finding.contains(&format!("\"line\":{},", 3 * number)));
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_reader_that_stops_ends_the_run_while_the_input_stays_open() {
    let mut child = start();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}\nnonsense", event("created", 1)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut stderr = String::new();
    let read = std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr);
    read.unwrap();
    let summary = &objects(&stderr)[0];
    assert_eq!(summary["applications"]["created"], 1);
    assert_eq!(summary["findings"], 1);
    drop(stdin);
}

#[test]
fn a_line_may_have_a_mebibyte_and_not_one_byte_more() {
    let limit = 1 << 20;
    let padded = |number, length: usize| {
        let line = event("created", number);
        let padding = " ".repeat(length - line.len());
        line + &padding
    };
    let lines = [
        // The byte order mark counts.
        "\u{feff}".to_owned() + &padded(1, limit - 2),
        padded(2, limit),
        padded(3, limit + 1),
        "\r".to_owned(),
        event("created", 4),
        padded(5, 5 * limit),
    ];
    let too_long = [1, 3, 6].map(|line| (line, "invalid_json".to_owned()));
    for end in ["\n", ""] {
        let run = run(&["validate"], lines.join("\n") + end);
        assert_eq!(findings(&run.stdout), too_long);
        assert_eq!(objects(&run.stderr)[0]["events"]["created"], 2);
    }
    let run = run(&["validate"], format!("\u{feff}{}", event("created", 1)));
    assert_eq!(run.code, Some(0));
}
