//! The audit of a log, and the replay of one application's history.

mod support;

use certificate_lifecycle::audit::{Audit, Finding, ReplayError};
use certificate_lifecycle::{
    AnyApplication, Application, Event, EventKind, EventPayload, Status, VaultUpload,
};
use support::{APPLICATION, WEBHOOK, at, details, error, reason};

/// A customer's history through failure: created, processing, failed, retried, approved.
fn history() -> Vec<Event> {
    let created = Application::submit(details(), at(0));
    let processing = created.application.begin_processing(at(1));
    let failed = processing.application.fail(error(), at(1));
    let retried = failed.application.retry(at(3));
    let approved = retried.application.approve(at(4));
    vec![
        created.event,
        processing.event,
        failed.event,
        retried.event,
        approved.event,
    ]
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.to_json(WEBHOOK)).collect()
}

/// The line, the code and the message of every finding.
fn audit(lines: &[String]) -> Vec<(usize, &'static str, String)> {
    let mut audit = Audit::default();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for Finding { uuid, problem, .. } in audit.check(line.as_bytes()) {
            assert_eq!(uuid, Some(APPLICATION));
            findings.push((index + 1, problem.code(), problem.to_string()));
        }
    }
    findings
}

fn found(lines: &[String]) -> Vec<(usize, &'static str)> {
    let findings = audit(lines);
    findings
        .into_iter()
        .map(|(line, code, _)| (line, code))
        .collect()
}

#[test]
fn a_legal_log_has_no_findings_and_is_counted() {
    let mut audit = Audit::default();
    for line in lines(&history()) {
        assert_eq!(audit.check(line.as_bytes()), []);
    }
    assert_eq!(
        audit.application(APPLICATION).unwrap().status(),
        Status::Approved
    );
    assert_eq!(audit.application(APPLICATION).unwrap().version(), 5);
    assert_eq!(audit.application(WEBHOOK), None);
    assert_eq!(
        audit.events_by_kind(),
        [
            (EventKind::Created, 1),
            (EventKind::Processing, 1),
            (EventKind::Approved, 1),
            (EventKind::Rejected, 0),
            (EventKind::Failed, 1),
            (EventKind::Retried, 1),
        ]
    );
    assert_eq!(
        audit.applications_by_status(),
        [
            (Status::Created, 0),
            (Status::Processing, 0),
            (Status::Approved, 1),
            (Status::Rejected, 0),
            (Status::Failed, 0),
            (Status::Retried, 0),
        ]
    );
}

#[test]
fn every_event_before_the_created_event_is_unknown() {
    let lines = lines(&history());
    let found = audit(&[
        lines[1].clone(),
        lines[4].clone(),
        lines[0].clone(),
        lines[1].clone(),
    ]);
    assert_eq!(
        found,
        [
            (
                1,
                "unknown_application",
                "processing event for an application that no created event came before".to_owned()
            ),
            (
                2,
                "unknown_application",
                "approved event for an application that no created event came before".to_owned()
            ),
        ]
    );
}

#[test]
fn an_illegal_event_is_found_and_leaves_the_state_as_it_was() {
    let lines = lines(&history());
    // Approved before processing began; then the rest as if it had not been there.
    let mut log = vec![
        lines[0].clone(),
        lines[4].clone().replace("10:30:04", "10:30:00"),
    ];
    log.extend_from_slice(&lines[1..]);
    assert_eq!(
        audit(&log),
        [(
            2,
            "illegal_transition",
            "approved event for a customer application that is created; \
             expected one of: processing, rejected"
                .to_owned()
        )]
    );
    let mut log = lines.clone();
    log.push(lines[4].clone());
    assert_eq!(
        audit(&log),
        [(
            6,
            "illegal_transition",
            "approved event for a customer application that is approved; that is final".to_owned()
        )]
    );
}

#[test]
fn a_second_created_event_is_found() {
    let lines = lines(&history());
    let log = [lines[0].clone(), lines[0].clone()];
    assert_eq!(
        audit(&log),
        [(
            2,
            "already_exists",
            "created event for an application that exists and is created".to_owned()
        )]
    );
}

#[test]
fn a_changed_field_is_found_once_and_the_event_counts() {
    for (from, to, code, message) in [
        (
            "\"customer\"",
            "\"vault\"",
            "changed_source",
            "source changed from \"customer\" to \"vault\"",
        ),
        (
            "of Achievement",
            "of Merit",
            "changed_certificate_title",
            "certificate_title changed",
        ),
        (
            "john@",
            "jane@",
            "changed_applicant_email",
            "applicant_email changed",
        ),
        (
            "\"application_id\":42",
            "\"application_id\":43",
            "changed_application_id",
            "application_id changed from \"42\" to \"43\"",
        ),
    ] {
        let mut log = lines(&history());
        log[2] = log[2].replace(from, to);
        assert_eq!(
            audit(&log),
            [(
                3,
                code,
                format!("{message}; it must stay the same in every event of an application")
            )]
        );
    }
}

