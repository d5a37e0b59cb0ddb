//! What a processor says of the work that it has claimed.

use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::claim::{LEASE, LEASE_RULE, LONGEST_LEASE};
use super::lease::{ClaimedWork, lost};
use crate::engine::permitted;
use crate::lengths::later;
use crate::lifecycle::action::Command;
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::ProcessingError;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::applications::{carried_out, no_members, what_failed};
use crate::server::openapi::{self as schema, IdempotencyKeyHeader, WhatFailed};
use crate::server::principal::{Caller, Principal};
use crate::server::problem::Problem;
use crate::server::request::{Bytes1MiB, Form, IdempotencyHeader, Parameters, Segment};
use crate::server::view::Carried;
use crate::store::{
    Append, ExecuteError, IdempotencyKey, Refusal, Request, WorkLease, WorkOutcome, WorkQueue,
    WorkSettled, WorkSettlement,
};

/// The longest time after which work is tried again, in seconds.
const LONGEST_AFTER: u64 = 7 * 86_400;

/// After which time it is, where the request does not say, in seconds.
const AFTER: u64 = 30;

/// The work that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(in crate::server) struct Which {
    /// `work` of the claim.
    #[param(pattern = "^[0-9a-f]{64}$")]
    work: String,
}

/// The head of a request about work.
pub(in crate::server) struct Head {
    caller: Principal,
    lease: WorkLease,
    /// The version that was claimed.
    version: u64,
    key: Option<IdempotencyKey>,
}

impl FromRequestParts<Api> for Head {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(caller) = Caller::from_request_parts(parts, api).await?;
        let work = Segment::from_request_parts(parts, api).await?;
        let ClaimedWork { lease, version } = work.read(str::parse)?;
        let IdempotencyHeader(key) = IdempotencyHeader::from_request_parts(parts, api).await?;
        let parameters = Parameters::from_request_parts(parts, api).await?;
        parameters.finish()?;
        Ok(Self {
            caller,
            lease,
            version,
            key,
        })
    }
}

impl Head {
    /// The work is done: its application moves on, if the lease is still held.
    async fn done(self, api: &Api, command: Command) -> Result<Response, Problem> {
        let (institution, uuid) = (&self.caller.institution, self.lease.application);
        let actor = self.caller.actor.clone();
        let mut request = Request::transition(institution.clone(), actor, uuid, command);
        // The store of the work takes any actor.
        permitted(&request)?;
        // A lease does not say whose it is.
        api.engine.load(institution, uuid).await?.ok_or_else(lost)?;
        request.idempotency_key.clone_from(&self.key);
        let expecting = request.clone().expecting(self.version);
        let append = Append::new(expecting, api.engine.clock().now());
        let outcome = WorkOutcome::Done(Box::new(append));
        match self.settle(api, outcome).await {
            Ok(WorkSettled::Done(receipt)) => {
                carried_out(api, institution, StatusCode::OK, &receipt).await
            }
            // What is claimed can be approved and can fail: the application has moved on.
            Ok(_)
            | Err(ExecuteError::Refused(
                Refusal::Conflict { .. }
                | Refusal::Illegal(_)
                | Refusal::Repeated {
                    code: "conflict" | "illegal_transition",
                    ..
                },
            )) => self.repeated(api, request).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The answer to a request whose lease is not held: if it was carried out before, under its
    /// key, the same answer again.
    async fn repeated(&self, api: &Api, request: Request) -> Result<Response, Problem> {
        let institution = &self.caller.institution;
        let Some(key) = &self.key else {
            return Err(lost());
        };
        let history = api.engine.history(institution, request.uuid()).await?;
        let is_of_key =
            |it: &&crate::store::RecordedEvent| it.idempotency_key.as_ref() == Some(key);
        let Some(recorded) = history.iter().find(is_of_key) else {
            return Err(lost());
        };
        // The key is used, so this changes nothing.
        let before = recorded.event.version().saturating_sub(1);
        let receipt = api.engine.execute(request.expecting(before)).await?;
        carried_out(api, institution, StatusCode::OK, &receipt).await
    }

    /// The work is to be tried again.
    async fn put_off(self, api: &Api, outcome: WorkOutcome) -> Result<Response, Problem> {
        let (institution, uuid) = (&self.caller.institution, self.lease.application);
        // A lease does not say whose it is.
        api.engine.load(institution, uuid).await?.ok_or_else(lost)?;
        match self.settle(api, outcome).await? {
            WorkSettled::PutOff => Ok(StatusCode::NO_CONTENT.into_response()),
            _ => Err(lost()),
        }
    }

    async fn settle(&self, api: &Api, outcome: WorkOutcome) -> Result<WorkSettled, ExecuteError> {
        let settlement = WorkSettlement::new(self.lease, outcome);
        let mut settled = api.store().settle_work(vec![settlement]).await;
        settled.pop().unwrap_or(Ok(WorkSettled::Lost))
    }
}

/// How long a lease is to last from now on.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Prolong {
    /// In seconds.
    #[schema(required = false, minimum = 1, maximum = 86400, default = 60)]
    lease: u32,
}

/// When a lease ends.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Deadline {
    #[schema(inline, value_type = schema::TimeValue)]
    deadline: String,
}

