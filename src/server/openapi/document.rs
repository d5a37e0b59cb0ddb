//! The document as a whole.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi,
    OpenApiBuilder, OpenApiVersion, Ref, ResponseBuilder, ServerBuilder,
};

use super::common;
use super::guard::TOKEN;
use crate::event::schema::event_schema;
use crate::lifecycle::event::EventKind;
use crate::server::problem::{FieldProblem, LineProblem, PROBLEM_JSON, ProblemDetails};

/// What each group of routes is about.
const TAGS: [(&str, &str); 6] = [
    ("applications", "Applications: created, moved on, read."),
    (
        "events",
        "All events, in the order in which they were committed.",
    ),
    (
        "webhooks",
        "Webhooks, and the deliveries of events to them.",
    ),
    (
        "work",
        "Background processing, for processors in any language.",
    ),
    ("tokens", "The tokens that requests are let in by."),
    ("service", "The state of the server."),
];

/// The document before its routes.
pub(in crate::server) fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("certificate-lifecycle")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The lifecycle of certificate applications over HTTP: each legal transition emits its webhook \
             event, and everything else is refused with a problem (RFC 9457).",
        ))
        .contact(Some(
            ContactBuilder::new().name(Some("certificate-lifecycle")).build(),
        ))
        .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE"))
                .identifier(Some(env!("CARGO_PKG_LICENSE"))).build()));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("clt_<id>_<secret>")
        .description(Some("A token, as `certlife token create` makes it."));
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let problem = ResponseBuilder::new()
        .description("Why the request was not carried out.")
        .content(PROBLEM_JSON, problem.build());
    let components = ComponentsBuilder::new()
        .security_scheme(TOKEN, SecurityScheme::Http(token.build()))
        .response("Problem", problem.build())
        .schema("Problem", ProblemDetails::schema())
        .schema("LineProblem", LineProblem::schema())
        .schema("FieldProblem", FieldProblem::schema());
    let tags = TAGS.map(|(name, about)| {
        TagBuilder::new()
            .name(name)
            .description(Some(about))
            .build()
    });
    let mut document = OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some(tags))
        .components(Some(components.build()))
        .build();
    document.openapi = OpenApiVersion::Version31;
    document
}

/// The document with its routes, and with the events that webhooks are sent: their schemas follow
/// from the rules, and the builder has no words for all that they say.
pub(in crate::server) fn finished(document: &OpenApi) -> Value {
    // It has no maps with keys that are no strings.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let mut schemas = Map::new();
    let mut webhooks = Map::new();
    let mut variants = Vec::new();
    let mut mapping = Map::new();
    for kind in EventKind::ALL {
        let name = schema_name(kind);
        let reference = format!("#/components/schemas/{name}");
        variants.push(json!({ "$ref": reference }));
        mapping.insert(kind.name().to_owned(), Value::from(reference.clone()));
        webhooks.insert(kind.name().to_owned(), webhook(kind, &reference));
        schemas.insert(name, schema(kind));
    }
    let any = json!({
        "title": "EventPayload",
        "description": "Any of the six events, as webhooks are sent them.",
        "oneOf": variants,
        "discriminator": { "propertyName": "event", "mapping": mapping },
    });
    schemas.insert("EventPayload".to_owned(), any);
    common::add_responses(&mut document);
    common::add_parameters(&mut document);
    describe_in_place(&mut document);
    if let Some(Value::Object(all)) = document.pointer_mut("/components/schemas") {
        all.values_mut().for_each(allow_null);
        all.extend(schemas);
    }
    let all = document.pointer("/components/schemas").cloned();
    for operation in common::operations(&mut document) {
        mark_optional_body(operation, all.as_ref());
        if let (Some(responses), Some(Value::Object(all))) = (operation.get_mut("responses"), &all)
        {
            refer(responses, all);
        }
    }
    if let Some(members) = document.as_object_mut() {
        members.insert("webhooks".to_owned(), Value::Object(webhooks));
    }
    document
}

