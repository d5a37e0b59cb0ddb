//! `POST /v1/webhooks/{id}/rotate`, `/test`, `/disable`, `/enable`.

use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::administration::{Administration, times};
use super::reason::reason;
use super::view::{AttemptView, WebhookView, Which, WithSecret};
use crate::server::answer::{Json, tagged};
use crate::server::api::Api;
use crate::server::applications::no_members;
use crate::server::openapi::{IdempotencyKeyHeader, IfMatchHeader};
use crate::server::principal::{Caller, Principal};
use crate::server::problem::{FieldProblem, Problem};
use crate::server::request::{Bytes1MiB, Form, IfMatch, Parameters, Segment};

/// The head of a request about one webhook.
pub(in crate::server) struct Head {
    caller: Principal,
    pub(super) id: Uuid,
    expected: IfMatch,
}

impl Head {
    pub(super) fn of<'a>(&'a self, api: &'a Api) -> Administration<'a> {
        Administration::of(api, &self.caller).expecting(self.expected)
    }
}

impl FromRequestParts<Api> for Head {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(caller) = Caller::from_request_parts(parts, api).await?;
        let id = Segment::from_request_parts(parts, api).await?.uuid()?;
        let expected = IfMatch::from_request_parts(parts, api).await?;
        let parameters = Parameters::from_request_parts(parts, api).await?;
        parameters.finish()?;
        Ok(Self {
            caller,
            id,
            expected,
        })
    }
}

/// How long the secrets before the new one sign.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Rotation {
    /// How long the old secret stays valid, in seconds; a day, if absent.
    #[schema(required = false, minimum = 0, maximum = 31_536_000)]
    grace: u32,
    /// When `X-Webhook-Signature` follows, in seconds; after half of the grace, if absent.
    #[schema(required = false, minimum = 0, maximum = 31_536_000)]
    switch_over: u32,
    /// Revoke all earlier secrets at once.
    #[schema(required = false)]
    revoke: bool,
}

/// The longest grace, in seconds: a year.
const LONGEST_GRACE: u64 = 31_536_000;
const GRACE_RULE: &str = "an integer from 0 to 31536000: seconds";

impl Rotation {
    /// The grace and the time until the switch-over; none where all others are revoked.
    fn read(body: &[u8]) -> Result<Option<(Duration, Duration)>, Problem> {
        let mut form = Form::read(body, &["grace", "switch_over", "revoke"])?;
        let mut seconds = |name| {
            let seconds = form.optional_integer(name, 0..=LONGEST_GRACE, GRACE_RULE);
            seconds.map(Duration::from_secs)
        };
        let (grace, switch_over) = (seconds("grace"), seconds("switch_over"));
        let is_revoked = form.flag("revoke");
        form.finish()?;
        let refused = |pointer, detail: &str| Err(FieldProblem::at(pointer, detail).into());
        if is_revoked {
            if grace.or(switch_over).is_some() {
                let detail = "with revoke, there is neither grace nor switch_over";
                return refused("/revoke", detail);
            }
            return Ok(None);
        }
        let (grace, switch_over) = times(grace, switch_over);
        if switch_over > grace {
            let detail = "switch_over is longer than grace: by then, the old secret signs nothing";
            return refused("/switch_over", detail);
        }
        Ok(Some((grace, switch_over)))
    }
}

/// Give a webhook a new secret.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    operation_id = "rotateSecret",
    tag = "webhooks",
    summary = "Give a webhook a new secret",
    description = "The answer has the secret, this once. A request that is repeated with its idempotency key has the same \
                   answer, the secret included, and changes nothing.",
    params(Which, IdempotencyKeyHeader, IfMatchHeader),
    request_body = Rotation,
    responses((status = 200, description = "The webhook with its new secret.", body = WithSecret<'static>,
        headers(("ETag" = String), ("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn rotate(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let times = Rotation::read(&body)?;
    let (webhook, new) = head.of(&api).rotate(head.id, times).await?;
    let shown = WithSecret {
        webhook: &webhook,
        secret: new.expose(),
    };
    let mut response = tagged(webhook.revision, Json(shown));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Send a test event to a webhook, once.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    operation_id = "testWebhook",
    tag = "webhooks",
    summary = "Send a test event to a webhook, once, even if it is disabled",
    params(Which, IdempotencyKeyHeader, IfMatchHeader),
    responses((status = 200, description = "The attempt, whether it succeeded or not.", body = AttemptView,
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn test(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    no_members(&body)?;
    let attempt = head.of(&api).send_test(head.id).await?;
    Ok(Json(attempt).into_response())
}

/// Why nothing is to be sent.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Disabling {
    /// For those who look at it later: at most 256 characters, on one line.
    #[schema(required = false, max_length = 256)]
    reason: String,
}

/// Send nothing to a webhook until it is enabled again.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/disable",
    operation_id = "disableWebhook",
    tag = "webhooks",
    summary = "Send nothing to a webhook until it is enabled again; what is pending stays",
    params(Which, IdempotencyKeyHeader, IfMatchHeader),
    request_body = Disabling,
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView,
        headers(("ETag" = String), ("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn disable(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let mut form = Form::read(&body, &["reason"])?;
    let reason = form.optional_text("reason", reason);
    form.finish()?;
    let reason = reason.unwrap_or_default();
    let webhook = head.of(&api).disable(head.id, reason).await?;
    Ok(tagged(webhook.revision, Json(webhook)))
}

/// What becomes of the deliveries that are pending since before the webhook was disabled.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Enabling {
    /// `resume` sends them, `drop` makes them dead. Needed if there are any.
    #[schema(required = false, inline, value_type = crate::server::openapi::PendingValue)]
    pending: String,
}

/// Send to a webhook again.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/enable",
    operation_id = "enableWebhook",
    tag = "webhooks",
    summary = "Send to a webhook again",
    params(Which, IdempotencyKeyHeader, IfMatchHeader),
    request_body = Enabling,
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView,
        headers(("ETag" = String), ("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn enable(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let mut form = Form::read(&body, &["pending"])?;
    let drops = form.optional_text("pending", |text| match text {
        "resume" => Ok(false),
        "drop" => Ok(true),
        _ => Err("field pending must be resume or drop"),
    });
    form.finish()?;
    let webhook = head.of(&api).enable(head.id, drops).await?;
    Ok(tagged(webhook.revision, Json(webhook)))
}
