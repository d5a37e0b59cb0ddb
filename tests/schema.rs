//! The schemas, by a stock validator: the six payloads pass, mutated ones do not, and what the
//! schema says is what the parser does.

mod support;

use certificate_lifecycle::{EventKind, EventPayload, schema};
use jsonschema::Validator;
use serde_json::{Value, json};

fn reference(kind: EventKind) -> Value {
    serde_json::from_str(support::reference(kind)).unwrap()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

fn of_kind(kind: EventKind) -> Validator {
    validator(&serde_json::from_str(&schema::event_schema(kind)).unwrap())
}

fn of_any() -> Validator {
    validator(&serde_json::from_str(&schema::any_event_schema()).unwrap())
}

fn parses(payload: &Value) -> bool {
    EventPayload::parse(payload.to_string().as_bytes()).is_ok()
}

#[test]
fn schemas_are_valid_json_schema_2020_12() {
    for kind in EventKind::ALL.iter().copied() {
        let schema: Value = serde_json::from_str(&schema::event_schema(kind)).unwrap();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert!(jsonschema::meta::is_valid(&schema));
    }
    let any: Value = serde_json::from_str(&schema::any_event_schema()).unwrap();
    assert!(jsonschema::meta::is_valid(&any));
}

#[test]
fn the_six_payloads_pass_their_own_schema_and_no_other() {
    let any = of_any();
    for kind in EventKind::ALL.iter().copied() {
        let payload = reference(kind);
        for other in EventKind::ALL.iter().copied() {
            assert_eq!(of_kind(other).is_valid(&payload), other == kind);
        }
        assert!(any.is_valid(&payload));
    }
}

/// Texts that some field might take, most of them wrong.
const CANDIDATES: [&str; 63] = [
    "",
    " ",
    "\u{a0}\u{2003}\u{3000}\u{85}",
    "\u{feff}",
    "\u{200b}",
    "\0",
    "x",
    " x\n",
    "vault",
    "customer",
    "Vault",
    "single_upload",
    "bulk_upload",
    "customer_submission",
    "certificate_application.created",
    "certificate_application.approved",
    "certificate_application.x",
    "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
    "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15\n",
    "9E7860F0-05d1-4fd0-b3e0-e98e19f1cf15",
    "9e7860f005d14fd0b3e0e98e19f1cf15",
    "urn:uuid:9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
    "2026-06-04T10:30:00Z",
    "2026-06-04T10:30:00Z\n",
    "2026-06-04T10:30:00.5Z",
    "2026-06-04T10:30:00+00:00",
    "2026-06-04T10:30:00z",
    "2026-06-04 10:30:00Z",
    "2025-02-29T10:30:00Z",
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "john@example.com",
    "jörg@exämple.de",
    "\"john doe\"@example.com",
    "\"john\\ doe\"@example.com",
    "\"john\"doe\"@example.com",
    "x@[192.0.2.1]",
    "x@[192.0.2.1",
    "john doe@example.com",
    "john@example..com",
    ".john@example.com",
    "john.@example.com",
    "john@@example.com",
    "john@example.com\n",
    "John <john@example.com>",
    "@example.com",
    "a@-b.com",
    "a@b-.com",
    "a@b#$.com",
    "a@{b}.com",
    "a@exa_mple.com",
    "a@+",
    "a@*",
    "a@~",
    "a@b|c",
    "a@[]",
    "a@[x@y]",
    "a@[x]",
    "a@b-c.d1",
    "\"a\tb\"@c.d",
    "\"a\nb\"@c.d",
    "\"\"@c.d",
    "john@",
];

/// Values that some field might take, most of them wrong.
fn candidates() -> Vec<Value> {
    let texts = CANDIDATES.into_iter().map(Value::from);
    let others = [
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(9_007_199_254_740_991_u64),
        json!(9_007_199_254_740_992_u64),
        json!("x".repeat(255)),
        json!("x".repeat(256)),
        json!("é".repeat(255)),
        json!("🎓".repeat(256)),
        json!("x".repeat(1000)),
        json!("🎓".repeat(1001)),
    ];
    others.into_iter().chain(texts).collect()
}

#[test]
fn schema_and_parser_agree_on_every_mutation() {
    let any = of_any();
    let mut refused = 0;
    for kind in EventKind::ALL.iter().copied() {
        let (own, original) = (of_kind(kind), reference(kind));
        let fields = [
            "event",
            "webhook_id",
            "timestamp",
            "application_id",
            "uuid",
            "certificate_title",
            "applicant_email",
            "source",
            "trigger_context",
            "rejection_reason",
            "error",
            "unknown",
        ];
        for field in fields {
            let mut mutations: Vec<Value> = candidates()
                .into_iter()
                .map(|candidate| {
                    let mut mutated = original.clone();
                    mutated[field] = candidate;
                    mutated
                })
                .collect();
            let mut without = original.clone();
            without.as_object_mut().unwrap().remove(field);
            mutations.push(without);
            for mutated in mutations {
                let expected = parses(&mutated);
                refused += usize::from(!expected);
                assert_eq!(any.is_valid(&mutated), expected, "{field}: {mutated}");
                if mutated["event"] == original["event"] {
                    assert_eq!(own.is_valid(&mutated), expected, "{field}: {mutated}");
                }
            }
        }
    }
    assert!(refused > 3000, "{refused}");
}

#[test]
fn both_fields_of_a_created_event_together_make_the_pair() {
    let any = of_any();
    for source in ["vault", "customer"] {
        for context in ["single_upload", "bulk_upload", "customer_submission"] {
            let mut payload = reference(EventKind::Created);
            payload["source"] = source.into();
            payload["trigger_context"] = context.into();
            let legal = (source == "customer") == (context == "customer_submission");
            assert_eq!(any.is_valid(&payload), legal);
            assert_eq!(parses(&payload), legal);
        }
    }
}

#[test]
fn an_address_that_the_parser_takes_passes_the_schema() {
    // The reverse does not hold beyond ASCII: a schema cannot say what a letter is.
    let any = of_any();
    for address in [
        "a!#$%&'*+/=?^_`{|}~-b@example.com",
        "\" \\\" \"@example.com",
        "δοκιμή@παράδειγμα.δοκιμή",
        "用户@例子.广告",
        "x@localhost",
        "x@[IPv6:2001:db8::1]",
        "𝒶@𝒷.example",
    ] {
        let mut payload = reference(EventKind::Approved);
        payload["applicant_email"] = address.into();
        assert!(parses(&payload), "{address}");
        assert!(any.is_valid(&payload), "{address}");
    }
}

/// Follows every `$ref` of a document.
fn check_references(document: &Value, node: &Value, count: &mut usize) {
    match node {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref") {
                let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{pointer}");
                *count += 1;
            }
            members
                .values()
                .for_each(|it| check_references(document, it, count));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|it| check_references(document, it, count)),
        _ => {}
    }
}

