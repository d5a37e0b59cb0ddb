//! The list of applications.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::frame::Frame;
use super::list::{Choice, choices, unreadable};
use super::page::{page, page_with};
use super::query::Given;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::store::{ListQuery, Scope};

/// How many applications a page has.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "applications.html")]
struct Applications {
    frame: Frame,
    given: Given,
    statuses: Vec<Choice>,
    sources: Vec<Choice>,
    faults: Vec<String>,
    reasons: Vec<String>,
    rows: Vec<Row>,
    unreadable: Option<String>,
    next: Option<String>,
    first: String,
    may_act: bool,
}

/// An application in a list.
pub(super) struct Row {
    pub(super) uuid: String,
    pub(super) version: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) email: String,
    pub(super) status: &'static str,
    pub(super) status_name: &'static str,
    pub(super) source: &'static str,
    pub(super) changed: When,
}

impl Row {
    pub(super) fn of(frame: &Frame, application: &AnyApplication) -> Self {
        let details = application.details();
        Self {
            uuid: application.uuid().to_string(),
            version: application.version(),
            number: details.application_id().get(),
            title: shown::text(details.certificate_title().as_str()),
            email: frame.address(details.applicant_email().as_str()),
            status: application.status().as_str(),
            status_name: frame.texts.status(application.status()),
            source: frame.texts.source(application.source()),
            changed: frame.when(application.updated_at()),
        }
    }
}

pub(super) async fn list(
    State(console): State<Console>,
    mut visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::ApplicationsRead])?;
    let given = Given::read(query.as_deref());
    visit.frame.is_live = given.after.is_empty();
    let frame = visit.frame;
    let asked = ListQuery::new(visit.principal.institution.clone()).limit(ROWS);
    let (asked, faults) = given.to_query(asked, frame.texts);
    let mut shown = Applications {
        statuses: choices(Status::ALL, &given.status, |it| {
            (it.as_str(), frame.texts.status(it))
        }),
        sources: choices(Source::ALL, &given.source, |it| {
            (it.as_str(), frame.texts.source(it))
        }),
        first: given.at(None),
        reasons: console.reasons(&visit.principal.institution),
        may_act: frame.may_decide() || frame.may_retry(),
        frame,
        given,
        faults,
        rows: Vec::new(),
        unreadable: None,
        next: None,
    };
    if !shown.faults.is_empty() {
        return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    }
    let found = console.engine.list(asked).await;
    let found = found.map_err(|error| Refused::store(&shown.frame, &error))?;
    shown.unreadable = unreadable(&shown.frame, found.corrupt.iter());
    let row = |it| Row::of(&shown.frame, it);
    shown.rows = found.applications.iter().map(row).collect();
    let next = found.next.map(|it| it.to_string());
    shown.next = next.map(|it| shown.given.at(Some(&it)));
    Ok(page(&shown))
}
