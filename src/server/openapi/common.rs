//! What many operations share, among the components: the headers of requests that the guard and the
//! reading of tags take, and problems with headers of their own.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::values::ActorValue;
use crate::store::InstitutionId;

/// A problem that an answer has a header with.
struct WithHeader {
    name: &'static str,
    statuses: &'static [u16],
    header: &'static str,
    is_required: bool,
    description: &'static str,
}

const WITH_HEADERS: [WithHeader; 3] = [
    WithHeader {
        name: "Unauthenticated",
        statuses: &[401],
        header: "WWW-Authenticate",
        is_required: true,
        description: "The scheme of tokens: `Bearer`.",
    },
    WithHeader {
        name: "Conflicting",
        statuses: &[409],
        header: "Retry-After",
        is_required: false,
        description: "In how many seconds to repeat the request, where the code is `in_progress`.",
    },
    WithHeader {
        name: "TryLater",
        statuses: &[429, 503],
        header: "Retry-After",
        is_required: true,
        description: "In how many seconds to try again.",
    },
];

/// The name of the response with a problem of this status.
pub(super) fn problem(status: u16) -> &'static str {
    let mut all = WITH_HEADERS.iter();
    let with_header = all.find(|it| it.statuses.contains(&status));
    with_header.map_or("Problem", |it| it.name)
}

/// Adds the problems that have headers, as they follow from the one that has none.
pub(super) fn add_responses(document: &mut Value) {
    let responses = document.pointer_mut("/components/responses");
    let Some(responses) = responses.and_then(Value::as_object_mut) else {
        return;
    };
    let plain = responses.get("Problem").cloned().unwrap_or_default();
    for it in &WITH_HEADERS {
        let schema = match it.header {
            "Retry-After" => json!({ "type": "integer", "minimum": 0 }),
            _ => json!({ "type": "string" }),
        };
        let header = json!({
            "description": it.description,
            "required": it.is_required,
            "schema": schema,
        });
        let mut response = plain.clone();
        if let Some(members) = response.as_object_mut() {
            members.insert("headers".to_owned(), json!({ it.header: header }));
        }
        responses.insert(it.name.to_owned(), response);
    }
}

/// A header of requests.
fn header(name: &str, schema: &Value, description: &str) -> Value {
    json!({
        "name": name,
        "in": "header",
        "required": false,
        "description": description,
        "schema": schema,
    })
}

/// Adds the headers that the guard reads to all that needs a token, and `If-None-Match` to what is
/// answered with 304.
pub(super) fn add_parameters(document: &mut Value) {
    let institution = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": InstitutionId::MAX_CHARS,
        "examples": ["example-university"],
    });
    let actor = serde_json::to_value(ActorValue::schema()).unwrap_or_default();
    let all = json!({
        "CertlifeInstitution": header("Certlife-Institution", &institution,
            "The institution that the request is about. A token for all institutions needs it; one of \
             a single institution may name that one alone."),
        "CertlifeActor": header("Certlife-Actor", &actor,
            "In whose name the request acts; the token's actor, if absent. Another one needs the scope \
             `actor:any`."),
        "IfNoneMatch": header("If-None-Match", &json!({ "type": "string", "examples": ["\"3\""] }),
            "The `ETag` of what the client has. As long as it fits, the answer is 304, without a body."),
    });
    for operation in operations(document) {
        let needs_token = operation.pointer("/security/0/token").is_some();
        let may_be_known = operation.pointer("/responses/304").is_some();
        let guarded = ["CertlifeInstitution", "CertlifeActor"];
        let names = guarded.into_iter().filter(|_| needs_token);
        let names = names.chain(Some("IfNoneMatch").filter(|_| may_be_known));
        let references: Vec<_> = names
            .map(|it| json!({ "$ref": format!("#/components/parameters/{it}") }))
            .collect();
        let Some(members) = operation.as_object_mut().filter(|_| !references.is_empty()) else {
            continue;
        };
        let own = members.entry("parameters").or_insert_with(|| json!([]));
        if let Some(own) = own.as_array_mut() {
            own.extend(references);
        }
    }
    if let Some(Value::Object(components)) = document.get_mut("components") {
        components.insert("parameters".to_owned(), all);
    }
}

/// All operations of the document.
pub(super) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(Map::values_mut);
    items
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
}
