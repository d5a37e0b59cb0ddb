//! `/v1/webhooks` and `/v1/webhooks/{id}`.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

use super::change::{change, check, find, unknown};
use super::settings::{NewWebhook, WebhookChange};
use super::view::{WebhookView, Which, WithSecret};
use crate::server::answer::{Json, not_modified, tag, tagged};
use crate::server::api::Api;
use crate::server::header_names::IDEMPOTENT_REPLAYED;
use crate::server::openapi::{IdempotencyKeyHeader, IfMatchHeader};
use crate::server::principal::Caller;
use crate::server::problem::{FieldProblem, Problem, ProblemCode};
use crate::server::request::{
    Bytes1MiB, IdempotencyHeader, IfMatch, IfNoneMatch, Parameters, Segment, json,
};
use crate::server::view::List;
use crate::store::{IdempotencyKey, InstitutionId, Outbox, Webhook};
use crate::webhook::{Endpoint, Secret};

/// Within this namespace lie the ids of webhooks that are made of keys.
const FROM_KEYS: Uuid = uuid::uuid!("a0b1f2d4-6a53-4f0e-8a39-2c4cf0a0c9d1");

/// The webhooks of the institution.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "listWebhooks",
    tag = "webhooks",
    summary = "The webhooks of the institution, in the order in which they were created",
    responses((status = 200, description = "All of them, on one page.", body = inline(List<WebhookView>))),
)]
pub(in crate::server) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let webhooks = api.store().webhooks(Some(&caller.institution)).await?;
    Ok(Json(List::whole(webhooks)).into_response())
}

/// Register a webhook.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "createWebhook",
    tag = "webhooks",
    summary = "Register a webhook",
    description = "The answer has the secret that deliveries are signed with, this once. A request that is repeated with its \
                   idempotency key has the same answer, or, if the webhook was changed meanwhile, the webhook as it is.",
    params(IdempotencyKeyHeader),
    request_body = NewWebhook,
    responses(
        (status = 201, description = "It is registered.", body = WithSecret<'static>,
            headers(("Location" = String), ("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    IdempotencyHeader(key): IdempotencyHeader,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let settings = json::<WebhookChange>(&body)?.read(&api.options.targets)?;
    let url = settings.url.clone();
    let url = url.ok_or_else(|| FieldProblem::missing("url"))?;
    let institution = &caller.institution;
    let id = new_id(institution, key.as_ref())?;
    let mut endpoint = Endpoint::new(url, secret()?);
    settings.apply(&mut endpoint);
    let now = api.engine.clock().now();
    let new = Webhook::new(id, institution.clone(), endpoint.clone(), now);
    let is_new = api.store().add_webhook(new.clone()).await?;
    let webhook = if is_new {
        new
    } else {
        // Its id was made of the key, so the key was used before.
        let known = api.store().webhook(institution, id).await?;
        known.ok_or_else(|| Problem::new(ProblemCode::AlreadyExists, "the id is taken"))?
    };
    if !is_new && webhook.revision == 0 && differs(&webhook.endpoint, &endpoint) {
        let detail =
            format!("this idempotency key was used to register webhook {id}, with other settings");
        return Err(Problem::new(ProblemCode::IdempotencyMismatch, detail));
    }
    let shown = WithSecret {
        webhook: &webhook,
        secret: webhook.endpoint.secrets.current().expose(),
    };
    let mut response = tagged(webhook.revision, Json(shown));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let location = format!("{}/{id}", uri.path().trim_end_matches('/'));
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if !is_new {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Whether two endpoints differ in more than their secrets.
fn differs(known: &Endpoint, new: &Endpoint) -> bool {
    let mut new = new.clone();
    new.secrets = known.secrets.clone();
    *known != new
}

/// A new secret.
pub(super) fn secret() -> Result<Secret, Problem> {
    Secret::generate().map_err(|error| {
        Problem::new(ProblemCode::Internal, "no secret could be made").caused_by(error)
    })
}

/// The id of a new webhook: of the key, where there is one, so that it is registered once.
fn new_id(institution: &InstitutionId, key: Option<&IdempotencyKey>) -> Result<Uuid, Problem> {
    if let Some(key) = key {
        let institution = Uuid::new_v5(&FROM_KEYS, institution.as_str().as_bytes());
        return Ok(Uuid::new_v5(&institution, key.as_str().as_bytes()));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        Problem::new(ProblemCode::Internal, "no id could be made").caused_by(error)
    })?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid())
}

/// A webhook.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    operation_id = "getWebhook",
    tag = "webhooks",
    summary = "A webhook",
    params(Which),
    responses(
        (status = 200, description = "The webhook.", body = WebhookView, headers(("ETag" = String))),
        (status = 304, description = "The client has it already (`If-None-Match`)."),
    ),
)]
pub(in crate::server) async fn read(
    State(api): State<Api>,
    Caller(caller): Caller,
    id: Segment,
    known: IfNoneMatch,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = id.uuid()?;
    parameters.finish()?;
    let webhook = find(&api, &caller.institution, id).await?;
    if known.has(&tag(webhook.revision)) {
        return Ok(not_modified(webhook.revision));
    }
    Ok(tagged(webhook.revision, Json(webhook)))
}

/// Change a webhook's settings.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    operation_id = "changeWebhook",
    tag = "webhooks",
    summary = "Change a webhook's settings; what is absent stays",
    params(Which, IfMatchHeader),
    request_body = WebhookChange,
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView,
        headers(("ETag" = String)))),
)]
pub(in crate::server) async fn patch(
    State(api): State<Api>,
    Caller(caller): Caller,
    id: Segment,
    expected: IfMatch,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let id = id.uuid()?;
    parameters.finish()?;
    let settings = json::<WebhookChange>(&body)?.read(&api.options.targets)?;
    let apply = |endpoint: &mut Endpoint| settings.apply(endpoint);
    let webhook = change(&api, &caller.institution, id, expected, apply).await?;
    Ok(tagged(webhook.revision, Json(webhook)))
}

/// Remove a webhook, with its deliveries.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    operation_id = "removeWebhook",
    tag = "webhooks",
    summary = "Remove a webhook, with its deliveries and their attempts",
    params(Which, IfMatchHeader),
    responses((status = 204, description = "It is removed.")),
)]
pub(in crate::server) async fn remove(
    State(api): State<Api>,
    Caller(caller): Caller,
    id: Segment,
    expected: IfMatch,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = id.uuid()?;
    parameters.finish()?;
    let institution = &caller.institution;
    if expected != IfMatch::Absent {
        check(&find(&api, institution, id).await?, expected)?;
    }
    if api.store().remove_webhook(institution, id).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(unknown(id))
    }
}
