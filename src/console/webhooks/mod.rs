//! The webhooks, and what may be done to them.

mod actions;
mod one;
mod register;
mod secret;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

pub(super) use actions::{disable, enable, rotate, test};
pub(super) use one::webhook;
pub(super) use register::{new, register};

use super::frame::Frame;
use super::page::page;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::lifecycle::event::EventKind;
use crate::store::{Backlog, Outbox, Scope, StoreError, Webhook};
use crate::webhook::EventKinds;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Webhooks {
    frame: Frame,
    rows: Vec<Row>,
    may_write: bool,
}

/// A webhook with its health and what waits for it.
struct Row {
    id: String,
    url: String,
    description: String,
    events: String,
    disabled: Option<Off>,
    failing_since: Option<When>,
    not_before: Option<When>,
    pending: u64,
    dead: u64,
    oldest_due: Option<When>,
}

/// Why a webhook is disabled, and since when.
struct Off {
    reason: &'static str,
    at: When,
    detail: String,
}

impl Row {
    fn of(frame: &Frame, webhook: &Webhook, backlog: &[Backlog]) -> Self {
        let endpoint = &webhook.endpoint;
        let backlog = backlog.iter().find(|it| it.webhook == webhook.id);
        let disabled = endpoint.disabled.as_ref().map(|it| Off {
            reason: frame.texts.disabled_reason(it.reason),
            at: frame.when(it.at),
            detail: shown::text(it.detail.as_str()),
        });
        let is_due = |it: &chrono::DateTime<chrono::Utc>| *it <= frame.now;
        let first_due = backlog.and_then(|it| it.first_due).filter(is_due);
        let not_before = webhook.health.not_before.filter(|it| *it > frame.now);
        Self {
            id: webhook.id.to_string(),
            url: shown::text(endpoint.url.as_str()),
            description: shown::text(endpoint.description.as_str()),
            events: events(frame, endpoint.kinds),
            disabled,
            failing_since: webhook.health.failing_since.map(|it| frame.when(it)),
            not_before: not_before.map(|it| frame.when(it)),
            pending: backlog.map_or(0, |it| it.pending),
            dead: backlog.map_or(0, |it| it.dead),
            oldest_due: first_due.map(|it| frame.when(it)),
        }
    }
}

/// The events that a webhook wants, in words.
fn events(frame: &Frame, kinds: EventKinds) -> String {
    if kinds == EventKinds::ALL {
        return frame.texts.all_events.to_owned();
    }
    let names = kinds.iter().map(|it: EventKind| frame.texts.event(it));
    names.collect::<Vec<_>>().join(", ")
}

pub(super) async fn list(
    State(console): State<Console>,
    mut visit: Visit,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksRead])?;
    visit.frame.is_live = true;
    let frame = visit.frame;
    let institution = Some(&visit.principal.institution);
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let store = console.engine.store();
    let webhooks = store.webhooks(institution).await.map_err(failed)?;
    let backlog = store.backlog(institution).await.map_err(failed)?;
    let row = |it| Row::of(&frame, it, &backlog);
    Ok(page(&Webhooks {
        rows: webhooks.iter().map(row).collect(),
        may_write: frame.may(Scope::WebhooksWrite),
        frame,
    }))
}
