//! `POST /v1/commands`: a stream of commands in, a stream of answers out (API.md, "Applications").

mod atomic;
mod limits;
mod lines;
mod read;
mod stream;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use super::api::Api;
use super::header_names::{ACCEL_BUFFERING, REQUEST_ID};
use super::principal::Caller;
use super::problem::{FieldProblem, Problem};
use super::request::{NdjsonBody, Parameters};
pub(super) use limits::Held;
use read::Reader;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// How the lines of a stream are carried out.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(super) struct Together {
    /// `true`: all commands or none.
    #[param(required = false, default = false)]
    atomic: Option<bool>,
}

/// Carry out many commands.
#[utoipa::path(
    post,
    path = "/v1/commands",
    operation_id = "executeCommands",
    tag = "applications",
    summary = "Carry out many commands, one JSON object a line",
    description = "The lines are those of `certlife apply` (docs/certlife.md). Each is answered in order, as soon as it is \
                   committed, with `{\"line\":1,\"event\":E}` or `{\"line\":2,\"problem\":P}`. If the store fails, \
                   the stream ends behind the answers to the lines that it was given; the lines after them were not \
                   carried out. With `atomic`, all are carried out or none; then the answer is 409, and `problems` \
                   has the problem of each refused line. An atomic stream has at most 100,000 lines and 64 MiB. \
                   A stream of which nothing has come for 30 s ends; a blank line keeps it.",
    params(Together),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "An answer a line.", body = String, content_type = "application/x-ndjson"),
    ),
)]
pub(super) async fn execute(
    State(api): State<Api>,
    Caller(caller): Caller,
    headers: HeaderMap,
    mut parameters: Parameters,
    NdjsonBody(body): NdjsonBody,
) -> Result<Response, Problem> {
    let is_atomic = parameters.flag("atomic");
    parameters.finish()?;
    if headers.contains_key("idempotency-key") {
        let detail = "each line has a key of its own, idempotency_key; the request has none";
        return Err(FieldProblem::header("Idempotency-Key", detail).into());
    }
    if headers.contains_key(header::IF_MATCH) {
        let detail = "each line has a version of its own, expected_version; the request has none";
        return Err(FieldProblem::header("If-Match", detail).into());
    }
    let reader = Reader::new(caller, api.options.requires_if_match);
    let id = headers.get(REQUEST_ID).and_then(|it| it.to_str().ok());
    let answers = if is_atomic {
        atomic::all_or_none(&api, reader, body).await?
    } else {
        Body::from_stream(stream::answers(api, reader, id.map(str::to_owned), body))
    };
    let headers = [
        (header::CONTENT_TYPE, NDJSON),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, answers).into_response())
}
