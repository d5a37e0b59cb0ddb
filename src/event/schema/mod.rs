//! Descriptions of the events for other languages: JSON Schema (draft 2020-12) and `AsyncAPI` 3.0.
//!
//! All of it follows from the code: the fields and their order from the wire form, the sources of
//! each kind from [`rules`](crate::rules), the limits from the value types.

mod asyncapi;
mod node;
mod property;

use node::Node;

use super::wire;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::rules::{CREATIONS, RULES};
use crate::lifecycle::source::Source;

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

fn event(kind: EventKind) -> Node {
    Node::object(event_members(kind))
}

fn event_members(kind: EventKind) -> Vec<(&'static str, Node)> {
    let fields = fields(kind);
    let mut members = vec![
        ("title", Node::from(kind.name())),
        ("description", describe(kind).into()),
        ("type", "object".into()),
        (
            "properties",
            Node::object(
                fields
                    .iter()
                    .map(|field| (*field, property::schema(field, kind))),
            ),
        ),
        ("required", Node::list(fields.iter().copied())),
        // Properties whose schema is `false` would say the same, but generators refuse them or make
        // optional members of them.
        ("propertyNames", no_foreign_fields(kind)),
    ];
    if kind == EventKind::Created {
        members.push((
            "oneOf",
            Node::list(Source::ALL.iter().map(|it| pairing(*it))),
        ));
    }
    members
}

/// The fields of this kind of event, in the wire's order.
fn fields(kind: EventKind) -> Vec<&'static str> {
    let (common, _) = wire::common_and_particular();
    [common, wire::particular(kind)].concat()
}

/// The contract's fields that this kind of event must not have.
fn foreign_fields(kind: EventKind) -> impl Iterator<Item = &'static str> {
    let (_, particular) = wire::common_and_particular();
    let foreign = move |field: &&str| !wire::particular(kind).contains(field);
    particular.iter().copied().filter(foreign)
}

fn no_foreign_fields(kind: EventKind) -> Node {
    let names = Node::list(foreign_fields(kind));
    Node::object([("not", Node::object([("enum", names)]))])
}

/// Which trigger contexts go with one source.
fn pairing(source: Source) -> Node {
    let contexts = CREATIONS
        .iter()
        .filter(|creation| creation.source == source)
        .map(|creation| creation.trigger_context.as_str());
    Node::object([(
        "properties",
        Node::object([
            (wire::SOURCE, property::one_of([source.as_str()])),
            (wire::TRIGGER_CONTEXT, property::one_of(contexts)),
        ]),
    )])
}

/// The sources whose applications emit this kind of event.
fn sources(kind: EventKind) -> Vec<Source> {
    let creations = CREATIONS.iter().filter(|_| kind == EventKind::Created);
    let rules = RULES.iter().filter(|rule| rule.event == kind);
    let emitters: Vec<Source> = creations
        .map(|creation| creation.source)
        .chain(rules.map(|rule| rule.source))
        .collect();
    let all = Source::ALL.iter().copied();
    all.filter(|source| emitters.contains(source)).collect()
}

const fn describe(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => {
            "An application record was created: customer submission, single vault upload, or bulk vault upload."
        }
        EventKind::Processing => {
            "An institution approved a customer-submitted application, and processing began."
        }
        EventKind::Approved => "Processing succeeded; the certificate is approved.",
        EventKind::Rejected => "An administrator rejected a customer-submitted application.",
        EventKind::Failed => "Background processing hit a critical error.",
        EventKind::Retried => {
            "An administrator re-initiated the processing of a failed application."
        }
    }
}
