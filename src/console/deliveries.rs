//! The deliveries: a list of them, and one with its attempts.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::delivery_query::Given;
use super::frame::Frame;
use super::list::{Choice, choices, unreadable};
use super::page::{page, page_with};
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::event::EventKind;
use crate::server::delivery_id;
use crate::store::{Attempt, Delivery, DeliveryId, DeliveryStatus, Outbox, Scope, StoreError};

/// How many deliveries a page has.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Deliveries {
    frame: Frame,
    given: Given,
    statuses: Vec<Choice>,
    events: Vec<Choice>,
    faults: Vec<String>,
    rows: Vec<Row>,
    unreadable: Option<String>,
    next: Option<String>,
    first: String,
    notice: Option<String>,
}

/// A delivery in a list.
pub(super) struct Row {
    pub(super) id: DeliveryId,
    pub(super) event: &'static str,
    pub(super) kind: &'static str,
    pub(super) version: u64,
    pub(super) application: Uuid,
    pub(super) webhook: Uuid,
    pub(super) status: &'static str,
    pub(super) status_name: &'static str,
    pub(super) attempts: u32,
    pub(super) recorded: When,
    /// When it is due or was settled.
    pub(super) at: When,
    pub(super) at_name: &'static str,
    pub(super) reason: Option<String>,
}

impl Row {
    pub(super) fn of(frame: &Frame, delivery: &Delivery) -> Self {
        let texts = frame.texts;
        let at_name = match delivery.status {
            DeliveryStatus::Pending if delivery.is_leased => texts.being_sent,
            DeliveryStatus::Pending => texts.due,
            DeliveryStatus::Delivered | DeliveryStatus::Dead => texts.settled,
        };
        Self {
            id: delivery.id,
            event: texts.event(delivery.kind),
            kind: delivery.kind.as_str(),
            version: delivery.version,
            application: delivery.application,
            webhook: delivery.webhook,
            status: delivery.status.as_str(),
            status_name: texts.delivery_status(delivery.status),
            attempts: delivery.attempts,
            recorded: frame.when(delivery.created_at),
            at: frame.when(delivery.at),
            at_name,
            reason: delivery.reason.as_deref().map(shown::text),
        }
    }
}

/// An attempt.
pub(super) struct Sent {
    pub(super) at: When,
    pub(super) milliseconds: u64,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    pub(super) excerpt: Option<String>,
}

impl Sent {
    pub(super) fn of(frame: &Frame, attempt: &Attempt) -> Self {
        Self {
            at: frame.when(attempt.at),
            milliseconds: attempt.milliseconds,
            status: attempt.status,
            error: attempt.error.as_deref().map(shown::text),
            excerpt: attempt.excerpt.as_deref().map(shown::text),
        }
    }
}

pub(super) async fn list(
    State(console): State<Console>,
    mut visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesRead])?;
    let given = Given::read(query.unwrap_or_default().as_bytes());
    visit.frame.is_live = given.after.is_empty();
    let frame = visit.frame;
    let texts = frame.texts;
    let (filter, mut faults) = given.filter(texts);
    let after = faults.value(&given.after, delivery_id, texts.page, texts.no_place);
    let mut shown = Deliveries {
        statuses: choices(DeliveryStatus::ALL, &given.status, |it| {
            (it.as_str(), texts.delivery_status(it))
        }),
        events: choices(EventKind::ALL, &given.event, |it| {
            (it.as_str(), texts.event(it))
        }),
        first: given.with(None),
        notice: given.notice(texts),
        frame,
        given,
        faults: faults.0,
        rows: Vec::new(),
        unreadable: None,
        next: None,
    };
    if !shown.faults.is_empty() {
        return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    }
    let institution = Some(&visit.principal.institution);
    let store = console.engine.store();
    let found = store.deliveries(institution, filter, after, ROWS).await;
    let found = found.map_err(|error| Refused::store(&shown.frame, &error))?;
    shown.unreadable = unreadable(&shown.frame, found.corrupt.iter().map(|(_, it)| it));
    let row = |it| Row::of(&shown.frame, it);
    shown.rows = found.deliveries.iter().map(row).collect();
    let next = found.next.map(|it| it.to_string());
    shown.next = next.map(|it| shown.given.with(Some(("after", &it))));
    Ok(page(&shown))
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    frame: Frame,
    row: Row,
    attempts: Vec<Sent>,
    may_redeliver: bool,
    may_abandon: bool,
    said: Said,
}

/// What a page says beside the delivery.
#[derive(Default)]
pub(super) struct Said {
    pub(super) notice: Option<String>,
    pub(super) fault: Option<String>,
    /// What was typed as a reason.
    pub(super) typed: String,
}

pub(super) async fn delivery(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let given = Given::read(query.unwrap_or_default().as_bytes());
    let id = delivery_id(&id).map_err(|_| Refused::not_found(&visit.frame))?;
    let said = Said {
        notice: given.notice(visit.frame.texts),
        ..Said::default()
    };
    show(&console, visit, id, StatusCode::OK, said).await
}

/// The page of a delivery as it is now.
pub(super) async fn show(
    console: &Console,
    visit: Visit,
    id: DeliveryId,
    status: StatusCode,
    said: Said,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesRead])?;
    let frame = visit.frame;
    let institution = &visit.principal.institution;
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let store = console.engine.store();
    let delivery = store.delivery(institution, id).await.map_err(failed)?;
    let delivery = delivery.ok_or_else(|| Refused::not_found(&frame))?;
    let attempts = store.attempts(institution, id).await.map_err(failed)?;
    let page = DeliveryPage {
        row: Row::of(&frame, &delivery),
        attempts: attempts.iter().map(|it| Sent::of(&frame, it)).collect(),
        may_redeliver: frame.may_redeliver() && delivery.can_be_redelivered(frame.now),
        may_abandon: frame.may_redeliver() && delivery.status == DeliveryStatus::Pending,
        said,
        frame,
    };
    Ok(page_with(status, &page))
}
