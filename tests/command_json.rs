//! Commands as JSON, as a program over the library reads them. What each line is answered is tried
//! with the command line (tests/certlife).
#![cfg(feature = "engine")]

use certificate_lifecycle::command_json::{CommandJsonError, Defaults, parse};
use certificate_lifecycle::store::{Actor, ActorId, IdempotencyKey, InstitutionId, Operation};
use certificate_lifecycle::{ApplicantEmail, TriggerContext};
use serde_json::{Value, json};
use uuid::Uuid;

const UUID: &str = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";

fn institution() -> InstitutionId {
    InstitutionId::new("our-university").unwrap()
}

fn jane() -> Actor {
    Actor::administrator("jane").unwrap()
}

fn defaults() -> Defaults {
    Defaults::new(institution(), jane())
}

/// A line of this command with these fields beside.
fn line(command: &str, fields: &Value) -> Vec<u8> {
    let mut line = json!({"command": command, "uuid": UUID});
    if ["submit", "upload"].contains(&command) {
        line["application_id"] = json!(42);
        line["certificate_title"] = json!("Certificate of Achievement");
        line["applicant_email"] = json!("john@example.com");
    }
    if command == "upload" {
        line["trigger_context"] = json!("bulk_upload");
    }
    for (field, value) in fields.as_object().unwrap() {
        line[field] = value.clone();
    }
    serde_json::to_vec(&line).unwrap()
}

fn error(line: &[u8], defaults: &Defaults) -> CommandJsonError {
    parse(line, defaults).unwrap_err()
}

#[test]
fn every_command_is_read() {
    for (command, fields) in [
        ("submit", json!({})),
        ("upload", json!({})),
        ("begin_processing", json!({"expected_version": 1})),
        ("approve", json!({"at": "2026-06-04T12:30:00.9+02:00"})),
        ("reject", json!({"rejection_reason": "no name"})),
        ("fail", json!({"error": "no template"})),
        ("retry", json!({"idempotency_key": "a key"})),
    ] {
        let parsed = parse(&line(command, &fields), &defaults()).unwrap();
        let request = parsed.request;
        assert_eq!(request.operation.name(), command);
        assert_eq!(request.uuid().to_string(), UUID);
        assert_eq!(
            (&request.institution, &request.actor),
            (&institution(), &jane())
        );
        assert_eq!((parsed.institution, parsed.actor), (None, None));
        let at = request.at.map(|it| it.to_rfc3339());
        let given = fields["at"]
            .is_string()
            .then_some("2026-06-04T10:30:00+00:00");
        assert_eq!(at.as_deref(), given);
        let key = request.idempotency_key.as_ref().map(IdempotencyKey::as_str);
        assert_eq!(key, fields["idempotency_key"].as_str());
        match request.operation {
            Operation::Upload(details, upload) => {
                assert_eq!(TriggerContext::from(upload), TriggerContext::BulkUpload);
                let email = ApplicantEmail::new("john@example.com").unwrap();
                assert_eq!(details.applicant_email(), &email);
            }
            Operation::Act {
                expected_version, ..
            } => assert_eq!(expected_version, fields["expected_version"].as_u64()),
            Operation::Submit(_) => {}
        }
    }
}

#[test]
fn what_the_line_says_of_institution_and_actor_stands_beside_the_request() {
    let named = json!({"institution": "theirs", "actor": "customer:john@example.com"});
    let parsed = parse(&line("submit", &named), &defaults()).unwrap();
    let (theirs, john) = (
        InstitutionId::new("theirs").unwrap(),
        Actor::customer("john@example.com").unwrap(),
    );
    assert_eq!(parsed.institution.as_ref(), Some(&theirs));
    assert_eq!(parsed.actor.as_ref(), Some(&john));
    assert_eq!(
        (parsed.request.institution, parsed.request.actor),
        (theirs, john)
    );
    // Of the kind alone, the id is that of the default actor; `null` says nothing.
    let kind = json!({"institution": null, "actor": "system"});
    let parsed = parse(&line("approve", &kind), &defaults()).unwrap();
    assert_eq!(parsed.institution, None);
    assert_eq!(parsed.actor, Some(Actor::system("jane").unwrap()));
    assert_eq!(parsed.request.actor, Actor::system("jane").unwrap());
}

#[test]
fn by_contract_the_actor_is_of_the_kind_that_usually_does_this() {
    let defaults = Defaults::by_contract(institution(), ActorId::new("program").unwrap());
    for (command, fields, actor) in [
        ("submit", json!({}), "customer:program"),
        ("upload", json!({}), "administrator:program"),
        ("begin_processing", json!({}), "administrator:program"),
        ("approve", json!({}), "system:program"),
        ("fail", json!({"error": "none"}), "system:program"),
    ] {
        let parsed = parse(&line(command, &fields), &defaults).unwrap();
        assert_eq!(parsed.request.actor.to_string(), actor);
        assert_eq!(parsed.actor, None);
    }
}

