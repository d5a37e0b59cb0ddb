//! `/v1/webhooks` and `/v1/webhooks/{id}`.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

use super::administration::Administration;
use super::change::find;
use super::settings::{NewWebhook, Settings, WebhookChange};
use super::view::{WebhookView, Which, WithSecret};
use crate::server::answer::{Json, not_modified, tag, tagged};
use crate::server::api::Api;
use crate::server::header_names::IDEMPOTENT_REPLAYED;
use crate::server::openapi::{IdempotencyKeyHeader, IfMatchHeader};
use crate::server::principal::Caller;
use crate::server::problem::{Problem, ProblemCode};
use crate::server::request::{
    Bytes1MiB, IdempotencyHeader, IfMatch, IfNoneMatch, Parameters, Segment,
};
use crate::server::view::{LIMIT, List, MOST, Paging};
use crate::store::{Outbox, PageKeyError, Webhook};

/// The webhooks of the institution.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "listWebhooks",
    tag = "webhooks",
    summary = "The webhooks of the institution, in the order in which they were created",
    params(Paging),
    responses(
        (status = 200, description = "A page.", body = inline(List<WebhookView>), headers(("Link" = String))),
    ),
)]
pub(in crate::server) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    uri: OriginalUri,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.number("limit", 1..=MOST, LIMIT);
    let after = parameters.optional("after", place_of);
    parameters.finish()?;
    let mut webhooks = api.store().webhooks(Some(&caller.institution)).await?;
    webhooks.retain(|it| after.is_none_or(|after| place(it) > after));
    webhooks.sort_by_key(place);
    let has_more = webhooks.len() > limit as usize;
    webhooks.truncate(limit as usize);
    let last = webhooks.last().filter(|_| has_more);
    let next = last.map(|it| {
        let (microseconds, id) = place(it);
        format!("{microseconds}.{}", id.simple())
    });
    Ok(List {
        data: webhooks,
        next,
    }
    .answer(&uri))
}

/// Where a webhook stands in the list: the moment of its registration, in microseconds since 1970.
/// It stays there when others are removed.
fn place(webhook: &Webhook) -> (i64, Uuid) {
    (webhook.created_at.timestamp_micros(), webhook.id)
}

/// The place that `next` names.
fn place_of(next: &str) -> Result<(i64, Uuid), PageKeyError> {
    let (microseconds, id) = next.split_once('.').ok_or(PageKeyError)?;
    let microseconds = microseconds.parse().map_err(|_| PageKeyError)?;
    let id = id.parse().map_err(|_| PageKeyError)?;
    Ok((microseconds, id))
}

/// Register a webhook.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "createWebhook",
    tag = "webhooks",
    summary = "Register a webhook",
    description = "The answer has the secret that deliveries are signed with, this once. A request that is repeated with its \
                   idempotency key has the same answer, the secret included, and changes nothing.",
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
    let settings = Settings::read_new(&body, &api.options.targets)?;
    let administration = Administration::of(&api, &caller);
    let (webhook, is_new) = administration.register(&settings, key.as_ref()).await?;
    if webhook.revision > 0 {
        return Err(changed_since(webhook.id));
    }
    let shown = WithSecret {
        webhook: &webhook,
        secret: webhook.endpoint.secrets.current().expose(),
    };
    let mut response = tagged(webhook.revision, Json(shown));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let location = format!("{}/{}", uri.path().trim_end_matches('/'), webhook.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if !is_new {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// That a request was broken off after it had registered a webhook, which was changed before the
/// request was repeated. The secret that it has by now may be one that another request was shown.
fn changed_since(id: Uuid) -> Problem {
    let detail = format!(
        "this request has registered webhook {id} under the same idempotency key, its answer was lost, and the webhook \
         was changed since; for a secret, rotate it (POST /v1/webhooks/{id}/rotate)"
    );
    Problem::new(ProblemCode::AlreadyExists, detail)
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
    let webhook = find(api.store(), &caller.institution, id).await?;
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
    let settings = Settings::read(&body, &api.options.targets)?;
    let administration = Administration::of(&api, &caller).expecting(expected);
    let webhook = administration.replace(id, &settings).await?;
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
    let administration = Administration::of(&api, &caller).expecting(expected);
    administration.remove(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
