//! `certlife apply`.

use certificate_lifecycle::EventKind;

use crate::{file, golden, run};

const UUID: &str = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";

fn submit(at: &str) -> String {
    format!(
        r#"{{"command":"submit","at":"{at}","application_id":42,"uuid":"{UUID}","certificate_title":"Certificate of Achievement","applicant_email":"john@example.com"}}"#
    )
}

fn act(command: &str, at: &str) -> String {
    format!(r#"{{"command":"{command}","at":"{at}","uuid":"{UUID}"}}"#)
}

#[test]
fn the_readmes_first_example_is_accepted_and_has_every_kind_of_event() {
    let run = run(
        &[
            "apply",
            "--store",
            "memory:",
            &file("docs/examples/lives.jsonl"),
        ],
        "",
    );
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    for kind in EventKind::ALL {
        assert!(run.stdout.contains(kind.name()), "{kind:?}");
    }
    golden!(run.stdout, "golden/lives.stdout");
}

#[test]
fn the_readmes_second_example_gives_its_events_and_refusals() {
    let run = run(&["apply", &file("docs/examples/commands.jsonl")], "");
    golden!(run.stdout, "golden/example.stdout");
    golden!(run.stderr, "golden/example.stderr");
    assert_eq!(run.code, Some(1));
}

#[test]
fn every_kind_of_refusal_says_what_is_wrong_and_what_would_be_right() {
    let run = run(&["apply", &file("tests/certlife/golden/refused.jsonl")], "");
    golden!(run.stdout, "golden/refused.stdout");
    golden!(run.stderr, "golden/refused.stderr");
    assert_eq!(run.code, Some(1));
}

#[test]
fn the_reference_payloads_come_out_of_the_issues_commands() {
    let input = format!(
        r#"{{"command":"upload","trigger_context":"bulk_upload","at":"2026-06-04T10:30:00Z","application_id":42,"uuid":"{UUID}","certificate_title":"Certificate of Achievement","applicant_email":"john@example.com"}}
{{"command":"fail","at":"2026-06-04T10:30:00Z","uuid":"{UUID}","error":"PDF generation failed: template not found"}}
{}
{}
"#,
        act("retry", "2026-06-04T10:30:00Z"),
        act("approve", "2026-06-04T10:30:00Z"),
    );
    let webhook = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
    let run = run(
        &["apply", "--store", "memory:", "--webhook-id", webhook, "-"],
        input,
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let expected = [
        include_str!("../payloads/created.json"),
        include_str!("../payloads/failed.json"),
        include_str!("../payloads/retried.json"),
        include_str!("../payloads/approved.json"),
    ];
    for (line, reference) in run.stdout.lines().zip(expected) {
        let fields: Vec<_> = reference.lines().map(str::trim).collect();
        assert_eq!(line, fields.join("").replace("\": ", "\":"));
    }
    assert_eq!(run.stdout.lines().count(), 4);
}

#[test]
fn times_of_any_offset_and_fraction_come_out_in_utc_and_whole_seconds() {
    for (given, wire) in [
        ("2026-06-04T12:30:00.999+02:00", "2026-06-04T10:30:00Z"),
        ("2026-06-04T10:30:00.123456789012Z", "2026-06-04T10:30:00Z"),
        ("2026-06-03T23:59:59-11:30", "2026-06-04T11:29:59Z"),
        ("2026-06-04t10:30:00z", "2026-06-04T10:30:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ] {
        let run = run(&["apply"], submit(given));
        assert_eq!(run.events()[0]["timestamp"], wire, "{}", run.stderr);
    }
}

#[test]
fn an_absent_time_is_now() {
    let before = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    let input = submit("").replace(r#""at":"","#, "");
    let run = run(
        &["apply"],
        input.clone()
            + "\n"
            + &act("reject", "x").replace(r#""at":"x","#, r#""at":null,"rejection_reason":"no","#),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for event in run.events() {
        let at: chrono::DateTime<chrono::Utc> =
            event["timestamp"].as_str().unwrap().parse().unwrap();
        let elapsed = at - before;
        assert!((-1..60).contains(&elapsed.num_seconds()), "{at}");
    }
}

#[test]
fn a_time_before_the_last_event_is_refused_and_the_same_second_is_not() {
    let input = [
        submit("2026-06-04T10:30:00.900Z"),
        act("begin_processing", "2026-06-04T10:29:59.999Z"),
        act("begin_processing", "2026-06-04T10:30:00.100Z"),
        act("approve", "2026-06-04T12:29:59+02:00"),
        act("approve", "2026-06-04T12:30:00+02:00"),
    ];
    let run = run(&["apply"], input.join("\n"));
    assert_eq!(run.events().len(), 3);
    let refusals = run.refusals();
    assert_eq!(refusals.len(), 2);
    for (refusal, line) in refusals.iter().zip([2, 4]) {
        assert_eq!(refusal["line"], line);
        assert_eq!(refusal["error"], "invalid_command");
        assert_eq!(refusal["field"], "at");
        assert_eq!(refusal["uuid"], UUID);
    }
}

#[test]
fn an_absent_time_never_runs_a_history_backwards() {
    let input = submit("2999-01-01T00:00:00Z") + "\n" + &act("begin_processing", "x");
    let run = run(&["apply"], input.replace(r#""at":"x","#, ""));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.events()[1]["timestamp"], "2999-01-01T00:00:00Z");
}

#[test]
fn a_refused_command_changes_nothing() {
    let input = [
        submit("2026-06-04T10:30:00Z"),
        act("approve", "2026-06-04T11:30:00Z"),
        act("fail", "2026-06-04T11:30:00Z"),
        // Later than the refused ones would be refused, had they counted.
        act("begin_processing", "2026-06-04T10:30:01Z"),
    ];
    let run = run(&["apply"], input.join("\n"));
    assert_eq!(
        run.events()[1]["event"],
        "certificate_application.processing"
    );
    assert_eq!(run.refusals()[0]["error"], "illegal_transition");
    assert_eq!(
        run.refusals()[0]["legal"],
        serde_json::json!(["begin_processing", "reject"])
    );
    assert_eq!(run.refusals()[1]["error"], "invalid_command");
}

#[test]
fn the_hyphenated_uuid_is_read_in_any_case_and_written_in_lower_case() {
    let input = submit("2026-06-04T10:30:00Z").replace("9e7860f0", "9E7860F0");
    let input = input + "\n" + &act("begin_processing", "2026-06-04T10:30:00Z");
    let run = run(&["apply"], input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.events()[0]["uuid"], UUID);
}

#[test]
fn what_apply_prints_passes_validate() {
    let events = run(&["apply", &file("docs/examples/commands.jsonl")], "").stdout;
    let audited = run(&["validate"], events);
    assert_eq!((audited.code, audited.stdout.as_str()), (Some(0), ""));
}

#[test]
fn any_bytes_give_one_answer_a_line() {
    // A fixed mix of commands and damage, from a small generator.
    let mut state = 1_u64;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let lines = std::fs::read(file("docs/examples/commands.jsonl")).unwrap();
    let lines: Vec<_> = lines
        .split(|byte| *byte == b'\n')
        .filter(|it| !it.is_empty())
        .collect();
    let mut input = Vec::new();
    for _ in 0..3000 {
        let mut line = lines[next(lines.len())].to_vec();
        for _ in 0..next(4) {
            let at = next(line.len());
            line[at] = u8::try_from(next(256)).unwrap();
        }
        line.retain(|byte| *byte != b'\n');
        input.extend(line);
        input.push(b'\n');
    }
    let run = run(&["apply"], input);
    assert_eq!(run.code, Some(1));
    assert!(run.events().len() > 10 && run.refusals().len() > 1000);
    assert_eq!(run.events().len() + run.refusals().len(), 3000);
}
