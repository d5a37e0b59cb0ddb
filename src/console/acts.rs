//! Who did what: the transitions of applications, and the writes to webhooks, deliveries and
//! tokens, the newest first.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::entry::Entry;
use super::frame::Frame;
use super::list::{Choice, choices, unreadable};
use super::page::page;
use super::query::Faults;
use super::refused::Refused;
use super::shown::{self, When};
use super::site::Console;
use super::visit::Visit;
use crate::store::{
    ActId, ActKind, ActOutcome, ActPage, Audit, Cursor, FeedPage, RecordedAct, RecordedEvent,
    Scope, StoreError,
};

/// How many writes a page has.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "acts.html")]
struct ActsPage {
    frame: Frame,
    /// Which writes are shown.
    choices: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
    /// That some could not be read.
    unreadable: Option<String>,
}

/// Something that was done.
struct Row {
    at: When,
    actor: String,
    what: String,
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
            what: frame.texts.act(act.kind).to_owned(),
            subject: shown::text(act.subject.as_str()),
            link: link(frame, recorded),
            detail: shown::text(act.detail.as_str()),
            outcome: Came::of(frame, recorded.outcome.as_ref()),
        }
    }

    fn of_event(frame: &Frame, recorded: &RecordedEvent) -> Self {
        let entry = Entry::of(frame, recorded);
        Self {
            at: entry.at,
            actor: entry.who,
            what: format!("{}: {}", frame.texts.application, entry.name),
            subject: entry.title,
            link: Some(format!("{}/applications/{}", frame.base, entry.application)),
            detail: entry.why.unwrap_or_default(),
            outcome: Came::of(frame, Some(&ActOutcome::Done)),
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

/// Which writes are wanted, and before which they are.
#[derive(Debug, Default)]
struct Given {
    /// `applications`, `settings`, or nothing for both.
    of: String,
    /// The act that the page lies before.
    act: String,
    /// The event that it lies before.
    event: String,
}

impl Given {
    /// Reads a query. What it does not know is passed over.
    fn read(query: &[u8]) -> Self {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query) {
            let field = match &*name {
                "of" => &mut given.of,
                "act" => &mut given.act,
                "event" => &mut given.event,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        given
    }

    /// The query of what lies before these.
    fn before(&self, act: Option<ActId>, event: Option<Cursor>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let act = act.map(|it| it.to_string());
        let event = event.map(|it| it.to_string());
        for (name, value) in [
            ("of", Some(&self.of)),
            ("act", act.as_ref()),
            ("event", event.as_ref()),
        ] {
            if let Some(value) = value.filter(|it| !it.is_empty()) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

pub(super) async fn acts(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::WebhooksWrite, Scope::TokensWrite])?;
    let frame = visit.frame;
    let given = Given::read(query.unwrap_or_default().as_bytes());
    let texts = frame.texts;
    let choices = choices(["applications", "settings"], &given.of, |it| {
        let name = if it == "settings" {
            texts.settings_acts
        } else {
            texts.applications
        };
        (it, name)
    });
    let mut faults = Faults::default();
    let act: Option<ActId> = faults.value(&given.act, str::parse, texts.page, texts.no_place);
    let event: Option<Cursor> = faults.value(&given.event, str::parse, texts.page, texts.no_place);
    if let Some(fault) = faults.0.pop() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Refused::new(&frame, status, fault));
    }
    let institution = Some(&visit.principal.institution);
    let failed = |error: StoreError| Refused::store(&frame, &error);
    let acts = if given.of == "applications" {
        ActPage::default()
    } else {
        let acts = console.engine.store().acts(institution, act, ROWS);
        acts.await.map_err(failed)?
    };
    let events = if given.of == "settings" || !frame.may(Scope::EventsRead) {
        FeedPage::default()
    } else {
        let events = console.engine.feed_before(institution, None, event, ROWS);
        events.await.map_err(failed)?
    };
    let corrupt = acts.corrupt.iter().chain(&events.corrupt);
    let unreadable = unreadable(&frame, corrupt);
    let (rows, next) = merged(&frame, (acts, act), (events, event));
    Ok(page(&ActsPage {
        next: next.map(|(act, event)| given.before(act, event)),
        choices,
        rows,
        unreadable,
        frame,
    }))
}

/// Where the next page goes on.
type Places = (Option<ActId>, Option<Cursor>);

/// The newest of both, and what the next page lies before; none after the last. Where one of them
/// has more that this page does not know, nothing that may be older than that is on it.
fn merged(
    frame: &Frame,
    (acts, before_act): (ActPage, Option<ActId>),
    (events, before_event): (FeedPage, Option<Cursor>),
) -> (Vec<Row>, Option<Places>) {
    let (mut act, mut event) = (before_act, before_event);
    let mut rows = Vec::new();
    let mut left_acts = acts.acts.iter().peekable();
    let mut left_events = events.events.iter().peekable();
    while rows.len() < ROWS as usize {
        let is_act = match (left_acts.peek(), left_events.peek()) {
            (Some(one), Some(other)) => one.act.at >= other.event.timestamp(),
            (Some(_), None) if events.next.is_none() => true,
            (None, Some(_)) if acts.next.is_none() => false,
            _ => break,
        };
        if is_act {
            rows.extend(left_acts.next().map(|it| {
                act = Some(it.id);
                Row::of(frame, it)
            }));
        } else {
            rows.extend(left_events.next().map(|it| {
                event = Some(it.cursor);
                Row::of_event(frame, it)
            }));
        }
    }
    // What was looked at to its end goes on behind it.
    if left_acts.peek().is_none() {
        act = acts.next.or(act);
    }
    if left_events.peek().is_none() {
        event = events.next.or(event);
    }
    let is_last = left_acts.peek().is_none()
        && left_events.peek().is_none()
        && acts.next.is_none()
        && events.next.is_none();
    (rows, (!is_last).then_some((act, event)))
}
