//! `GET /v1/applications/{uuid}` and what hangs on it.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;
use uuid::Uuid;

use super::trigger_context;
use crate::lifecycle::any::AnyApplication;
use crate::server::answer::{Json, not_modified, tag, tagged};
use crate::server::api::Api;
use crate::server::openapi::{ApplicationParameter, WaitValue};
use crate::server::principal::Caller;
use crate::server::problem::{Problem, ProblemCode};
use crate::server::request::{IfNoneMatch, Parameters, Segment};
use crate::server::view::{ApplicationView, Data, HistoryEntry};
use crate::store::InstitutionId;

/// The longest that a request waits, in seconds.
pub(in crate::server) const LONGEST_WAIT: u32 = 60;

/// How long `wait=final` waits where it does not say, in seconds.
const USUAL_WAIT: u32 = 30;

/// How an application is asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(in crate::server) struct Wait {
    /// `final`: the answer comes as soon as the application is approved, rejected or failed, or
    /// after the timeout with what it is then.
    #[param(required = false, inline, value_type = WaitValue)]
    wait: Option<String>,
    /// How long that is waited for, in seconds.
    #[param(required = false, minimum = 0, maximum = 60, default = 30)]
    timeout: Option<u32>,
}

/// That the institution has no such application.
pub(in crate::server) fn unknown(uuid: Uuid) -> Problem {
    let detail = format!("there is no application {uuid}");
    Problem::new(ProblemCode::UnknownApplication, detail)
}

/// An application.
#[utoipa::path(
    get,
    path = "/v1/applications/{uuid}",
    operation_id = "getApplication",
    tag = "applications",
    summary = "An application",
    params(ApplicationParameter, Wait),
    responses(
        (status = 200, description = "The application.", body = ApplicationView<'static>,
            headers(("ETag" = String))),
        (status = 304, description = "The client has it already (`If-None-Match`)."),
    ),
)]
pub(in crate::server) async fn read(
    State(api): State<Api>,
    Caller(caller): Caller,
    uuid: Segment,
    known: IfNoneMatch,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let uuid = uuid.uuid()?;
    let is_awaited = parameters.optional("wait", |text| match text {
        "final" => Ok(()),
        _ => Err("expected final"),
    });
    let timeout = parameters.number("timeout", 0..=LONGEST_WAIT, USUAL_WAIT);
    parameters.finish()?;
    let institution = &caller.institution;
    let application = if is_awaited.is_some() {
        let timeout = Duration::from_secs(timeout.into());
        wait_for_end(&api, institution, uuid, timeout).await?
    } else {
        api.engine.load(institution, uuid).await?
    };
    let application: AnyApplication = application.ok_or_else(|| unknown(uuid))?;
    let version = application.version();
    if known.has(&tag(version)) {
        return Ok(not_modified(version));
    }
    let created_by = trigger_context(&api, institution, &application).await?;
    let view = ApplicationView::of(&application, created_by);
    Ok(tagged(version, Json(view)))
}

/// The application once it has ended, or after the timeout, as it is then.
async fn wait_for_end(
    api: &Api,
    institution: &InstitutionId,
    uuid: Uuid,
    timeout: Duration,
) -> Result<Option<AnyApplication>, Problem> {
    let _slot = api.waiting.enter()?;
    let application = tokio::select! {
        ended = api.engine.await_final(institution, uuid, timeout) => ended?,
        () = api.options.shutdown.clone() => api.engine.load(institution, uuid).await?,
    };
    Ok(application)
}

/// All that happened to an application, in order.
#[utoipa::path(
    get,
    path = "/v1/applications/{uuid}/history",
    operation_id = "getHistory",
    tag = "applications",
    summary = "All that happened to an application, in order",
    params(ApplicationParameter),
    responses(
        (status = 200, description = "Its events.", body = inline(crate::server::openapi::History)),
    ),
)]
pub(in crate::server) async fn history(
    State(api): State<Api>,
    Caller(caller): Caller,
    uuid: Segment,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let uuid = uuid.uuid()?;
    parameters.finish()?;
    let history = api.engine.history(&caller.institution, uuid).await?;
    if history.is_empty() {
        return Err(unknown(uuid));
    }
    let entries: Vec<_> = history.iter().map(HistoryEntry::of).collect();
    Ok(Json(Data { data: entries }).into_response())
}

/// An application as JSON, as far as its last event knows it.
#[cfg(feature = "console")]
pub(crate) fn application_json(application: &AnyApplication) -> Vec<u8> {
    // It has no maps with keys that are no strings.
    serde_json::to_vec(&ApplicationView::of(application, None)).unwrap_or_default()
}