/// Prolong the lease on work.
#[utoipa::path(
    post,
    path = "/v1/work/{work}/heartbeat",
    operation_id = "prolongWork",
    tag = "work",
    summary = "Prolong the lease on work",
    params(Which, IdempotencyKeyHeader),
    request_body = Prolong,
    responses((status = 200, description = "The lease goes on.", body = Deadline,
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn heartbeat(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let mut form = Form::read(&body, &["lease"])?;
    let lease = form.optional_integer("lease", 1..=LONGEST_LEASE, LEASE_RULE);
    form.finish()?;
    let (institution, uuid) = (&head.caller.institution, head.lease.application);
    // A lease does not say whose it is.
    api.engine.load(institution, uuid).await?.ok_or_else(lost)?;
    let lease = Duration::from_secs(lease.unwrap_or(LEASE));
    let until = later(api.engine.clock().now(), lease);
    match *api.store().renew_work(vec![head.lease], until).await? {
        [true] => {
            let deadline = Timestamp::saturating(until).to_string();
            Ok(Json(Deadline { deadline }).into_response())
        }
        _ => Err(lost()),
    }
}

/// The work is done: approve its application.
#[utoipa::path(
    post,
    path = "/v1/work/{work}/approve",
    operation_id = "approveWork",
    tag = "work",
    summary = "The work is done: approve its application",
    params(Which, IdempotencyKeyHeader),
    responses((status = 200, description = "It is approved.", body = Carried<'static>,
        headers(("ETag" = String), ("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn approve(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    no_members(&body)?;
    head.done(&api, Command::Approve).await
}

/// The work has hit a critical error: its application fails.
#[utoipa::path(
    post,
    path = "/v1/work/{work}/fail",
    operation_id = "failWork",
    tag = "work",
    summary = "The work has hit a critical error: its application fails",
    params(Which, IdempotencyKeyHeader),
    request_body = WhatFailed,
    responses((status = 200, description = "It has failed.", body = Carried<'static>,
        headers(("ETag" = String), ("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn fail(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let error = what_failed(&body)?;
    head.done(&api, Command::Fail(error)).await
}

/// Why work is tried again, and when.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Again {
    #[schema(inline, value_type = schema::ReasonValue)]
    error: String,
    /// After how long, in seconds.
    #[schema(required = false, minimum = 0, maximum = 604_800, default = 30)]
    after: u32,
}

/// Try the work again later; the attempt counts.
#[utoipa::path(
    post,
    path = "/v1/work/{work}/again",
    operation_id = "retryWork",
    tag = "work",
    summary = "Try the work again later; the attempt counts",
    params(Which, IdempotencyKeyHeader),
    request_body = Again,
    responses((status = 204, description = "It is tried again.",
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn again(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    let mut form = Form::read(&body, &["error", "after"])?;
    let error = form.text("error", |it| ProcessingError::new(it));
    let rule = "an integer from 0 to 604800: seconds";
    let after = form.optional_integer("after", 0..=LONGEST_AFTER, rule);
    form.finish()?;
    let reason = error.map(|it| it.as_str().to_owned()).unwrap_or_default();
    let after = Duration::from_secs(after.unwrap_or(AFTER));
    let at = later(api.engine.clock().now(), after);
    head.put_off(&api, WorkOutcome::Again { at, reason }).await
}

/// Give the work back; the attempt does not count.
#[utoipa::path(
    post,
    path = "/v1/work/{work}/release",
    operation_id = "releaseWork",
    tag = "work",
    summary = "Give the work back; the attempt does not count",
    params(Which, IdempotencyKeyHeader),
    responses((status = 204, description = "Others may claim it.",
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn release(
    State(api): State<Api>,
    head: Head,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    no_members(&body)?;
    let at = api.engine.clock().now();
    let reason = None;
    head.put_off(&api, WorkOutcome::Released { at, reason })
        .await
}
