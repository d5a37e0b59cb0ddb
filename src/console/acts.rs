//! Who did what: the writes to webhooks, deliveries and tokens, the newest first.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::frame::Frame;
use super::page::page;
use super::query::Given;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::store::{ActKind, ActOutcome, Audit, RecordedAct, Scope, StoreError};

/// How many acts a page has.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "acts.html")]
struct ActsPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    /// That some could not be read.
    unreadable: Option<String>,
}

/// Something that was done.
struct Row {
    at: When,
    actor: String,
    what: &'static str,
    subject: String,
    /// The page of the subject, if there is one that the reader may see.
    link: Option<String>,
    detail: String,
    outcome: Came,
}

/// What came of it.
struct Came {
    class: &'static str,
    name: &'static str,
    reason: String,
}

impl Row {
    fn of(frame: &Frame, recorded: &RecordedAct) -> Self {
        let act = &recorded.act;
        Self {
            at: frame.when(act.at),
            actor: shown::text(&act.actor.to_string()),
            what: frame.texts.act(act.kind),
            subject: shown::text(act.subject.as_str()),
            link: link(frame, recorded),
            detail: shown::text(act.detail.as_str()),
            outcome: Came::of(frame, recorded.outcome.as_ref()),
        }
    }
}

impl Came {
    fn of(frame: &Frame, outcome: Option<&ActOutcome>) -> Self {
        let (class, name, reason) = match outcome {
            Some(ActOutcome::Done) => ("good", frame.texts.act_done, String::new()),
            Some(ActOutcome::Refused(reason)) => {
                let reason = shown::text(reason.as_str());
                ("bad", frame.texts.refused_of, reason)
            }
            None => ("", frame.texts.act_unknown, String::new()),
        };
        Self {
            class,
            name,
            reason,
        }
    }
}

/// Where the webhook or the delivery is shown. A webhook that was removed has no page.
fn link(frame: &Frame, recorded: &RecordedAct) -> Option<String> {
    let (act, base) = (&recorded.act, &frame.base);
    let subject = act.subject.as_str();
    match act.kind {
        ActKind::WebhookRegistered
        | ActKind::WebhookChanged
        | ActKind::WebhookEnabled
        | ActKind::WebhookDisabled
        | ActKind::WebhookRotated
        | ActKind::WebhookTested
        | ActKind::DeliveriesReplayed
            if frame.may_see_webhooks() =>
        {
            let id: uuid::Uuid = subject.parse().ok()?;
            Some(format!("{base}/webhooks/{id}"))
        }
        ActKind::DeliveriesRedelivered | ActKind::DeliveriesAbandoned
            if frame.may_see_deliveries() =>
        {
            let id: i64 = subject.parse().ok()?;
            Some(format!("{base}/deliveries/{id}"))
        }
        _ => None,
    }
}

pub(super) async fn acts(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksWrite, Scope::TokensWrite])?;
    let frame = visit.frame;
    let before = Given::read(query.as_deref()).before.parse().ok();
    let institution = Some(&visit.principal.institution);
    let found = console.engine.store().acts(institution, before, ROWS).await;
    let found = found.map_err(|error: StoreError| Refused::store(&frame, &error))?;
    for corrupt in &found.corrupt {
        tracing::error!(error = %corrupt, "left out of a page");
    }
    let unreadable = match found.corrupt.len() {
        0 => None,
        count => Some(frame.texts.unreadable.replace("{}", &count.to_string())),
    };
    Ok(page(&ActsPage {
        rows: found.acts.iter().map(|it| Row::of(&frame, it)).collect(),
        next: found.next.map(|it| it.to_string()),
        unreadable,
        frame,
    }))
}
