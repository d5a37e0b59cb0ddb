//! Descriptions of the events for other languages: JSON Schema (draft 2020-12) and `AsyncAPI` 3.0.
//!
//! All of it follows from the code: the fields and their order from the wire form, the sources of
//! each kind from [`rules`](crate::rules), the limits from the value types.

mod asyncapi;
mod kind;
mod node;
mod property;

use kind::{event, event_members};
use node::Node;

use crate::lifecycle::event::EventKind;

pub use asyncapi::asyncapi;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema of one kind of event, indented.
///
/// It accepts what [`EventPayload::parse`](crate::EventPayload::parse) accepts, and beyond that
/// what a schema does not state: a day that does not exist (unless the validator checks `format`),
/// an address with characters beyond ASCII that are no letters or with parts that are too long, and
/// `42.0` for an integer. Python's `jsonschema` takes a line break after the address, since `$`
/// matches before one there.
#[must_use]
pub fn event_schema(kind: EventKind) -> String {
    let mut members = vec![
        ("$schema", Node::from(DRAFT)),
        (
            "$id",
            format!("urn:certificate-lifecycle:event:{kind}").into(),
        ),
    ];
    members.extend(event_members(kind));
    Node::object(members).to_json()
}

/// The JSON Schema of any event: one of the six, by the value of `event`. Indented.
#[must_use]
pub fn any_event_schema() -> String {
    let reference = |kind: &EventKind| Node::reference(&format!("#/$defs/{kind}"));
    Node::object([
        ("$schema", Node::from(DRAFT)),
        ("$id", "urn:certificate-lifecycle:event".into()),
        ("title", "certificate_application.*".into()),
        (
            "description",
            "Any event of a certificate application.".into(),
        ),
        ("oneOf", Node::list(EventKind::ALL.iter().map(reference))),
        (
            "$defs",
            Node::object(
                EventKind::ALL
                    .iter()
                    .map(|kind| (kind.as_str(), event(*kind))),
            ),
        ),
    ])
    .to_json()
}