#[test]
fn a_creation_may_come_without_uuid_where_one_can_be_made() {
    let made = |institution: &InstitutionId, key: Option<&IdempotencyKey>| {
        let key = key.map_or("none", IdempotencyKey::as_str);
        Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("{institution} {key}").as_bytes(),
        )
    };
    let with = defaults().with_new_uuids(made);
    for command in ["submit", "upload"] {
        let absent = json!({"uuid": null});
        let parsed = parse(&line(command, &absent), &with).unwrap();
        assert_eq!(parsed.request.uuid(), made(&institution(), None));
        // The line's institution and key count.
        let keyed = json!({"uuid": null, "institution": "theirs", "idempotency_key": "k"});
        let parsed = parse(&line(command, &keyed), &with).unwrap();
        let key = IdempotencyKey::new("k").unwrap();
        let theirs = InstitutionId::new("theirs").unwrap();
        assert_eq!(parsed.request.uuid(), made(&theirs, Some(&key)));
        // What is there counts, and is read.
        let parsed = parse(&line(command, &json!({})), &with).unwrap();
        assert_eq!(parsed.request.uuid().to_string(), UUID);
        let bad = error(&line(command, &json!({"uuid": 42})), &with);
        assert_eq!(bad.field(), Some("uuid"));
        // Without a way to make one, it is missing.
        let missing = error(&line(command, &absent), &defaults());
        assert_eq!(missing.to_string(), "field uuid is missing");
    }
    // What exists has one.
    let missing = error(&line("approve", &json!({"uuid": null})), &with);
    assert_eq!(missing.field(), Some("uuid"));
    // Nor is a second one passed over.
    let twice = format!(r#"{{"command":"submit","uuid":"{UUID}","uuid":null}}"#);
    let twice = error(twice.as_bytes(), &with);
    assert_eq!(twice.to_string(), "field uuid appears more than once");
}

#[test]
fn an_error_says_what_is_wrong_where_and_of_which_line() {
    let no_json = error(b"{\"command\":", &defaults());
    assert_eq!((no_json.code(), no_json.field()), ("invalid_json", None));
    assert_eq!((no_json.command(), no_json.uuid()), (None, None));
    let no_text = error(b"\xff", &defaults());
    assert_eq!(no_text.code(), "invalid_json");
    let no_object = error(b"[1]", &defaults());
    assert_eq!(
        (no_object.code(), no_object.field()),
        ("invalid_command", None)
    );

    let uuid = Uuid::try_parse(UUID).unwrap();
    for (command, fields, field) in [
        ("approve", json!({"applicant_mail": "a"}), "applicant_mail"),
        (
            "approve",
            json!({"rejection_reason": "none"}),
            "rejection_reason",
        ),
        ("submit", json!({"expected_version": 1}), "expected_version"),
        (
            "submit",
            json!({"applicant_email": "john"}),
            "applicant_email",
        ),
        ("submit", json!({"application_id": 0}), "application_id"),
        (
            "upload",
            json!({"trigger_context": "customer_submission"}),
            "trigger_context",
        ),
        ("reject", json!({}), "rejection_reason"),
        ("fail", json!({"error": ""}), "error"),
        ("retry", json!({"at": "yesterday"}), "at"),
        ("retry", json!({"actor": "jane"}), "actor"),
        ("retry", json!({"institution": ""}), "institution"),
        ("retry", json!({"idempotency_key": 7}), "idempotency_key"),
        ("retry", json!({"expected_version": 0}), "expected_version"),
    ] {
        let error = error(&line(command, &fields), &defaults());
        assert_eq!(
            (error.code(), error.field()),
            ("invalid_command", Some(field))
        );
        assert_eq!((error.command(), error.uuid()), (Some(command), Some(uuid)));
        let json = json!({
            "code": "invalid_command", "message": error.to_string(),
            "field": field, "command": command, "uuid": UUID,
        });
        assert_eq!(serde_json::to_value(&error).unwrap(), json);
    }
    let unknown = error(&line("aprove", &json!({})), &defaults());
    assert_eq!(
        (unknown.field(), unknown.command()),
        (Some("command"), Some("aprove"))
    );
}

#[test]
fn an_error_quotes_nothing_personal() {
    // A title in the place of a command, or of a name
    let title = "Diploma of Jane Doe";
    for line in [
        json!({"command": title, "uuid": UUID}),
        json!({"command": "approve", "uuid": UUID, title: 1}),
        json!({"command": "approve", "uuid": title}),
        json!({"command": "submit", "uuid": UUID, "application_id": title}),
    ] {
        let error = error(&serde_json::to_vec(&line).unwrap(), &defaults());
        let shown = format!("{error} {error:?} {}", json!(error));
        assert!(!shown.contains("Jane"), "{shown}");
    }
    let debug = format!("{:?}", defaults().with_new_uuids(|_, _| Uuid::nil()));
    assert!(debug.contains("our-university"), "{debug}");
}

#[test]
fn a_time_as_events_have_it_is_the_time_of_its_other_forms() {
    let at = |text: &str| {
        let line = line("approve", &json!({"at": text}));
        parse(&line, &defaults()).unwrap().request.at.unwrap()
    };
    for (wire, others) in [
        (
            "2026-06-04T10:30:00Z",
            ["2026-06-04T12:30:00+02:00", "2026-06-04t10:30:00.999z"],
        ),
        (
            "0000-01-01T00:00:00Z",
            ["0000-01-01T00:00:00-00:00", "0000-01-01T01:00:00+01:00"],
        ),
        (
            "9999-12-31T23:59:59Z",
            ["9999-12-31T23:59:59+00:00", "9999-12-31T23:59:60Z"],
        ),
    ] {
        for other in others {
            assert_eq!(at(wire), at(other), "{wire} and {other}");
        }
        assert_eq!(at(wire).to_rfc3339(), wire.replace('Z', "+00:00"));
    }
}