#[test]
fn a_rejected_event_of_a_vault_application_is_illegal_but_says_nothing_of_the_source() {
    let created = Application::upload(details(), VaultUpload::Single, at(0)).event;
    let rejected = Application::submit(details(), at(0))
        .application
        .reject(reason(), at(0))
        .event;
    assert_eq!(
        found(&lines(&[created, rejected])),
        [(2, "illegal_transition")]
    );
}

#[test]
fn time_that_runs_backwards_is_found_and_equal_times_are_not() {
    let mut log = lines(&history());
    log[3] = log[3].replace("10:30:03", "10:30:00");
    assert_eq!(
        audit(&log),
        [(
            4,
            "time_backwards",
            "timestamp 2026-06-04T10:30:00Z is before the application's last event at \
             2026-06-04T10:30:01Z"
                .to_owned()
        )]
    );
}

#[test]
fn all_that_is_wrong_with_one_event_is_reported() {
    let mut log = lines(&history());
    log[4] = log[3]
        .replace("10:30:03", "10:29:00")
        .replace("john@", "jane@");
    assert_eq!(
        found(&log),
        [
            (5, "changed_applicant_email"),
            (5, "time_backwards"),
            (5, "illegal_transition"),
        ]
    );
}

#[test]
fn a_payload_that_breaks_the_contract_changes_nothing() {
    let mut log = lines(&history());
    log.insert(1, log[1].replace("\"customer\"", "\"vault\""));
    assert_eq!(found(&log), [(2, "processing_from_vault")]);
    let mut audit = Audit::default();
    let findings = audit.check(b"{");
    assert_eq!((findings.len(), findings[0].uuid), (1, None));
    assert_eq!(findings[0].problem.code(), "invalid_json");
    assert!(audit.events_by_kind().iter().all(|(_, count)| *count == 0));
}

#[test]
fn a_finding_names_its_field_where_it_is_one() {
    let log = lines(&history());
    let field = |lines: &[String]| {
        let mut audit = Audit::default();
        let findings = lines.iter().flat_map(|line| audit.check(line.as_bytes()));
        findings.last().unwrap().problem.field()
    };
    assert_eq!(field(&log[1..2]), None);
    assert_eq!(field(&[log[0].clone(), log[0].clone()]), None);
    assert_eq!(field(&[log[0].clone(), log[4].clone()]), None);
    assert_eq!(field(&["{}".to_owned()]), Some("event"));
    let late = log[1].replace("10:30:01", "10:29:01");
    assert_eq!(field(&[log[0].clone(), late]), Some("timestamp"));
    let changed = log[1].replace("john@", "jane@");
    assert_eq!(field(&[log[0].clone(), changed]), Some("applicant_email"));
}

#[test]
fn a_history_replays_to_its_application() {
    let lines = lines(&history());
    let payloads: Vec<_> = lines
        .iter()
        .map(|line| EventPayload::parse(line.as_bytes()).unwrap())
        .collect();
    let replayed = AnyApplication::replay(&payloads).unwrap();
    assert_eq!(
        (replayed.status(), replayed.version()),
        (Status::Approved, 5)
    );
    assert_eq!(replayed.updated_at(), at(4));

    assert_eq!(AnyApplication::replay([]), Err(ReplayError::Empty));
    let error = AnyApplication::replay(&payloads[1..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event 1: processing event for an application that no created event came before"
    );
    let error = AnyApplication::replay([&payloads[0], &payloads[1], &payloads[1]]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event 3: processing event for a customer application that is processing; \
         expected one of: approved, failed"
    );
    let other = lines[1].replace("9e7860f0", "00000000");
    let other = EventPayload::parse(other.as_bytes()).unwrap();
    let error = AnyApplication::replay([&payloads[0], &other]).unwrap_err();
    let ReplayError::Event {
        position: 2,
        problem,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(problem.code(), "changed_uuid");
}

#[test]
fn uploads_replay_with_their_trigger_context() {
    for upload in [VaultUpload::Single, VaultUpload::Bulk] {
        let created = Application::upload(details(), upload, at(0));
        let json = created.event.to_json(WEBHOOK);
        let payload = EventPayload::parse(json.as_bytes()).unwrap();
        assert_eq!(
            AnyApplication::replay([&payload]),
            Ok(created.application.into())
        );
    }
}
