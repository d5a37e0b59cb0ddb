//! The events of all applications, the newest first.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::entry::Entry;
use super::frame::Frame;
use super::list::{Choice, choices, unreadable};
use super::page::{page, page_with};
use super::query::Faults;
use super::refused::Refused;
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::event::EventKind;
use crate::server::kind;
use crate::store::{Cursor, Scope};

/// How many events a page has.
const ROWS: u32 = 50;

/// The filter and the place, as they were given.
#[derive(Debug, Default)]
struct Given {
    event: String,
    before: String,
}

impl Given {
    /// Reads a query. What it does not know is passed over.
    fn read(query: &[u8]) -> Self {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query) {
            let field = match &*name {
                "event" => &mut given.event,
                "before" => &mut given.before,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        given
    }

    /// The query of this filter, before a place.
    fn before(&self, place: Option<Cursor>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.event.is_empty() {
            query.append_pair("event", &self.event);
        }
        if let Some(place) = place {
            query.append_pair("before", &place.to_string());
        }
        query.finish()
    }
}

#[derive(Template)]
#[template(path = "events.html")]
struct Events {
    frame: Frame,
    given: Given,
    kinds: Vec<Choice>,
    faults: Vec<String>,
    rows: Vec<Entry>,
    unreadable: Option<String>,
    older: Option<String>,
    newest: String,
}

pub(super) async fn events(
    State(console): State<Console>,
    mut visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::EventsRead])?;
    let given = Given::read(query.unwrap_or_default().as_bytes());
    // What is older stays as it is.
    visit.frame.is_live = given.before.is_empty();
    let frame = visit.frame;
    let texts = frame.texts;
    let mut faults = Faults::default();
    let wanted = faults.value(&given.event, kind, texts.event, texts.no_such_choice);
    let before = &given.before;
    let before: Option<Cursor> = faults.value(before, str::parse, texts.page, texts.no_place);
    let mut shown = Events {
        kinds: choices(EventKind::ALL, &given.event, |it| {
            (it.as_str(), texts.event(it))
        }),
        newest: given.before(None),
        frame,
        given,
        faults: faults.0,
        rows: Vec::new(),
        unreadable: None,
        older: None,
    };
    if !shown.faults.is_empty() {
        return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    }
    let institution = Some(&visit.principal.institution);
    let found = console
        .engine
        .feed_before(institution, wanted, before, ROWS)
        .await;
    let found = found.map_err(|error| Refused::store(&shown.frame, &error))?;
    shown.unreadable = unreadable(&shown.frame, found.corrupt.iter());
    let row = |it| Entry::of(&shown.frame, it);
    shown.rows = found.events.iter().map(row).collect();
    shown.older = found.next.map(|it| shown.given.before(Some(it)));
    Ok(page(&shown))
}
