//! The wire form: the six reference payloads to the byte, and what is refused on the way back.

mod support;

use certificate_lifecycle::payload::{PayloadError, PayloadProblem};
use certificate_lifecycle::{
    AnyApplication, Application, Event, EventKind, EventPayload, Source, Transition, VaultUpload,
};
use support::{APPLICATION, WEBHOOK, at, details, error, reason, reference};
use uuid::{Uuid, uuid};

/// Takes the white space out that stands between the parts of a JSON text.
fn compact(json: &str) -> String {
    let (mut out, mut in_string) = (String::new(), false);
    for character in json.chars() {
        in_string ^= character == '"';
        if in_string || !character.is_whitespace() {
            out.push(character);
        }
    }
    out
}

/// The event of a reference payload, emitted by a transition.
fn emitted(kind: EventKind) -> Event {
    let created = || Application::upload(details(), VaultUpload::Bulk, at(0));
    let submitted = || Application::submit(details(), at(0)).application;
    let failed = || created().application.fail(error(), at(0));
    match kind {
        EventKind::Created => created().event,
        EventKind::Processing => submitted().begin_processing(at(0)).event,
        EventKind::Approved => created().application.approve(at(0)).event,
        EventKind::Rejected => submitted().reject(reason(), at(0)).event,
        EventKind::Failed => failed().event,
        EventKind::Retried => failed().application.retry(at(0)).event,
    }
}

#[test]
fn transitions_emit_the_reference_payloads_byte_for_byte() {
    for kind in EventKind::ALL.iter().copied() {
        let event = emitted(kind);
        assert_eq!(event.kind(), kind);
        assert_eq!(event.to_json(WEBHOOK), compact(reference(kind)));
        let mut buffer = b"before ".to_vec();
        event.write_json(WEBHOOK, &mut buffer);
        assert_eq!(
            buffer,
            format!("before {}", compact(reference(kind))).as_bytes()
        );
    }
}

#[test]
fn a_rendered_event_turns_to_any_webhook() {
    for kind in EventKind::ALL.iter().copied() {
        let event = emitted(kind);
        let mut rendered = event.render();
        for webhook in [WEBHOOK, Uuid::nil(), Uuid::max(), WEBHOOK] {
            assert_eq!(
                rendered.for_webhook(webhook),
                event.to_json(webhook).as_bytes()
            );
        }
    }
}

#[test]
fn reference_payloads_are_read_back() {
    for kind in EventKind::ALL.iter().copied() {
        let payload = EventPayload::parse(reference(kind).as_bytes()).unwrap();
        let event = emitted(kind);
        assert_eq!(payload.kind(), kind);
        assert_eq!(payload.webhook_id(), WEBHOOK);
        assert_eq!(payload.timestamp(), at(0));
        assert_eq!(payload.application_id().get(), 42);
        assert_eq!(payload.uuid(), APPLICATION);
        assert_eq!(payload.certificate_title(), "Certificate of Achievement");
        assert_eq!(payload.applicant_email(), "john@example.com");
        assert_eq!(payload.body(), event.body());
        assert_eq!(&payload.details(), event.details());
        assert_eq!(payload.to_json(), compact(reference(kind)));
        let owned: EventPayload<'static> = payload.clone().into_owned();
        assert_eq!(owned, payload);
    }
}

#[test]
fn event_ids_are_version_5_uuids_of_the_version_in_the_applications_namespace() {
    // Computed with Python: uuid.uuid5(uuid.UUID("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"), "1")
    let expected = [
        uuid!("bb2c1ef1-78d3-5b67-8012-c4b67e2abef4"),
        uuid!("e730f4c3-5e7a-5991-9aa6-e90d7a6cee11"),
    ];
    let Transition { application, event } = Application::submit(details(), at(0));
    assert_eq!((event.version(), event.id()), (1, expected[0]));
    let event = application.begin_processing(at(5)).event;
    assert_eq!((event.version(), event.id()), (2, expected[1]));
    // The same however often it is made, and whenever.
    assert_eq!(
        Application::submit(details(), at(9)).event.id(),
        expected[0]
    );
}

#[test]
fn a_time_before_the_last_event_counts_as_that_of_the_last_event() {
    let created = Application::submit(details(), at(10)).application;
    let processing = created.begin_processing(at(3));
    assert_eq!(processing.event.timestamp(), at(10));
    assert_eq!(processing.application.updated_at(), at(10));
    let any: AnyApplication = processing.application.into();
    let approved = any
        .apply(certificate_lifecycle::Command::Approve, at(-5))
        .unwrap();
    assert_eq!(approved.event.timestamp(), at(10));
}

