//! What API.md says of roles, scopes and routes.

/// One route: what it needs, and what it answers to who has it, where there is nothing yet.
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// One of these is needed.
    pub scopes: &'static [&'static str],
    /// The kind of actor to whom the contract gives it; where any kind may, `system`.
    pub actor: &'static str,
    pub body: &'static str,
    pub status: u16,
}

/// Routes that need no token.
pub const OPEN: [&str; 3] = ["GET /health/live", "GET /health/ready", "GET /openapi.json"];

/// The columns of the table of scopes (those of what there is already).
pub const ROLES: [(&str, &[&str]); 6] = [
    (
        "viewer",
        &[
            "applications:read",
            "events:read",
            "webhooks:read",
            "deliveries:read",
        ],
    ),
    (
        "reviewer",
        &[
            "applications:read",
            "applications:decide",
            "applications:retry",
        ],
    ),
    (
        "operator",
        &[
            "applications:read",
            "applications:retry",
            "events:read",
            "webhooks:read",
            "deliveries:read",
            "deliveries:write",
        ],
    ),
    (
        "processor",
        &["applications:read", "applications:process", "events:read"],
    ),
    ("submitter", &["applications:read", "applications:submit"]),
    (
        "administrator",
        &[
            "applications:read",
            "applications:submit",
            "applications:upload",
            "applications:decide",
            "applications:retry",
            "events:read",
            "webhooks:read",
            "webhooks:write",
            "deliveries:read",
            "deliveries:write",
            "tokens:write",
        ],
    ),
];

const fn route(
    method: &'static str,
    path: &'static str,
    scopes: &'static [&'static str],
    actor: &'static str,
    body: &'static str,
    status: u16,
) -> Route {
    Route {
        method,
        path,
        scopes,
        actor,
        body,
        status,
    }
}

const READ: &[&str] = &["applications:read"];
const PROCESS: &[&str] = &["applications:process"];
const DECIDE: &[&str] = &["applications:decide"];
const HOOKS: &[&str] = &["webhooks:read"];
const HOOKS_WRITE: &[&str] = &["webhooks:write"];
const DELIVERIES: &[&str] = &["deliveries:read"];
const DELIVERIES_WRITE: &[&str] = &["deliveries:write"];
const TOKENS: &[&str] = &["tokens:write"];
const ANY_COMMAND: &[&str] = &[
    "applications:submit",
    "applications:upload",
    "applications:decide",
    "applications:retry",
    "applications:process",
];

const SUBMIT: &str = r#"{"command":"submit","application_id":1,"certificate_title":"A","applicant_email":"a@example.com"}"#;
const UPLOAD: &str = r#"{"command":"upload","application_id":1,"certificate_title":"A","applicant_email":"a@example.com","trigger_context":"single_upload"}"#;

/// Each route of API.md.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    route("POST", "/v1/applications", &["applications:submit"], "customer", SUBMIT, 201),
    route("POST", "/v1/applications", &["applications:submit"], "system", SUBMIT, 201),
    route("POST", "/v1/applications", &["applications:upload"], "administrator", UPLOAD, 201),
    route("GET", "/v1/applications", READ, "system", "", 200),
    route("GET", "/v1/applications/{uuid}", READ, "system", "", 404),
    route("GET", "/v1/applications/{uuid}/history", READ, "system", "", 404),
    route("GET", "/v1/applications/{uuid}/deliveries", DELIVERIES, "system", "", 404),
    route("POST", "/v1/applications/{uuid}/begin-processing", DECIDE, "administrator", "", 404),
    route("POST", "/v1/applications/{uuid}/approve", PROCESS, "system", "", 404),
    route("POST", "/v1/applications/{uuid}/reject", DECIDE, "administrator", r#"{"rejection_reason":"x"}"#, 404),
    route("POST", "/v1/applications/{uuid}/fail", PROCESS, "system", r#"{"error":"x"}"#, 404),
    route("POST", "/v1/applications/{uuid}/retry", &["applications:retry"], "administrator", "", 404),
    route("POST", "/v1/commands", ANY_COMMAND, "system", "", 200),
    route("GET", "/v1/counts", READ, "system", "", 200),
    route("GET", "/v1/events", &["events:read"], "system", "", 200),
    route("GET", "/v1/webhooks", HOOKS, "system", "", 200),
    route("POST", "/v1/webhooks", HOOKS_WRITE, "administrator", r#"{"url":"https://example.com/"}"#, 201),
    route("GET", "/v1/webhooks/{id}", HOOKS, "system", "", 404),
    route("PATCH", "/v1/webhooks/{id}", HOOKS_WRITE, "system", r#"{"description":"x"}"#, 404),
    route("DELETE", "/v1/webhooks/{id}", HOOKS_WRITE, "system", "", 404),
    route("POST", "/v1/webhooks/{id}/rotate", HOOKS_WRITE, "system", "{}", 404),
    route("POST", "/v1/webhooks/{id}/test", HOOKS_WRITE, "system", "", 404),
    route("POST", "/v1/webhooks/{id}/disable", HOOKS_WRITE, "system", r#"{"reason":"x"}"#, 404),
    route("POST", "/v1/webhooks/{id}/enable", HOOKS_WRITE, "system", r#"{"pending":"drop"}"#, 404),
    route("POST", "/v1/webhooks/{id}/replay", DELIVERIES_WRITE, "system", r#"{"from":"2026-06-04T10:30:00Z"}"#, 404),
    route("GET", "/v1/deliveries", DELIVERIES, "system", "", 200),
    route("GET", "/v1/deliveries/{id}", DELIVERIES, "system", "", 404),
    route("POST", "/v1/deliveries/redeliver", DELIVERIES_WRITE, "system", r#"{"ids":[1]}"#, 200),
    route("POST", "/v1/deliveries/abandon", DELIVERIES_WRITE, "system", r#"{"filter":{},"reason":"x"}"#, 200),
    route("POST", "/v1/work/claim", PROCESS, "system", "{}", 200),
    route("POST", "/v1/work/{work}/heartbeat", PROCESS, "system", r#"{"lease":60}"#, 409),
    route("POST", "/v1/work/{work}/approve", PROCESS, "system", "", 409),
    route("POST", "/v1/work/{work}/fail", PROCESS, "system", r#"{"error":"x"}"#, 409),
    route("POST", "/v1/work/{work}/again", PROCESS, "system", r#"{"error":"x","after":30}"#, 409),
    route("POST", "/v1/work/{work}/release", PROCESS, "system", "", 409),
    route("GET", "/v1/tokens", TOKENS, "system", "", 200),
    route("POST", "/v1/tokens", TOKENS, "system", r#"{"name":"x","scopes":["tokens:write"]}"#, 201),
    route("DELETE", "/v1/tokens/{id}", TOKENS, "system", "", 404),
];
