//! The schema of one kind of event.

use super::node::Node;
use super::property;
use crate::event::wire;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::rules::CREATIONS;
use crate::lifecycle::source::Source;

pub(super) fn event(kind: EventKind) -> Node {
    Node::object(event_members(kind))
}

pub(super) fn event_members(kind: EventKind) -> Vec<(&'static str, Node)> {
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
pub(super) fn fields(kind: EventKind) -> Vec<&'static str> {
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

pub(super) const fn describe(kind: EventKind) -> &'static str {
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