/// A value with a description is written as both of two schemas, the second of which has the
/// description alone: here it stands in the first, where readers and generators look for it.
fn describe_in_place(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(describe_in_place);
            if let Some(described) = members.get("allOf").and_then(described) {
                *members = described;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(describe_in_place),
        _ => {}
    }
}

fn described(both: &Value) -> Option<Map<String, Value>> {
    let [Value::Object(value), Value::Object(about)] = both.as_array()?.as_slice() else {
        return None;
    };
    let description = about.get("description")?;
    let is_alone = about.keys().all(|it| it == "type" || it == "description");
    let mut value = value.clone();
    value.insert("description".to_owned(), description.clone());
    is_alone.then_some(value)
}

/// In what is read strictly, which is what requests have, a member that is null counts as absent.
fn allow_null(schema: &mut Value) {
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return;
    }
    let required = schema.get("required").and_then(Value::as_array).cloned();
    let required = required.unwrap_or_default();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let Some(members) = property.as_object_mut() else {
            continue;
        };
        if required.iter().any(|it| it == name) {
            continue;
        }
        if let Some(Value::Array(values)) = members.get_mut("enum") {
            values.push(Value::Null);
        }
        if let Some(of) = members.get("type").filter(|it| it.is_string()).cloned() {
            members.insert("type".to_owned(), json!([of, "null"]));
        }
        if let Some(reference) = members.remove("$ref") {
            let variants = json!([{ "$ref": reference }, { "type": "null" }]);
            members.insert("oneOf".to_owned(), variants);
        }
    }
}

/// Refers to a schema that stands among the components, where it stands again: generators make one
/// type of it.
fn refer(value: &mut Value, schemas: &Map<String, Value>) {
    let is_object = value.get("properties").is_some();
    if let Some((name, _)) = schemas.iter().find(|(_, it)| is_object && *it == value) {
        *value = json!({ "$ref": format!("#/components/schemas/{name}") });
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|it| refer(it, schemas)),
        Value::Array(items) => items.iter_mut().for_each(|it| refer(it, schemas)),
        _ => {}
    }
}

/// A body without members that have to be there may be absent.
fn mark_optional_body(operation: &mut Value, schemas: Option<&Value>) {
    let Some(body) = operation.get_mut("requestBody") else {
        return;
    };
    let reference = body.pointer("/content/application~1json/schema/$ref");
    let name = reference
        .and_then(Value::as_str)
        .and_then(|it| it.rsplit('/').next());
    let schema = name.and_then(|it| schemas?.get(it));
    let is_object = schema.is_some_and(|it| it.get("properties").is_some());
    if is_object && schema.is_some_and(|it| it.get("required").is_none()) {
        body["required"] = Value::Bool(false);
    }
}

/// The name of an event's schema, such as `ApprovedEvent`.
fn schema_name(kind: EventKind) -> String {
    let word = kind.as_str();
    let (first, rest) = word.split_at(1);
    format!("{}{rest}Event", first.to_ascii_uppercase())
}

/// The schema of an event, without members whose schema is `false`, which generators do not take,
/// and without its own identity.
fn schema(kind: EventKind) -> Value {
    let mut schema: Value = serde_json::from_str(&event_schema(kind)).unwrap_or_default();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("$id");
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            properties.retain(|_, it| *it != Value::Bool(false));
        }
    }
    schema
}

fn webhook(kind: EventKind, schema: &str) -> Value {
    json!({
        "post": {
            "operationId": format!("on{}", schema_name(kind)),
            "summary": format!("A webhook is sent {}", kind.name()),
            "description": "Signed by X-Webhook-Signature and by webhook-signature (Standard Webhooks).",
            "tags": ["webhooks"],
            "security": [],
            "requestBody": {
                "required": true,
                "content": { "application/json": { "schema": { "$ref": schema } } },
            },
            "responses": {
                "2XX": { "description": "It is taken." },
                "default": { "description": "It is not taken, and sent again." },
            },
        },
    })
}
