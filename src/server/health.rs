//! `GET /health/live` and `GET /health/ready`: without a token, for load balancers.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Json;
use super::api::Api;
use crate::store::{Store, StoreError, TokenId, Tokens};

/// How long the store has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The state of the server.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `failed`.
    #[schema(inline, value_type = super::openapi::CheckResultValue)]
    status: &'static str,
    /// What was looked at.
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct Check {
    /// `process`, `store`, `schema` or `feed`.
    name: &'static str,
    /// `ok` or `failed`.
    #[schema(inline, value_type = super::openapi::CheckResultValue)]
    status: &'static str,
    /// What is wrong. The server's log has more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    detail: Option<String>,
}

impl Check {
    const fn ok(name: &'static str) -> Self {
        Self {
            name,
            status: "ok",
            detail: None,
        }
    }

    fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            status: "failed",
            detail: Some(detail.into()),
        }
    }
}

/// The process answers.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "isLive",
    tag = "service",
    summary = "Whether the process answers",
    description = "It says nothing of the store.",
    security(()),
    responses((status = 200, description = "It does.", body = Health)),
)]
pub(super) async fn live() -> Response {
    answer(vec![Check::ok("process")])
}

/// Whether requests can be carried out.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "isReady",
    tag = "service",
    summary = "Whether requests can be carried out",
    description = "The store answers a connection that may write within 5 s, its schema fits, and the feed moves.",
    security(()),
    responses(
        (status = 200, description = "They can.", body = Health),
        (status = 503, description = "They cannot; each failed check says why.", body = Health),
    ),
)]
pub(super) async fn ready(State(api): State<Api>) -> Response {
    // No token has this id, so nothing changes; but the connection is one that may write.
    let (none, now) = (TokenId::from_bytes([0; 8]), api.engine.clock().now());
    let written = in_time(api.store().used_token(none, now)).await;
    let end = in_time(api.store().feed_end()).await;
    let schema = match &written {
        Err(error @ (StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. })) => {
            Check::failed("schema", error.code())
        }
        _ => Check::ok("schema"),
    };
    let feed = match end {
        Ok(end) if api.committed.is_held_back(end) => {
            let detail =
                "an event has been missing in the feed for a minute: a transaction holds it back";
            Check::failed("feed", detail)
        }
        Ok(_) => Check::ok("feed"),
        Err(error) => failed("feed", &error),
    };
    let store = written.map_or_else(|error| failed("store", &error), |()| Check::ok("store"));
    answer(vec![store, schema, feed])
}

fn failed(name: &'static str, error: &StoreError) -> Check {
    tracing::warn!(check = name, %error, "not ready");
    // Its words may name servers and files.
    Check::failed(name, error.code())
}

async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| {
        Err(StoreError::Unavailable {
            reason: format!("it did not answer within {} s", TIMEOUT.as_secs()),
            cause: None,
        })
    })
}

fn answer(checks: Vec<Check>) -> Response {
    let is_ok = checks.iter().all(|it| it.detail.is_none());
    let status = if is_ok { "ok" } else { "failed" };
    let mut response = Json(Health { status, checks }).into_response();
    if !is_ok {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
