//! The schema of one field.

use super::node::Node;
use crate::event::wire;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::rules::{CREATIONS, RULES};
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, ProcessingError, RejectionReason,
};

const UUID_PATTERN: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

const TIMESTAMP_PATTERN: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
    T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$";

/// The schema of the field in this kind of event.
pub(super) fn schema(field: &str, kind: EventKind) -> Node {
    match field {
        wire::EVENT => one_of([kind.name()]),
        wire::WEBHOOK_ID => uuid(
            "The webhook endpoint that the payload is for: not the event's id.",
            "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        ),
        wire::TIMESTAMP => fixed(
            "When the transition happened: UTC, whole seconds.",
            "date-time",
            TIMESTAMP_PATTERN,
            "2026-06-04T10:30:00Z",
        ),
        wire::APPLICATION_ID => Node::object([
            (
                "description",
                Node::from("The backend's own number, carried along: `uuid` is the identity."),
            ),
            ("type", "integer".into()),
            // A generator that does not look at the maximum takes 32 bits otherwise.
            ("format", "int64".into()),
            ("minimum", 1.into()),
            ("maximum", ApplicationId::MAX.into()),
        ])
        .with_example(42),
        wire::UUID => uuid(
            "The application's identity.",
            "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
        ),
        wire::CERTIFICATE_TITLE => text(
            "What the certificate is called.",
            CertificateTitle::MAX_CHARS,
            not_blank(),
            "Certificate of Achievement",
        ),
        wire::APPLICANT_EMAIL => text(
            "Where the applicant is reached: an address as in RFC 5322 and RFC 6531, \
             without a display name.",
            ApplicantEmail::MAX_CHARS,
            address(),
            "john@example.com",
        ),
        wire::SOURCE => source(kind),
        wire::TRIGGER_CONTEXT => one_of(TriggerContext::NAMES.iter().copied())
            .described("What created the application.")
            .with_example("bulk_upload"),
        wire::REJECTION_REASON => text(
            "Why the administrator rejected the application.",
            RejectionReason::MAX_CHARS,
            not_blank(),
            "Duplicate certificate",
        ),
        wire::ERROR => text(
            "The critical error that processing hit.",
            ProcessingError::MAX_CHARS,
            not_blank(),
            "PDF generation failed: template not found",
        ),
        // The contract has no other field; a test reads the schema of every one of them.
        _ => Node::Bool(false),
    }
}

/// The value of the field in an example of this kind of event.
pub(super) fn example(field: &str, kind: EventKind) -> Node {
    let Node::Object(members) = schema(field, kind) else {
        return Node::Null;
    };
    // The examples stand behind the names that are legal, and come first.
    let first = |wanted: &str| {
        let (_, value) = members.iter().find(|(key, _)| key == wanted)?;
        match value {
            Node::List(items) => items.first().cloned(),
            _ => None,
        }
    };
    first("examples")
        .or_else(|| first("enum"))
        .unwrap_or(Node::Null)
}

/// One of these names. A `const` says the same of a single one, but generators pass it over.
pub(super) fn one_of(names: impl IntoIterator<Item = &'static str>) -> Node {
    Node::object([("type", Node::from("string")), ("enum", Node::list(names))])
}

impl Node {
    fn described(mut self, description: &'static str) -> Self {
        if let Self::Object(members) = &mut self {
            members.insert(0, ("description".into(), description.into()));
        }
        self
    }

    fn with_example(mut self, example: impl Into<Self>) -> Self {
        if let Self::Object(members) = &mut self {
            members.push(("examples".into(), Self::List(vec![example.into()])));
        }
        self
    }
}

fn uuid(description: &'static str, example: &'static str) -> Node {
    fixed(description, "uuid", UUID_PATTERN, example)
}

/// A text whose length is always that of the example. The length refuses a line break at the end,
/// before which `$` matches in Python.
fn fixed(
    description: &'static str,
    format: &'static str,
    pattern: &'static str,
    example: &'static str,
) -> Node {
    let length = example.len() as u64;
    Node::object([
        ("description", Node::from(description)),
        ("type", "string".into()),
        ("format", format.into()),
        ("minLength", length.into()),
        ("maxLength", length.into()),
        ("pattern", pattern.into()),
    ])
    .with_example(example)
}

fn text(
    description: &'static str,
    max_chars: usize,
    pattern: String,
    example: &'static str,
) -> Node {
    Node::object([
        ("description", Node::from(description)),
        ("type", "string".into()),
        ("minLength", 1.into()),
        ("maxLength", (max_chars as u64).into()),
        ("pattern", pattern.into()),
    ])
    .with_example(example)
}

fn source(kind: EventKind) -> Node {
    let names: Vec<_> = sources(kind).iter().map(|source| source.as_str()).collect();
    let schema = one_of(names.iter().copied()).described("Where the application came from.");
    match names.as_slice() {
        [first, _, ..] => schema.with_example(*first),
        _ => schema,
    }
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

/// At least one character that is not white space, by the definition that the code uses: the
/// classes of regular expression dialects (`\s`) differ.
fn not_blank() -> String {
    format!("[^{}]", class_of(char::is_whitespace))
}

/// The grammar of an address as far as a regular expression that people can read goes: a superset
/// of what the code accepts, exact for ASCII but for lengths and the numbers of an IP address.
fn address() -> String {
    // In the negative, because RFC 6531 adds letters of every script. `atext` of RFC 5322:
    let atom = r#"[^\u0000- "(),.:;<>@\[\\\]\u007f]+"#;
    let quoted = r#""(?:[^\u0000-\u0008\u000a-\u001f"\\\u007f]|\\[!-~])+""#;
    // Letters, digits and, inside, hyphens:
    let label =
        r"[^\u0000-/:-@\[-`{-\u007f](?:[^\u0000-,./:-@\[-`{-\u007f]*[^\u0000-/:-@\[-`{-\u007f])?";
    let literal = r"\[(?:[0-9.]+|IPv6:[0-9A-Fa-f:.]+)\]";
    format!("^(?:{quoted}|{atom}(?:\\.{atom})*)@(?:{literal}|{label}(?:\\.{label})*)$")
}

/// The characters as ranges of a regular expression's class. All lie in the basic plane.
fn class_of(belongs: impl Fn(char) -> bool) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for code in ('\0'..='\u{ffff}').filter(|it| belongs(*it)).map(u32::from) {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == code => *end = code,
            _ => ranges.push((code, code)),
        }
    }
    let range = |(start, end): &(u32, u32)| {
        if start == end {
            format!("\\u{start:04x}")
        } else {
            format!("\\u{start:04x}-\\u{end:04x}")
        }
    };
    ranges.iter().map(range).collect()
}
