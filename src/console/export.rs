//! The list of applications as a file: CSV for people, JSON lines for programs.

use std::collections::VecDeque;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, StatusCode, header};

use super::frame::Frame;
use super::query::Given;
use super::refused::Refused;
use super::site::Console;
use super::visit::Visit;
use crate::engine::Engine;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::{ProcessingError, RejectionReason};
use crate::server::application_json;
use crate::store::{AnyStore, ListQuery, PageKey, Scope, StoreError};

/// The columns of the CSV, named as the members of the JSON are.
const COLUMNS: [&str; 9] = [
    "uuid",
    "application_id",
    "certificate_title",
    "applicant_email",
    "source",
    "status",
    "version",
    "updated_at",
    "reason",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// A file on its way.
struct Run {
    engine: Engine<AnyStore>,
    query: ListQuery,
    frame: Frame,
    format: Format,
    /// What goes before the first page.
    ready: VecDeque<Bytes>,
    /// Where the next page begins.
    after: Option<PageKey>,
    /// Whether the last page was read.
    is_over: bool,
}

/// All that a filter shows, page after page, as fast as the reader takes it. A file that could not
/// be read to its end is broken off, so that it is not taken for a whole one.
pub(super) async fn export(
    State(console): State<Console>,
    visit: Visit,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::ApplicationsRead])?;
    let frame = visit.frame;
    let (format, kind) = match &*name {
        "applications.csv" => (Format::Csv, "text/csv; charset=utf-8; header=present"),
        // It has whole addresses.
        "applications.jsonl" if frame.sees_addresses() => (Format::JsonLines, "application/jsonl"),
        _ => return Err(Refused::not_found(&frame)),
    };
    let mut given = Given::read(query.as_deref());
    given.after.clear();
    let asked = ListQuery::new(visit.principal.institution).limit(ListQuery::LIMIT);
    let (query, faults) = given.to_query(asked, frame.texts);
    if let Some(fault) = faults.first() {
        let detail = format!("{} {fault}", frame.texts.wrong_filter);
        return Err(Refused::new(
            &frame,
            StatusCode::UNPROCESSABLE_ENTITY,
            detail,
        ));
    }
    let mut ready = VecDeque::new();
    if format == Format::Csv {
        ready.push_back(records([COLUMNS.map(str::to_owned)].into_iter()));
    }
    let run = Run {
        engine: console.engine.clone(),
        query,
        frame,
        format,
        ready,
        after: None,
        is_over: false,
    };
    let body = stream::unfold(run, async |mut run| {
        let part = run.part().await.transpose()?;
        Some((part, run))
    });
    let mut response = Body::from_stream(body.fuse()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

impl Run {
    async fn part(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Ok(Some(part));
            }
            if self.is_over {
                return Ok(None);
            }
            let page = self.query.clone().after(self.after);
            let page = self.engine.list(page).await;
            let page =
                page.inspect_err(|error| tracing::error!(%error, "a file was broken off"))?;
            for corrupt in &page.corrupt {
                tracing::error!(error = %corrupt, "left out of a file");
            }
            self.after = page.next;
            self.is_over = page.next.is_none();
            if !page.applications.is_empty() {
                self.ready.push_back(match self.format {
                    Format::Csv => {
                        records(page.applications.iter().map(|it| record(&self.frame, it)))
                    }
                    Format::JsonLines => lines(&page.applications),
                });
            }
        }
    }
}

fn lines(applications: &[AnyApplication]) -> Bytes {
    let mut out = Vec::new();
    for application in applications {
        out.extend_from_slice(&application_json(application));
        out.push(b'\n');
    }
    out.into()
}

fn record(frame: &Frame, application: &AnyApplication) -> [String; COLUMNS.len()] {
    let details = application.details();
    let reason = application.rejection_reason().map(RejectionReason::as_str);
    let reason = reason.or_else(|| application.error().map(ProcessingError::as_str));
    [
        application.uuid().to_string(),
        details.application_id().to_string(),
        harmless(details.certificate_title().as_str()),
        harmless(&frame.address(details.applicant_email().as_str())),
        application.source().to_string(),
        application.status().to_string(),
        application.version().to_string(),
        Timestamp::saturating(application.updated_at()).to_string(),
        harmless(reason.unwrap_or_default()),
    ]
}

/// Records as RFC 4180 writes them.
fn records<const N: usize>(records: impl Iterator<Item = [String; N]>) -> Bytes {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for record in records {
        // A vector takes all that is written to it.
        let _ = writer.write_record(&record);
    }
    writer.into_inner().unwrap_or_default().into()
}

/// A cell that no spreadsheet takes for a formula: what begins as one gets an apostrophe before it.
fn harmless(text: &str) -> String {
    let acts = |it: char| matches!(it, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n');
    // Full-width forms are taken for the others by some.
    let acts =
        |it: char| acts(it) || matches!(it, '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    if text.starts_with(acts) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
