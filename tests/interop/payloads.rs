//! What the tools read: events as the contract has them, and others that are wrong in one thing.

use certificate_lifecycle::{EventKind, EventPayload};
use serde_json::{Value, json};

use crate::support;

/// An event as it may be sent.
pub struct Truth {
    pub kind: &'static str,
    pub text: String,
}

/// A payload that the contract refuses.
pub struct Lie {
    pub what: &'static str,
    pub text: String,
}

/// The same event without white space, its fields in the wire's order.
pub fn compact(payload: &str) -> String {
    let payload = EventPayload::parse(payload.as_bytes()).unwrap();
    payload.to_json()
}

/// The six payloads, as they are and compact; each with the largest number and a title of many
/// scripts; and the event of a customer's application.
pub fn truths() -> Vec<Truth> {
    let mut truths = Vec::new();
    for kind in EventKind::ALL.iter().copied() {
        let reference = support::reference(kind);
        let largest = reference.replace(": 42,", ": 9007199254740991,").replace(
            "Certificate of Achievement",
            "Zeugnis \u{201e}Größe\u{201c} \u{1f393}",
        );
        assert_ne!(largest, reference);
        for text in [reference.to_owned(), compact(reference), compact(&largest)] {
            let kind = kind.as_str();
            truths.push(Truth { kind, text });
        }
    }
    let submitted = support::reference(EventKind::Created)
        .replace("\"vault\"", "\"customer\"")
        .replace("bulk_upload", "customer_submission");
    truths.push(Truth {
        kind: "created",
        text: compact(&submitted),
    });
    truths
}

/// Each is wrong in one thing.
pub fn lies() -> Vec<Lie> {
    let changed = |kind, field: &str, value: Value| {
        let mut payload: Value = serde_json::from_str(support::reference(kind)).unwrap();
        payload[field] = value;
        payload
    };
    let approved = |field, value| changed(EventKind::Approved, field, value);
    let mut without = approved("uuid", Value::Null);
    without.as_object_mut().unwrap().remove("uuid");
    let lies = [
        (
            "an unknown event",
            approved("event", json!("certificate_application.unknown")),
        ),
        ("no uuid", without),
        ("a number as text", approved("application_id", json!("42"))),
        (
            "processing from the vault",
            changed(EventKind::Processing, "source", json!("vault")),
        ),
        (
            "a submission from the vault",
            changed(
                EventKind::Created,
                "trigger_context",
                json!("customer_submission"),
            ),
        ),
        ("a field of another kind", approved("error", json!("x"))),
        (
            "a number that is too large",
            approved("application_id", json!(9_007_199_254_740_992_u64)),
        ),
        ("a blank title", approved("certificate_title", json!(" "))),
        (
            "an upper-case uuid",
            approved("uuid", json!("9E7860F0-05D1-4FD0-B3E0-E98E19F1CF15")),
        ),
        (
            "a fraction of a second",
            approved("timestamp", json!("2026-06-04T10:30:00.5Z")),
        ),
        (
            "a line break after the uuid",
            approved("uuid", json!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15\n")),
        ),
        (
            "a line break after the timestamp",
            approved("timestamp", json!("2026-06-04T10:30:00Z\n")),
        ),
        (
            "a line break after the address",
            approved("applicant_email", json!("john@example.com\n")),
        ),
    ];
    let lie = |(what, payload): (_, Value)| {
        let text = payload.to_string();
        assert!(EventPayload::parse(text.as_bytes()).is_err(), "{what}");
        Lie { what, text }
    };
    lies.into_iter().map(lie).collect()
}
