//! The six events as an `AsyncAPI` 3.0 document: what a subscriber's tools generate code from.

use super::kind::{describe, event, fields};
use super::node::Node;
use super::property;
use crate::lifecycle::event::EventKind;

const CHANNEL: &str = "certificateApplicationEvents";

/// The `AsyncAPI` 3.0.0 document of all six events, indented.
#[must_use]
pub fn asyncapi() -> String {
    Node::object([
        ("asyncapi", Node::from("3.0.0")),
        ("info", info()),
        ("defaultContentType", "application/json".into()),
        ("channels", Node::object([(CHANNEL, channel())])),
        ("operations", Node::object([("sendEvent", operation())])),
        (
            "components",
            Node::object([("messages", each_kind(message)), ("schemas", schemas())]),
        ),
    ])
    .to_json()
}

fn each_kind(node: impl Fn(EventKind) -> Node) -> Node {
    Node::object(
        EventKind::ALL
            .iter()
            .map(|kind| (kind.as_str(), node(*kind))),
    )
}

fn info() -> Node {
    Node::object([
        ("title", Node::from("Certificate application events")),
        ("version", env!("CARGO_PKG_VERSION").into()),
        (
            "description",
            "Webhook events that tell of every transition in the lifecycle of a certificate \
             application. Events may arrive more than once: `webhook-id` is the same each time."
                .into(),
        ),
        (
            "license",
            Node::object([("name", env!("CARGO_PKG_LICENSE"))]),
        ),
    ])
}

fn channel() -> Node {
    Node::object([
        ("address", Node::Null),
        ("title", "A registered webhook".into()),
        (
            "description",
            "The URL that an institution registered; known only at run time.".into(),
        ),
        (
            "messages",
            each_kind(|kind| Node::reference(&format!("#/components/messages/{kind}"))),
        ),
    ])
}

fn operation() -> Node {
    let message =
        |kind: &EventKind| Node::reference(&format!("#/channels/{CHANNEL}/messages/{kind}"));
    Node::object([
        ("action", Node::from("send")),
        ("channel", Node::reference(&format!("#/channels/{CHANNEL}"))),
        (
            "summary",
            "POST of one event; any 2xx answer is success, everything else is a failure.".into(),
        ),
        (
            "bindings",
            Node::object([(
                "http",
                Node::object([("method", "POST"), ("bindingVersion", "0.3.0")]),
            )]),
        ),
        ("messages", Node::list(EventKind::ALL.iter().map(message))),
    ])
}

fn message(kind: EventKind) -> Node {
    let example = fields(kind)
        .into_iter()
        .map(|field| (field, property::example(field, kind)));
    Node::object([
        ("name", Node::from(kind.name())),
        ("title", kind.as_str().into()),
        ("summary", describe(kind).into()),
        ("contentType", "application/json".into()),
        ("headers", Node::reference("#/components/schemas/headers")),
        (
            "payload",
            Node::reference(&format!("#/components/schemas/{kind}")),
        ),
        (
            "examples",
            Node::list([Node::object([
                ("name", Node::from(kind.as_str())),
                ("payload", Node::object(example)),
            ])]),
        ),
    ])
}

fn schemas() -> Node {
    let events = EventKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), event(*kind)));
    Node::object([("headers", headers())].into_iter().chain(events))
}

/// CONTRACT.md, "Delivery". The names are in lower case, as HTTP/2 sends them and as servers hand
/// them on: JSON Schema compares them to the letter.
fn headers() -> Node {
    let header = |(name, description): (&'static str, &'static str)| {
        let schema = [("type", "string"), ("description", description)];
        (name, Node::object(schema))
    };
    let headers = [
        (
            "x-webhook-signature",
            "Lower-case hex HMAC-SHA256 of the raw body; the key is the secret string's own bytes.",
        ),
        ("x-webhook-event", "The event's name."),
        (
            "x-webhook-id",
            "The webhook endpoint's id: equal to `webhook_id` in the body.",
        ),
        (
            "x-webhook-timestamp",
            "RFC 3339 UTC time at which this attempt was sent.",
        ),
        (
            "webhook-id",
            "The event's id (Standard Webhooks): the same on every attempt.",
        ),
        (
            "webhook-timestamp",
            "Unix seconds of this attempt (Standard Webhooks).",
        ),
        (
            "webhook-signature",
            "`v1,` and the base64 HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{raw body}`; \
             the key is the base64-decoded part of the secret after `whsec_` (Standard Webhooks).",
        ),
    ];
    Node::object([
        ("type", Node::from("object")),
        ("properties", Node::object(headers.map(header))),
        ("required", Node::list(headers.map(|(name, _)| name))),
    ])
}
