//! A webhook as pages show it.

use uuid::Uuid;

use crate::console::frame::Frame;
use crate::console::refused::Refused;
use crate::console::shown::{self, When};
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::lifecycle::event::EventKind;
use crate::store::{Backlog, Outbox, StoreError, Webhook};
use crate::webhook::EventKinds;

/// A webhook with its health and what waits for it.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) description: String,
    pub(super) events: String,
    /// The names of its headers.
    pub(super) headers: Vec<String>,
    pub(super) disabled: Option<Off>,
    pub(super) failing_since: Option<When>,
    pub(super) not_before: Option<When>,
    pub(super) pending: u64,
    pub(super) dead: u64,
    pub(super) oldest_due: Option<When>,
}

/// Why a webhook is disabled, and since when.
pub(super) struct Off {
    pub(super) reason: &'static str,
    pub(super) at: When,
    pub(super) detail: String,
}

impl Row {
    pub(super) fn of(frame: &Frame, webhook: &Webhook, backlog: &[Backlog]) -> Self {
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
            headers: endpoint.headers.names().map(shown::text).collect(),
            disabled,
            failing_since: webhook.health.failing_since.map(|it| frame.when(it)),
            not_before: not_before.map(|it| frame.when(it)),
            pending: backlog.map_or(0, |it| it.pending),
            dead: backlog.map_or(0, |it| it.dead),
            oldest_due: first_due.map(|it| frame.when(it)),
        }
    }
}

/// A webhook, and what pages show of it.
pub(super) async fn find(
    console: &Console,
    visit: &Visit,
    id: Uuid,
) -> Result<(Webhook, Row), Refused> {
    let frame = &visit.frame;
    let institution = &visit.principal.institution;
    let failed = |error: StoreError| Refused::store(frame, &error);
    let store = console.engine.store();
    let webhook = store.webhook(institution, id).await.map_err(failed)?;
    let webhook = webhook.ok_or_else(|| Refused::not_found(frame))?;
    let backlog = store.backlog(Some(institution)).await.map_err(failed)?;
    let row = Row::of(frame, &webhook, &backlog);
    Ok((webhook, row))
}

/// The events that a webhook wants, in words.
fn events(frame: &Frame, kinds: EventKinds) -> String {
    if kinds == EventKinds::ALL {
        return frame.texts.all_events.to_owned();
    }
    let names = kinds.iter().map(|it: EventKind| frame.texts.event(it));
    names.collect::<Vec<_>>().join(", ")
}