fn problem(json: &str) -> PayloadProblem {
    EventPayload::parse(json.as_bytes()).unwrap_err().problem
}

fn check(json: &str, code: &str, message: &str) {
    let PayloadError { problem, .. } = EventPayload::parse(json.as_bytes()).unwrap_err();
    assert_eq!(
        (problem.code(), problem.to_string().as_str()),
        (code, message)
    );
}

#[test]
fn unknown_fields_any_order_and_spacing_are_tolerated() {
    let json = reference(EventKind::Approved);
    let grown = json.replacen('{', r#"{"new":{"nested":[1,2,{"event":"x"}]},"#, 1);
    assert_eq!(
        EventPayload::parse(grown.as_bytes()).unwrap(),
        EventPayload::parse(json.as_bytes()).unwrap()
    );
    let lines: Vec<_> = json.lines().filter(|line| line.contains(':')).collect();
    let reversed: Vec<_> = lines
        .iter()
        .rev()
        .map(|it| it.trim_end_matches(','))
        .collect();
    let reversed = format!("{{{}}}", reversed.join(" ,\n"));
    assert!(EventPayload::parse(reversed.as_bytes()).is_ok());
    let escaped = json.replace("Certificate of", r"\u0043ertificate of");
    let payload = EventPayload::parse(escaped.as_bytes()).unwrap();
    assert_eq!(payload.certificate_title(), "Certificate of Achievement");
}

#[test]
fn a_processing_event_from_the_vault_is_its_own_error() {
    let json = reference(EventKind::Processing).replace("\"customer\"", "\"vault\"");
    assert_eq!(problem(&json), PayloadProblem::ProcessingFromVault);
    check(
        &json,
        "processing_from_vault",
        "a processing event must have source customer, but has source vault: \
         the vault emits no processing event",
    );
}

#[test]
fn a_trigger_context_of_the_other_source_is_its_own_error() {
    let created = reference(EventKind::Created);
    check(
        &created.replace("bulk_upload", "customer_submission"),
        "trigger_context_mismatch",
        "trigger_context customer_submission does not go with source vault, only with source customer",
    );
    check(
        &created.replace("\"vault\"", "\"customer\""),
        "trigger_context_mismatch",
        "trigger_context bulk_upload does not go with source customer, only with source vault",
    );
    let both = created
        .replace("bulk_upload", "customer_submission")
        .replace("\"vault\"", "\"customer\"");
    assert!(EventPayload::parse(both.as_bytes()).is_ok());
    let single = created.replace("bulk_upload", "single_upload");
    assert!(EventPayload::parse(single.as_bytes()).is_ok());
}

#[test]
fn a_wrong_event_name_is_its_own_error() {
    for wrong in [
        "approved",
        "certificate_application.deleted",
        "certificate_application.",
        "",
    ] {
        check(
            &reference(EventKind::Approved).replace("certificate_application.approved", wrong),
            "unknown_event",
            &format!(
                "unknown event {wrong:?}; expected certificate_application.<kind> with one of: \
                 created, processing, approved, rejected, failed, retried"
            ),
        );
    }
}

#[test]
fn fields_of_another_event_are_refused() {
    check(
        &reference(EventKind::Rejected).replacen('{', r#"{"source":"customer","#, 1),
        "misplaced_field",
        "event rejected must have no field source",
    );
    for (field, value) in [
        ("trigger_context", "bulk_upload"),
        ("rejection_reason", "x"),
        ("error", "x"),
    ] {
        check(
            &reference(EventKind::Approved).replacen('{', &format!(r#"{{"{field}":"{value}","#), 1),
            "misplaced_field",
            &format!("event approved must have no field {field}"),
        );
    }
}

#[test]
fn a_missing_field_is_named() {
    for kind in EventKind::ALL.iter().copied() {
        let json: serde_json::Value = serde_json::from_str(reference(kind)).unwrap();
        for field in json.as_object().unwrap().keys() {
            let mut without = json.clone();
            without.as_object_mut().unwrap().remove(field);
            check(
                &without.to_string(),
                "missing_field",
                &format!("field {field} is missing"),
            );
        }
    }
}

#[test]
fn a_value_of_another_type_is_named_with_what_was_found() {
    let json: serde_json::Value = serde_json::from_str(reference(EventKind::Created)).unwrap();
    for field in json.as_object().unwrap().keys() {
        let expected = match field.as_str() {
            "application_id" => "an integer from 1 to 9007199254740991",
            _ => "a string",
        };
        for (value, found) in [
            (serde_json::json!(null), "null"),
            (serde_json::json!(true), "true"),
            (serde_json::json!(-1), "the number -1"),
            (serde_json::json!(1.5), "the number 1.5"),
            (serde_json::json!(42.0), "the number 42.0"),
            (serde_json::json!(1e300), "the number 1e300"),
            (serde_json::json!([1, [2]]), "an array"),
            (serde_json::json!({"a": {"b": 1}}), "an object"),
        ] {
            let mut changed = json.clone();
            changed[field] = value;
            check(
                &changed.to_string(),
                "wrong_type",
                &format!("field {field} must be {expected}, but is {found}"),
            );
        }
    }
    let mut text = json.clone();
    text["application_id"] = "42".into();
    check(
        &text.to_string(),
        "wrong_type",
        "field application_id must be an integer from 1 to 9007199254740991, but is the string \"42\"",
    );
    let mut number = json;
    number["uuid"] = 42.into();
    check(
        &number.to_string(),
        "wrong_type",
        "field uuid must be a string, but is the number 42",
    );
}

#[test]
fn values_keep_the_rules_of_the_contract() {
    let replaced = |from: &str, to: &str| reference(EventKind::Created).replace(from, to);
    let refused = [
        (replaced(": 42", ": 0"), "application_id"),
        (replaced(": 42", ": 9007199254740992"), "application_id"),
        (
            replaced("Certificate of Achievement", " "),
            "certificate_title",
        ),
        (replaced("john@example.com", "john"), "applicant_email"),
        (replaced("10:30:00Z", "10:30:00.5Z"), "timestamp"),
        (replaced("10:30:00Z", "10:30:00+00:00"), "timestamp"),
        (replaced("9e7860f0", "9E7860F0"), "uuid"),
        (replaced("9e7860f0-05d1", "9e7860f005d1"), "uuid"),
        (replaced("9e7860f0-05d1", "9e7860f0-05dg"), "uuid"),
        (replaced("a1b2c3d4", "A1b2c3d4"), "webhook_id"),
        (replaced("\"vault\"", "\"VAULT\""), "source"),
        (replaced("bulk_upload", "bulk"), "trigger_context"),
    ];
    for (json, field) in refused {
        let problem = problem(&json);
        assert_eq!(problem.code(), "invalid_value", "{json}");
        assert!(problem.to_string().contains(field), "{problem}");
    }
    let long = "x".repeat(1001);
    let rejected = reference(EventKind::Rejected).replace("Duplicate certificate", &long);
    assert_eq!(
        problem(&rejected).to_string(),
        "rejection_reason must have 1 to 1000 characters, but has 1001"
    );
    let failed =
        reference(EventKind::Failed).replace("PDF generation failed: template not found", "");
    assert_eq!(
        problem(&failed).to_string(),
        "error must have 1 to 1000 characters, but has 0"
    );
}

#[test]
fn a_stored_payload_turns_to_another_webhook() {
    for kind in EventKind::ALL.iter().copied() {
        let stored = emitted(kind).to_json(WEBHOOK);
        let mut rendered = EventPayload::parse(stored.as_bytes()).unwrap().render();
        assert_eq!(rendered.for_webhook(WEBHOOK), stored.as_bytes());
        let other = emitted(kind).to_json(Uuid::max());
        assert_eq!(rendered.for_webhook(Uuid::max()), other.as_bytes());
    }
}

#[test]
fn a_problem_names_its_field_where_it_is_one() {
    let created = reference(EventKind::Created);
    for (json, field) in [
        ("[]".to_owned(), None),
        ("nope".to_owned(), None),
        ("{}".to_owned(), Some("event")),
        (
            created.replace("application.created", "application.x"),
            Some("event"),
        ),
        (created.replace(": 42", ": \"42\""), Some("application_id")),
        (created.replace("john@", ""), Some("applicant_email")),
        (created.replace("\"vault\"", "\"x\""), Some("source")),
        (
            created.replace("\"vault\"", "\"customer\""),
            Some("trigger_context"),
        ),
        (
            reference(EventKind::Processing).replace("\"customer\"", "\"vault\""),
            Some("source"),
        ),
        (created.replacen('{', r#"{"error":"x","#, 1), Some("error")),
        (created.replacen('{', r#"{"uuid":"x","#, 1), Some("uuid")),
    ] {
        assert_eq!(problem(&json).field(), field, "{json}");
    }
    let not_utf8 = EventPayload::parse(b"\xff").unwrap_err().problem;
    assert_eq!((not_utf8.code(), not_utf8.field()), ("invalid_json", None));
}

#[test]
fn an_event_knows_its_application() {
    let event = emitted(EventKind::Rejected);
    assert_eq!(
        (event.uuid(), event.source()),
        (APPLICATION, Source::Customer)
    );
    let payload = EventPayload::parse(reference(EventKind::Failed).as_bytes()).unwrap();
    assert_eq!(payload.source(), Source::Vault);
}

#[test]
fn a_payload_takes_no_more_memory_than_it_needs() {
    for kind in EventKind::ALL.iter().copied() {
        let json = emitted(kind).to_json(WEBHOOK);
        assert!(
            json.capacity() < json.len() + 150,
            "{kind}: {}",
            json.capacity()
        );
    }
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    let json = reference(EventKind::Approved).replacen('{', r#"{"uuid":"x","#, 1);
    check(
        &json,
        "duplicate_field",
        "field uuid appears more than once",
    );
    let known = EventPayload::parse(json.as_bytes()).unwrap_err().uuid;
    assert_eq!(known, None);
    let json = reference(EventKind::Approved).replacen('{', r#"{"source":null,"#, 1);
    check(
        &json,
        "duplicate_field",
        "field source appears more than once",
    );
}

/// Texts that are no JSON object, each with the code and the sentence of its error.
const NO_OBJECTS: [(&str, &str, &str); 15] = [
    (
        "",
        "invalid_json",
        "not valid JSON: EOF while parsing a value, at column 0; expected a JSON object",
    ),
    (
        "{",
        "invalid_json",
        "not valid JSON: EOF while parsing an object, at column 1; expected a JSON object",
    ),
    (
        "nope",
        "invalid_json",
        "not valid JSON: expected ident, at column 2; expected a JSON object",
    ),
    (
        "{}x",
        "invalid_json",
        "not valid JSON: trailing characters, at column 3; expected a JSON object",
    ),
    (
        "{\n\n1}",
        "invalid_json",
        "not valid JSON: key must be a string, at line 3 column 1; expected a JSON object",
    ),
    (
        "{\"event\":\"\\ud800\"}",
        "invalid_json",
        "not valid JSON: unexpected end of hex escape, at column 17; expected a JSON object",
    ),
    (
        "null",
        "not_an_object",
        "expected a JSON object, found null",
    ),
    (
        "[1,[2]]",
        "not_an_object",
        "expected a JSON object, found an array",
    ),
    (
        "\"x\"",
        "not_an_object",
        "expected a JSON object, found a string of 1 character",
    ),
    (
        "\"\\u0041\"",
        "not_an_object",
        "expected a JSON object, found a string of 1 character",
    ),
    (
        "42",
        "not_an_object",
        "expected a JSON object, found the number 42",
    ),
    (
        "-42",
        "not_an_object",
        "expected a JSON object, found the number -42",
    ),
    (
        "4.2",
        "not_an_object",
        "expected a JSON object, found the number 4.2",
    ),
    (
        "true",
        "not_an_object",
        "expected a JSON object, found true",
    ),
    ("{}", "missing_field", "field event is missing"),
];

#[test]
fn what_is_no_json_object_is_distinguished() {
    for (text, code, message) in NO_OBJECTS {
        check(text, code, message);
    }
    let error = EventPayload::parse(b"{\"event\":\"\xff\"}").unwrap_err();
    assert_eq!(error.problem.code(), "invalid_json");
    assert_eq!(
        error.to_string(),
        "not valid UTF-8 after the first 10 bytes; expected a JSON object"
    );
}

#[test]
fn an_error_knows_the_application_where_the_payload_does() {
    let json = reference(EventKind::Approved).replace("john@example.com", "john");
    let known = EventPayload::parse(json.as_bytes()).unwrap_err().uuid;
    assert_eq!(known, Some(APPLICATION));
    let json = json.replace("9e7860f0", "xxxxxxxx");
    let known = EventPayload::parse(json.as_bytes()).unwrap_err().uuid;
    assert_eq!(known, None);
}
