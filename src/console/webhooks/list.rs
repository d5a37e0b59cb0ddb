//! The list of webhooks.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::row::Row;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::query::Given;
use crate::console::refused::Refused;
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::store::{Outbox, Scope, StoreError};

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Webhooks {
    frame: Frame,
    rows: Vec<Row>,
    may_write: bool,
    notice: Option<&'static str>,
}

pub(in crate::console) async fn list(
    State(console): State<Console>,
    mut visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksRead])?;
    visit.frame.is_live = true;
    let frame = visit.frame;
    let institution = Some(&visit.principal.institution);
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let store = console.engine.store();
    let webhooks = store.webhooks(institution).await.map_err(failed)?;
    let backlog = store.backlog(institution).await.map_err(failed)?;
    let is_removed = Given::read(query.as_deref()).notice == "removed";
    let row = |it| Row::of(&frame, it, &backlog);
    Ok(page(&Webhooks {
        rows: webhooks.iter().map(row).collect(),
        may_write: frame.may(Scope::WebhooksWrite),
        notice: is_removed.then_some(frame.texts.webhook_removed),
        frame,
    }))
}
