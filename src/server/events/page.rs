//! Pages and long polls.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::ended::token_ended;
use super::own::{Own, read};
use super::tail::Seen;
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::openapi as schema;
use crate::server::principal::Principal;
use crate::server::problem::{Problem, ProblemCode};
use crate::server::view::EventView;
use crate::store::{Cursor, InstitutionId};

/// How many events, of whichever institution, one request looks at.
const LOOKED_AT: usize = 10_000;

/// A page of the feed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub(in crate::server) struct EventPage<'a> {
    /// The events, in the order in which they were committed.
    data: Vec<EventView<'a>>,
    /// Where to go on.
    #[schema(inline, value_type = schema::CursorValue)]
    next: Cursor,
}

/// The first events after a cursor; where there are none, those that come within the time.
///
/// # Errors
/// A problem where they cannot be read, or the caller's token ends before any come.
pub(super) async fn answer(
    api: &Api,
    caller: &Principal,
    after: Cursor,
    limit: u32,
    wait: Duration,
) -> Result<Response, Problem> {
    let (institution, limit) = (&caller.institution, limit as usize);
    let mut own = read(&api.engine, institution, after, limit, LOOKED_AT).await?;
    if own.events.is_empty() && !wait.is_zero() {
        own = tokio::select! {
            own = come(api, institution, own.next, limit, wait) => own?,
            () = api.options.shutdown.clone() => own,
            () = token_ended(api, caller) => {
                let detail = "the token has expired or was revoked while the request waited";
                return Err(Problem::new(ProblemCode::Unauthenticated, detail));
            }
        };
    }
    let data = own.events.iter().map(EventView::of_feed).collect();
    let page = EventPage {
        data,
        next: own.next,
    };
    Ok(Json(page).into_response())
}

/// The events that come within the time.
async fn come(
    api: &Api,
    institution: &InstitutionId,
    after: Cursor,
    limit: usize,
    wait: Duration,
) -> Result<Own, Problem> {
    let deadline = Instant::now() + wait;
    let slot = api.waiting.enter()?;
    let mut seen = api.tail.subscribe(&api.engine).await?;
    let mut own = read(&api.engine, institution, after, limit, LOOKED_AT).await?;
    while own.events.is_empty() && Instant::now() < deadline {
        if own.is_end {
            loop {
                match tokio::time::timeout_at(deadline, seen.recv()).await {
                    Ok(Ok(Seen::Event(it))) if it.institution != *institution => {}
                    Ok(_) | Err(_) => break,
                }
            }
        }
        own = read(&api.engine, institution, own.next, limit, LOOKED_AT).await?;
    }
    drop(slot);
    Ok(own)
}
