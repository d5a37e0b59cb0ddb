//! The queue for deciding: one application after the other, the oldest first.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::application::May;
use super::applications::Row;
use super::frame::Frame;
use super::language::counted;
use super::page::page;
use super::query::Given;
use super::refused::Refused;
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::store::{Filter, ListQuery, PageKey, Scope, StoreError};

#[derive(Template)]
#[template(path = "queue.html")]
struct Queue {
    frame: Frame,
    shown: Option<(Row, May)>,
    /// Where the next one is.
    next: Option<String>,
    /// Where this one is.
    after: String,
    waiting: String,
    has_any: bool,
    reasons: Vec<String>,
    notice: Option<&'static str>,
}

pub(super) async fn queue(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::ApplicationsDecide])?;
    let given = Given::read(query.as_deref());
    let frame = visit.frame;
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let institution = &visit.principal.institution;
    let engine = &console.engine;
    // A place that is none is the start.
    let mut after: Option<PageKey> = given.after.parse().ok();
    let asked = ListQuery::new(institution.clone())
        .filter(Filter::all().awaiting_decision())
        .limit(1);
    let page_of = loop {
        let page = engine.list(asked.clone().after(after)).await;
        let page = page.map_err(failed)?;
        if page.applications.is_empty() && page.next.is_some() {
            // Nothing so far; a search looks at so many at a time.
            after = page.next;
            continue;
        }
        break page;
    };
    let counts = console
        .counting
        .counts(engine, institution)
        .await
        .map_err(failed)?;
    let is_waiting =
        |it: &&crate::store::Count| it.status == Status::Created && it.source == Source::Customer;
    let waiting = counts
        .counts
        .iter()
        .find(is_waiting)
        .map_or(0, |it| it.applications);
    let application = page_of.applications.first();
    // At the end, what was passed over may still wait.
    let mut has_any = application.is_some();
    if !has_any {
        let first = engine.list(asked).await.map_err(failed)?;
        has_any = !first.applications.is_empty() || first.next.is_some();
    }
    let texts = frame.texts;
    let shown = Queue {
        shown: application.map(|it| (Row::of(&frame, it), May::of(&frame, it))),
        next: page_of.next.map(|it| it.to_string()),
        after: after.map_or_else(String::new, |it| it.to_string()),
        waiting: counted(waiting, texts.waiting_one, texts.waiting_many),
        has_any,
        reasons: console.reasons(&visit.principal.institution),
        notice: match &*given.notice {
            "accepted" => Some(texts.accepted),
            "rejected" => Some(texts.rejected),
            _ => None,
        },
        frame,
    };
    Ok(page(&shown))
}
