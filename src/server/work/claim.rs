//! `POST /v1/work/claim`.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::lease::ClaimedWork;
use crate::lengths::{between, later};
use crate::lifecycle::action::Action;
use crate::lifecycle::timestamp::Timestamp;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::applications::trigger_context;
use crate::server::openapi::{self as schema, IdempotencyKeyHeader};
use crate::server::principal::{Caller, Principal};
use crate::server::problem::Problem;
use crate::server::request::{Bytes1MiB, Form, Parameters};
use crate::server::view::ApplicationView;
use crate::store::{InstitutionId, LeasedWork, Refusal, Store, StoreError, WorkClaim, WorkQueue};

const MEMBERS: [&str; 3] = ["limit", "lease", "wait"];

/// The longest lease and the longest wait, in seconds.
pub(super) const LONGEST_LEASE: u64 = 86_400;
const LONGEST_WAIT: u64 = 60;

/// What a lease lasts where the request does not say, in seconds.
pub(super) const LEASE: u64 = 60;

/// The rule of leases.
pub(super) const LEASE_RULE: &str = "an integer from 1 to 86400: seconds";

/// How often it is looked for work that other processes bring.
const LOOK: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(50);

/// How work is claimed.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Wanted {
    /// The most applications.
    #[schema(required = false, minimum = 1, maximum = 100, default = 10)]
    limit: u32,
    /// How long the leases last, in seconds.
    #[schema(required = false, minimum = 1, maximum = 86400, default = 60)]
    lease: u32,
    /// How long to wait for the first application, in seconds.
    #[schema(required = false, minimum = 0, maximum = 60, default = 0)]
    wait: u32,
}

/// An application under a lease.
#[derive(Serialize, ToSchema)]
#[schema(as = Work)]
pub(in crate::server) struct LeasedView<'a> {
    /// What the requests about it name.
    #[schema(inline, value_type = schema::WorkValue)]
    work: String,
    /// Which attempt this is, counted from 1.
    attempt: u32,
    /// When the lease ends, unless it is prolonged.
    #[schema(inline, value_type = schema::TimeValue)]
    deadline: String,
    /// A key for what the work does elsewhere: the same in each attempt.
    idempotency_key: String,
    application: ApplicationView<'a>,
}

/// What was claimed.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Claimed<'a> {
    data: Vec<LeasedView<'a>>,
}

/// Claim work: applications in progress, each under a lease.
#[utoipa::path(
    post,
    path = "/v1/work/claim",
    operation_id = "claimWork",
    tag = "work",
    summary = "Claim applications in progress, each under a lease",
    description = "The answer is empty where nothing has come in `wait` seconds. A lease that ends without an answer lets others \
                   claim the application. Under an idempotency key, a repeat has the same work, even if its leases have ended: each \
                   claim needs a key of its own.",
    params(IdempotencyKeyHeader),
    request_body = Wanted,
    responses((status = 200, description = "What was claimed.", body = Claimed<'static>,
        headers(("Idempotent-Replayed" = bool)))),
)]
pub(in crate::server) async fn claim(
    State(api): State<Api>,
    Caller(caller): Caller,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut form = Form::read(&body, &MEMBERS)?;
    let limit = form.optional_integer("limit", 1..=100, "an integer from 1 to 100");
    let lease = form.optional_integer("lease", 1..=LONGEST_LEASE, LEASE_RULE);
    let rule = "an integer from 0 to 60: seconds";
    let wait = form.optional_integer("wait", 0..=LONGEST_WAIT, rule);
    form.finish()?;
    let limit = u32::try_from(limit.unwrap_or(10)).unwrap_or(10);
    let lease = Duration::from_secs(lease.unwrap_or(LEASE));
    let wait = Duration::from_secs(wait.unwrap_or(0));
    may_settle(&caller)?;
    let claimed = wait_for(&api, &caller.institution, limit, lease, wait).await?;
    let mut data = Vec::with_capacity(claimed.len());
    for (deadline, work) in &claimed {
        let application = match &work.application {
            Ok(application) => application,
            Err(error) => {
                // Its lease ends by itself.
                tracing::error!(%error, "claimed work is left out");
                continue;
            }
        };
        let created_by = trigger_context(&api, &caller.institution, application).await?;
        let (uuid, version) = (application.uuid(), application.version());
        data.push(LeasedView {
            work: ClaimedWork {
                lease: work.lease,
                version,
            }
            .to_string(),
            attempt: work.attempt,
            deadline: deadline.clone(),
            idempotency_key: format!("processing:{uuid}:{version}"),
            application: ApplicationView::of(application, created_by),
        });
    }
    Ok(Json(Claimed { data }).into_response())
}

/// That the contract lets the caller's actor end what it would claim. Otherwise the work would wait
/// for the end of the lease.
fn may_settle(caller: &Principal) -> Result<(), Refusal> {
    let permitted = Action::Approve.permitted_actors();
    if permitted.contains(&caller.actor.kind) {
        return Ok(());
    }
    Err(Refusal::Forbidden {
        actor: caller.actor.clone(),
        operation: "claim work",
        permitted,
    })
}

/// Claims, and waits for something to claim.
async fn wait_for(
    api: &Api,
    institution: &InstitutionId,
    limit: u32,
    lease: Duration,
    wait: Duration,
) -> Result<Vec<(String, LeasedWork)>, Problem> {
    let end = Instant::now() + wait;
    let mut commits = api.store().commits();
    let mut slot = None;
    loop {
        let claimed = now(api, institution, limit, lease).await?;
        if !claimed.is_empty() || Instant::now() >= end {
            return Ok(claimed);
        }
        if slot.is_none() {
            slot = Some(api.waiting.enter()?);
        }
        let look = Instant::now() + pause(api, institution).await?;
        tokio::select! {
            _ = timeout_at(look.min(end), commits.wait()) => {}
            () = api.options.shutdown.clone() => return Ok(Vec::new()),
        }
    }
}

/// How long until something may be due.
async fn pause(api: &Api, institution: &InstitutionId) -> Result<Duration, StoreError> {
    let due = api.store().due_work(Some(institution)).await?;
    let now = api.engine.clock().now();
    let first = due.institutions.iter().filter_map(|it| it.at).min();
    let until = first.map_or(LOOK, |it| between(now, it));
    Ok(until.clamp(SHORTEST, LOOK))
}

async fn now(
    api: &Api,
    institution: &InstitutionId,
    limit: u32,
    lease: Duration,
) -> Result<Vec<(String, LeasedWork)>, StoreError> {
    // What has come into progress since is found by this.
    while api.store().due_work(Some(institution)).await?.has_more {}
    let at = api.engine.clock().now();
    let turn = u64::try_from(at.timestamp_micros()).unwrap_or_default();
    let claim = WorkClaim::new(at, lease, vec![(institution.clone(), limit)]).with_turn(turn);
    let claimed = api.store().claim_work(claim).await?;
    let deadline = Timestamp::saturating(later(at, lease)).to_string();
    let with_deadline = |it| (deadline.clone(), it);
    Ok(claimed.into_iter().map(with_deadline).collect())
}
