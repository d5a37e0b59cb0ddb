//! One webhook: its settings, its health, its latest deliveries, and what may be done.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::row::{Row, find};
use crate::console::deliveries::{Row as DeliveryRow, Sent};
use crate::console::frame::Frame;
use crate::console::page::page_with;
use crate::console::query::Given;
use crate::console::refused::Refused;
use crate::console::shown::When;
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::store::{Attempt, DeliveryFilter, ListOrder, Outbox, Scope, StoreError};

/// How many deliveries are shown.
const DELIVERIES: u32 = 50;

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    frame: Frame,
    row: Row,
    revision: u64,
    created: When,
    deliveries: Option<Vec<DeliveryRow>>,
    may_write: bool,
    notice: Option<&'static str>,
    fault: Option<String>,
    tested: Option<Sent>,
}

/// What a page says beside the webhook.
#[derive(Default)]
pub(super) struct Said {
    pub(super) notice: Option<&'static str>,
    pub(super) fault: Option<String>,
    /// What the test event was answered with.
    pub(super) tested: Option<Attempt>,
}

pub(in crate::console) async fn webhook(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let texts = visit.frame.texts;
    let notice = match &*Given::read(query.as_deref()).notice {
        "enabled" => Some(texts.webhook_enabled),
        "disabled" => Some(texts.webhook_disabled),
        "known" => Some(texts.webhook_known),
        "saved" => Some(texts.webhook_saved),
        _ => None,
    };
    let id = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let said = Said {
        notice,
        ..Said::default()
    };
    show(&console, visit, id, StatusCode::OK, said).await
}

/// The page of a webhook as it is now.
pub(super) async fn show(
    console: &Console,
    visit: Visit,
    id: Uuid,
    status: StatusCode,
    said: Said,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksRead])?;
    let (webhook, row) = find(console, &visit, id).await?;
    let frame = visit.frame;
    let deliveries = if frame.may_see_deliveries() {
        let filter = DeliveryFilter::default()
            .with_webhook(Some(id))
            .with_order(ListOrder::NewestFirst);
        let institution = Some(&visit.principal.institution);
        let store = console.engine.store();
        let found = store.deliveries(institution, filter, None, DELIVERIES);
        let failed = |error: StoreError| Refused::store(&frame, &error);
        let found = found.await.map_err(failed)?.deliveries;
        Some(found.iter().map(|it| DeliveryRow::of(&frame, it)).collect())
    } else {
        None
    };
    let page = WebhookPage {
        row,
        revision: webhook.revision,
        created: frame.when(webhook.created_at),
        deliveries,
        may_write: frame.may(Scope::WebhooksWrite),
        notice: said.notice,
        fault: said.fault,
        tested: said.tested.map(|it| Sent::of(&frame, &it)),
        frame,
    };
    Ok(page_with(status, &page))
}