#[test]
fn the_asyncapi_document_describes_the_same_six_events() {
    let document: Value = serde_json::from_str(&schema::asyncapi()).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut references = 0;
    check_references(&document, &document, &mut references);
    assert_eq!(references, 6 + 1 + 6 + 12);
    for kind in EventKind::ALL.iter().copied() {
        let message = &document["components"]["messages"][kind.as_str()];
        assert_eq!(message["name"], kind.name());
        let payload = &document["components"]["schemas"][kind.as_str()];
        let own: Value = serde_json::from_str(&schema::event_schema(kind)).unwrap();
        assert_eq!(payload["properties"], own["properties"]);
        assert_eq!(payload["required"], own["required"]);
        // The example is the reference payload, but for the source of the processing event.
        assert_eq!(message["examples"][0]["payload"], reference(kind));
        let validator = validator(payload);
        assert!(validator.is_valid(&reference(kind)));
        assert!(!validator.is_valid(&json!({"event": kind.name()})));
    }
    let headers = document["components"]["schemas"]["headers"].clone();
    let names: Vec<_> = headers["required"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 7);
    assert!(
        names
            .iter()
            .all(|name| headers["properties"][name.as_str().unwrap()].is_object())
    );
}

#[test]
fn the_asyncapi_document_takes_headers_as_they_arrive() {
    // It asked for `X-Webhook-Signature`, and servers hand on `x-webhook-signature`.
    let document: Value = serde_json::from_str(&schema::asyncapi()).unwrap();
    let headers = validator(&document["components"]["schemas"]["headers"]);
    let arrived = json!({
        "content-type": "application/json",
        "x-webhook-signature": "0".repeat(64),
        "x-webhook-event": "certificate_application.approved",
        "x-webhook-id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        "x-webhook-timestamp": "2026-06-04T10:30:00Z",
        "webhook-id": "9e7860f0-05d1-5fd0-b3e0-e98e19f1cf15",
        "webhook-timestamp": "1780569000",
        "webhook-signature": "v1,AA==",
    });
    assert!(headers.is_valid(&arrived));
    for name in arrived.as_object().unwrap().keys() {
        let mut without = arrived.clone();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(headers.is_valid(&without), name == "content-type", "{name}");
    }
}

/// Every schema in a document; what describes members of an object is not one.
fn check_for_generators(node: &Value) {
    let Value::Object(members) = node else {
        // Generators refuse a member whose schema is `false`, or make an optional one of it.
        assert!(!node.is_boolean());
        return;
    };
    // typify passes `const` over.
    assert!(!members.contains_key("const"), "{node}");
    // Validators in strict mode want a type beside each of these.
    let typed = ["pattern", "maxLength", "minimum"];
    if typed.iter().any(|it| members.contains_key(*it)) {
        assert!(members.contains_key("type"), "{node}");
    }
    if members.get("type") == Some(&json!("integer")) {
        assert_eq!(members["format"], "int64", "{node}");
    }
    for name in ["properties", "$defs", "schemas"] {
        let named = members.get(name).and_then(Value::as_object);
        for schema in named.into_iter().flat_map(serde_json::Map::values) {
            if name == "properties" && schema.get("enum").is_some() {
                assert_eq!(schema["type"], "string", "{schema}");
            }
            check_for_generators(schema);
        }
    }
    for schema in members
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        check_for_generators(schema);
    }
}

#[test]
fn schemas_have_nothing_that_generators_do_not_understand() {
    for kind in EventKind::ALL.iter().copied() {
        check_for_generators(&serde_json::from_str(&schema::event_schema(kind)).unwrap());
    }
    check_for_generators(&serde_json::from_str(&schema::any_event_schema()).unwrap());
    let asyncapi: Value = serde_json::from_str(&schema::asyncapi()).unwrap();
    check_for_generators(&asyncapi["components"]);
}

#[test]
fn properties_stand_in_the_order_of_the_wire() {
    for kind in EventKind::ALL.iter().copied() {
        let schema = schema::event_schema(kind);
        let wire = support::reference(kind);
        let fields = wire
            .lines()
            .filter_map(|line| line.trim().split('"').nth(1));
        let mut rest = schema.split_once("\"properties\"").unwrap().1;
        for field in fields {
            rest = rest.split_once(&format!("\"{field}\": {{")).expect(field).1;
        }
    }
}
