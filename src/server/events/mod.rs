//! `GET /v1/events`: the feed, as pages, as long polls and as server-sent events (API.md,
//! "Events").

mod accept;
mod ended;
mod own;
mod page;
mod stream;
mod tail;
mod watched;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::api::Api;
use super::openapi as schema;
use super::principal::Caller;
use super::problem::{FieldProblem, Problem, ProblemDetails};
use super::request::{Parameters, header_text};
use crate::store::Cursor;
#[cfg(feature = "console")]
pub(crate) use tail::Seen;
pub(crate) use tail::Tail;
pub(super) use watched::Watched;

/// The longest that a long poll waits, in seconds.
const LONGEST_WAIT: u32 = 60;

/// The most events of a page, and how many it has where the request does not say.
const MOST: u32 = 1000;
const LIMIT: u32 = 100;

/// Where to begin, and how long to wait.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(super) struct From {
    /// The cursor after which to begin; the start of the feed, if absent.
    #[param(required = false, inline, value_type = schema::CursorValue)]
    after: Option<String>,
    /// The most events of the page. A stream has no pages: with `Accept: text/event-stream` it is
    /// refused.
    #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// How long to wait for the first event of a page, in seconds. With `Accept: text/event-stream`
    /// it is refused.
    #[param(required = false, minimum = 0, maximum = 60, default = 0)]
    wait: Option<u32>,
}

/// The last event that a stream has had.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header")]
pub(super) struct LastEventId {
    /// The `id` of the last event that a stream of server-sent events has brought: it goes on
    /// behind it, whatever `after` says. Empty, it counts as absent.
    #[param(rename = "Last-Event-ID", required = false, value_type = String, example = "17-3",
        pattern = "^([0-9]+(-[0-9]+)?)?$")]
    last_event_id: Option<String>,
}

/// All events of the institution, in the order in which they were committed.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "getEvents",
    tag = "events",
    summary = "The feed: all events of the institution, in the order in which they were committed",
    description = "Unless `Accept` prefers `text/event-stream` to `application/json`, the answer is a page. \
                   `next` is the cursor to go on with; no cursor skips an event. A page may be empty although there are more: \
                   what happens in other institutions is passed over, some thousand events at a time. A stream has the events \
                   as they are committed: `id` is the cursor, `event` the name, `data` the event; a comment comes every 15 s. \
                   The stream ends when its token expires or is revoked.",
    params(From, LastEventId),
    responses(
        (status = 200, description = "Events.", content(
            (page::EventPage<'static> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 410, description = "The cursor lies beyond the end of the feed.",
            body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn events(
    State(api): State<Api>,
    Caller(caller): Caller,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let after = parameters.optional("after", str::parse::<Cursor>);
    let last = header_text(&headers, "Last-Event-ID")?;
    let last = last.filter(|it| !it.is_empty()).map(str::parse::<Cursor>);
    let last = last
        .transpose()
        .map_err(|error| FieldProblem::header("Last-Event-ID", error))?;
    if accept::wants_stream(&headers) {
        for name in ["limit", "wait"] {
            parameters.optional(name, only_of_pages);
        }
        parameters.finish()?;
        let after = last.or(after).unwrap_or(Cursor::START);
        return stream::answer(&api, caller, after).await;
    }
    let limit = parameters.number("limit", 1..=MOST, LIMIT);
    let wait = parameters.seconds("wait", LONGEST_WAIT);
    parameters.finish()?;
    page::answer(&api, &caller, after.unwrap_or(Cursor::START), limit, wait).await
}

/// Refuses what only pages have, in a request for a stream.
fn only_of_pages(_: &str) -> Result<(), &'static str> {
    Err("only pages have it, and this request asks for a stream (Accept: text/event-stream)")
}
