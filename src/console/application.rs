//! One application: where it stands, how it came there, what became of its events, and what may be
//! done.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::applications::Row;
use super::entry::Entry;
use super::frame::Frame;
use super::lifecycle_picture::Picture;
use super::page::page_with;
use super::query::Given;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::action::Action;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::value::{ProcessingError, RejectionReason};
use crate::store::{Delivery, DeliveryFilter, DeliveryStatus, Outbox, Scope, StoreError};

/// How many deliveries are shown.
const DELIVERIES: u32 = 50;

#[derive(Template)]
#[template(path = "application.html")]
struct ApplicationPage {
    frame: Frame,
    row: Row,
    why: Option<String>,
    picture: Picture,
    events: Vec<Entry>,
    deliveries: Option<Vec<Sent>>,
    may: May,
    reasons: Vec<String>,
    notice: Option<&'static str>,
    fault: Option<String>,
    typed: String,
}

/// What the reader may do with it now.
#[derive(Clone, Copy)]
pub(super) struct May {
    pub(super) accept: bool,
    pub(super) reject: bool,
    pub(super) retry: bool,
}

impl May {
    /// What is legal now, and the reader's to do.
    pub(super) fn of(frame: &Frame, application: &AnyApplication) -> Self {
        let kind = frame.reader.as_ref().map(|it| it.principal.actor.kind);
        let legal = kind.map_or_else(Vec::new, |it| application.legal_actions_for(it));
        Self {
            accept: frame.may_decide() && legal.contains(&Action::BeginProcessing),
            reject: frame.may_decide() && legal.contains(&Action::Reject),
            retry: frame.may_retry() && legal.contains(&Action::Retry),
        }
    }

    pub(super) const fn anything(self) -> bool {
        self.accept || self.reject || self.retry
    }
}

/// One delivery.
struct Sent {
    event: &'static str,
    webhook: String,
    status: &'static str,
    status_name: &'static str,
    attempts: u32,
    at: When,
    reason: Option<String>,
}

pub(super) async fn application(
    State(console): State<Console>,
    visit: Visit,
    Path(uuid): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::ApplicationsRead])?;
    let given = Given::read(query.as_deref());
    let texts = visit.frame.texts;
    let notice = match &*given.notice {
        "accepted" => Some(texts.accepted),
        "rejected" => Some(texts.rejected),
        "retried" => Some(texts.retried),
        _ => None,
    };
    let uuid = uuid.parse();
    let uuid = uuid.map_err(|_| Refused::not_found(&visit.frame))?;
    show(
        &console,
        visit,
        uuid,
        StatusCode::OK,
        Said {
            notice,
            ..Said::default()
        },
    )
    .await
}

/// What a page says beside the application.
#[derive(Default)]
pub(super) struct Said {
    pub(super) notice: Option<&'static str>,
    pub(super) fault: Option<String>,
    /// What was typed as a reason.
    pub(super) typed: String,
}

/// The page of an application as it is now.
pub(super) async fn show(
    console: &Console,
    mut visit: Visit,
    uuid: Uuid,
    status: StatusCode,
    said: Said,
) -> Result<Response, Refused> {
    visit.frame.is_live = said.fault.is_none();
    let frame = visit.frame;
    let institution = &visit.principal.institution;
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let engine = &console.engine;
    let application = engine.load(institution, uuid).await.map_err(failed)?;
    let application = application.ok_or_else(|| Refused::not_found(&frame))?;
    let history = engine.history(institution, uuid).await.map_err(failed)?;
    let deliveries = if frame.may(Scope::DeliveriesRead) {
        let filter = DeliveryFilter::default().with_application(Some(uuid));
        let store = engine.store();
        let found = store.deliveries(Some(institution), filter, None, DELIVERIES);
        let found = found.await.map_err(failed)?.deliveries;
        Some(found.iter().map(|it| sent(&frame, it)).collect())
    } else {
        None
    };
    let why = application.rejection_reason().map(RejectionReason::as_str);
    let why = why.or_else(|| application.error().map(ProcessingError::as_str));
    let page = ApplicationPage {
        row: Row::of(&frame, &application),
        why: why.map(shown::lines),
        picture: Picture::of(&history, application.status(), application.source()),
        events: history.iter().map(|it| Entry::of(&frame, it)).collect(),
        deliveries,
        may: May::of(&frame, &application),
        reasons: console.reasons(&visit.principal.institution),
        notice: said.notice,
        fault: said.fault,
        typed: said.typed,
        frame,
    };
    Ok(page_with(status, &page))
}

fn sent(frame: &Frame, delivery: &Delivery) -> Sent {
    let texts = frame.texts;
    Sent {
        event: texts.event(delivery.kind),
        webhook: delivery.webhook.to_string(),
        status: delivery.status.as_str(),
        status_name: match delivery.status {
            DeliveryStatus::Pending => texts.pending,
            DeliveryStatus::Delivered => texts.delivered,
            DeliveryStatus::Dead => texts.dead,
        },
        attempts: delivery.attempts,
        at: frame.when(delivery.at),
        reason: delivery.reason.as_deref().map(shown::text),
    }
}
