//! The deliveries: a list of them, and one with its attempts.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::frame::Frame;
use super::language::Texts;
use super::language::counted;
use super::page::{page, page_with};
use super::query::{Faults, time};
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::event::EventKind;
use crate::server::{delivery_id, kind};
use crate::store::{
    Attempt, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus, ListOrder, Outbox, Scope,
    StoreError,
};

/// How many deliveries a page has.
const ROWS: u32 = 50;

/// The fields of the filter, as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) status: String,
    pub(super) webhook: String,
    pub(super) application: String,
    pub(super) event: String,
    pub(super) from: String,
    pub(super) to: String,
    order: String,
    after: String,
    /// How many deliveries were sent again, after that was asked for.
    redelivered: String,
}

impl Given {
    /// Reads a query or a form. What it does not know is passed over.
    pub(super) fn read(query: &[u8]) -> Self {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query) {
            let field = match &*name {
                "status" => &mut given.status,
                "webhook" => &mut given.webhook,
                "application" => &mut given.application,
                "event" => &mut given.event,
                "from" => &mut given.from,
                "to" => &mut given.to,
                "order" => &mut given.order,
                "after" => &mut given.after,
                "redelivered" => &mut given.redelivered,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        given
    }

    pub(super) fn is_oldest_first(&self) -> bool {
        self.order == "oldest"
    }

    pub(super) const fn is_later_page(&self) -> bool {
        !self.after.is_empty()
    }

    /// The query of this filter, with this beside it.
    pub(super) fn with(&self, beside: Option<(&str, &str)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("status", &*self.status),
            ("webhook", &self.webhook),
            ("application", &self.application),
            ("event", &self.event),
            ("from", &self.from),
            ("to", &self.to),
            ("order", &self.order),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in given.chain(beside) {
            query.append_pair(name, value);
        }
        query.finish()
    }

    /// The same filter for deliveries of each status.
    pub(super) fn with_any_status(self) -> Self {
        Self {
            status: String::new(),
            ..self
        }
    }

    /// The filter; what is wrong with it.
    pub(super) fn filter(&self, texts: &Texts) -> (DeliveryFilter, Faults) {
        let mut faults = Faults::default();
        let id = str::parse::<Uuid>;
        let choice = texts.no_such_choice;
        let status = str::parse::<DeliveryStatus>;
        let status = faults.value(&self.status, status, texts.status, choice);
        let order = if self.is_oldest_first() {
            ListOrder::OldestFirst
        } else {
            ListOrder::NewestFirst
        };
        let filter = DeliveryFilter::default()
            .with_status(status)
            .with_webhook(faults.value(&self.webhook, id, texts.webhook, texts.no_id))
            .with_application(faults.value(&self.application, id, texts.application, texts.no_id))
            .with_kind(faults.value(&self.event, kind, texts.event, choice))
            .with_since(faults.value(&self.from, time, texts.from_time, texts.no_time))
            .with_until(faults.value(&self.to, time, texts.to_time, texts.no_time))
            .with_order(order);
        (filter, faults)
    }
}

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

/// A choice of a filter.
struct Choice {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
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
    let choice = |value, name, given: &str| Choice {
        value,
        name,
        is_chosen: value == given,
    };
    let status = |it: DeliveryStatus| choice(it.as_str(), texts.delivery_status(it), &given.status);
    let event = |it: EventKind| choice(it.as_str(), texts.event(it), &given.event);
    let redelivered: Option<u64> = given.redelivered.parse().ok();
    let mut shown = Deliveries {
        statuses: DeliveryStatus::ALL.into_iter().map(status).collect(),
        events: EventKind::ALL.into_iter().map(event).collect(),
        first: given.with(None),
        notice: redelivered.map(|it| counted(it, texts.redelivered_one, texts.redelivered_many)),
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
    for (_, corrupt) in &found.corrupt {
        tracing::error!(error = %corrupt, "left out of a page");
    }
    let unreadable = found.corrupt.len() as u64;
    let text = texts.unreadable;
    shown.unreadable = (unreadable > 0).then(|| counted(unreadable, text, text));
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
    notice: Option<String>,
}

pub(super) async fn delivery(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesRead])?;
    let given = Given::read(query.unwrap_or_default().as_bytes());
    let frame = visit.frame;
    let id = delivery_id(&id).map_err(|_| Refused::not_found(&frame))?;
    let institution = &visit.principal.institution;
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let store = console.engine.store();
    let delivery = store.delivery(institution, id).await.map_err(failed)?;
    let delivery = delivery.ok_or_else(|| Refused::not_found(&frame))?;
    let attempts = store.attempts(institution, id).await.map_err(failed)?;
    let redelivered: Option<u64> = given.redelivered.parse().ok();
    let texts = frame.texts;
    Ok(page(&DeliveryPage {
        row: Row::of(&frame, &delivery),
        attempts: attempts.iter().map(|it| Sent::of(&frame, it)).collect(),
        may_redeliver: frame.may_redeliver() && delivery.can_be_redelivered(frame.now),
        notice: redelivered.map(|it| counted(it, texts.redelivered_one, texts.redelivered_many)),
        frame,
    }))
}
