//! `POST /v1/applications/{uuid}/begin-processing`, `/approve`, `/reject`, `/fail`, `/retry`.

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use uuid::Uuid;

use super::receipt::{carried_out, execute};
use crate::lifecycle::action::Command;
use crate::lifecycle::value::{ProcessingError, RejectionReason};
use crate::server::api::Api;
use crate::server::openapi::{Reason, TransitionParameters, WhatFailed};
use crate::server::principal::{Caller, Principal};
use crate::server::problem::{Problem, ProblemCode};
use crate::server::request::{Bytes1MiB, Form, IdempotencyHeader, IfMatch, Parameters, Segment};
use crate::server::view::Carried;
use crate::store::{IdempotencyKey, Operation, Request};

/// The head of a request for a transition.
pub(in crate::server) struct Head {
    caller: Principal,
    uuid: Uuid,
    key: Option<IdempotencyKey>,
    expected: IfMatch,
}

impl FromRequestParts<Api> for Head {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(caller) = Caller::from_request_parts(parts, api).await?;
        let uuid = Segment::from_request_parts(parts, api).await?.uuid()?;
        let IdempotencyHeader(key) = IdempotencyHeader::from_request_parts(parts, api).await?;
        let expected = IfMatch::from_request_parts(parts, api).await?;
        let parameters = Parameters::from_request_parts(parts, api).await?;
        parameters.finish()?;
        Ok(Self {
            caller,
            uuid,
            key,
            expected,
        })
    }
}

impl Head {
    async fn act(self, api: &Api, command: Command) -> Result<Response, Problem> {
        let Self {
            caller,
            uuid,
            key,
            expected,
        } = self;
        let expected_version = match expected {
            IfMatch::Absent if api.options.requires_if_match => {
                let detail = "this server takes a transition only with the header If-Match, the ETag of \
                              the application";
                return Err(Problem::new(ProblemCode::PreconditionRequired, detail));
            }
            IfMatch::Absent | IfMatch::Any => None,
            IfMatch::Version(version) => Some(version),
            // The engine answers with what is there: no application has this version.
            IfMatch::Never => Some(0),
        };
        let operation = Operation::Act {
            uuid,
            command,
            expected_version,
        };
        let mut request = Request::new(caller.institution.clone(), caller.actor, operation);
        request.idempotency_key = key;
        let receipt = execute(api, request).await.map_err(|error| {
            let problem = Problem::from(error);
            match expected {
                IfMatch::Never => in_words(problem),
                _ => problem,
            }
        })?;
        carried_out(api, &caller.institution, StatusCode::OK, &receipt).await
    }
}

/// The conflict with a tag that no application ever has, in words that help. A repeat has the same
/// words.
fn in_words(mut conflict: Problem) -> Problem {
    if conflict.code == ProblemCode::Conflict.as_str()
        && let (Some(version), Some(status)) = (conflict.current_version, conflict.current_status)
    {
        conflict.detail = format!(
            "the application is at version {version} (status {status}); If-Match has a tag that no application has: \
             expected a strong one, as ETag has it: \"{version}\""
        );
    }
    conflict
}

/// That a body has no members.
pub(in crate::server) fn no_members(body: &[u8]) -> Result<(), Problem> {
    Form::read(body, &[])?.finish()
}

/// Accept a customer's application: its processing begins.
#[utoipa::path(
    post,
    path = "/v1/applications/{uuid}/begin-processing",
    operation_id = "beginProcessing",
    tag = "applications",
    summary = "Accept a customer's application: its processing begins",
    params(TransitionParameters),
    responses(
        (status = 200, description = "Its processing has begun.", body = Carried<'static>,
            headers(("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn begin_processing(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    no_members(&body)?;
    head.act(&api, Command::BeginProcessing).await
}

/// Record that processing has succeeded.
#[utoipa::path(
    post,
    path = "/v1/applications/{uuid}/approve",
    operation_id = "approve",
    tag = "applications",
    summary = "Record that processing has succeeded",
    params(TransitionParameters),
    responses(
        (status = 200, description = "It is approved.", body = Carried<'static>,
            headers(("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn approve(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    no_members(&body)?;
    head.act(&api, Command::Approve).await
}

/// Decline a customer's application.
#[utoipa::path(
    post,
    path = "/v1/applications/{uuid}/reject",
    operation_id = "reject",
    tag = "applications",
    summary = "Decline a customer's application",
    params(TransitionParameters),
    request_body = Reason,
    responses(
        (status = 200, description = "It is rejected.", body = Carried<'static>,
            headers(("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn reject(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let mut form = Form::read(&body, &["rejection_reason"])?;
    let reason = form.text("rejection_reason", |it| RejectionReason::new(it));
    form.finish()?;
    match reason {
        Some(reason) => head.act(&api, Command::Reject(reason)).await,
        None => Err(Problem::invalid(Vec::new())),
    }
}

/// Record that processing has hit a critical error.
#[utoipa::path(
    post,
    path = "/v1/applications/{uuid}/fail",
    operation_id = "fail",
    tag = "applications",
    summary = "Record that processing has hit a critical error",
    params(TransitionParameters),
    request_body = WhatFailed,
    responses(
        (status = 200, description = "It has failed.", body = Carried<'static>,
            headers(("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn fail(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let error = what_failed(&body)?;
    head.act(&api, Command::Fail(error)).await
}

/// The body that says what has failed.
pub(in crate::server) fn what_failed(body: &[u8]) -> Result<ProcessingError, Problem> {
    let mut form = Form::read(body, &["error"])?;
    let error = form.text("error", |it| ProcessingError::new(it));
    form.finish()?;
    error.ok_or_else(|| Problem::invalid(Vec::new()))
}

/// Process a failed application again.
#[utoipa::path(
    post,
    path = "/v1/applications/{uuid}/retry",
    operation_id = "retry",
    tag = "applications",
    summary = "Process a failed application again",
    params(TransitionParameters),
    responses(
        (status = 200, description = "It is processed again.", body = Carried<'static>,
            headers(("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn retry(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    no_members(&body)?;
    head.act(&api, Command::Retry).await
}
