//! A delivery as it is shown: as a row, as a block, as an object.

use serde::Serialize;
use uuid::Uuid;

use super::show::time;
use super::table::{Column, Fact};
use certificate_lifecycle::store::{Attempted, Delivery, DeliveryStatus};

pub(super) const COLUMNS: [Column; 8] = [
    Column::number("ID").at_least(6),
    Column::EVENT,
    Column::APPLICATION,
    Column::WEBHOOK,
    Column::STATUS,
    Column::number("ATTEMPTS"),
    Column::time("DUE OR SETTLED"),
    Column::text("REASON"),
];

/// The cells of a table's row.
pub(super) fn row(delivery: &Delivery) -> Vec<String> {
    vec![
        delivery.id.to_string(),
        delivery.kind.to_string(),
        delivery.application.to_string(),
        delivery.webhook.to_string(),
        delivery.status.to_string(),
        delivery.attempts.to_string(),
        time(delivery.at),
        delivery.reason.clone().unwrap_or_default(),
    ]
}

/// All that is known of it, with its attempts.
pub(super) fn facts(delivery: &Delivery, attempts: &[Attempted]) -> Vec<Fact> {
    let when = match delivery.status {
        DeliveryStatus::Pending => "due at",
        DeliveryStatus::Delivered | DeliveryStatus::Dead => "settled at",
    };
    let mut facts = vec![
        Fact::word("id", delivery.id.to_string()),
        Fact::word("event", delivery.kind.to_string()),
        Fact::word("version", delivery.version.to_string()),
        Fact::word("application", delivery.application.to_string()),
        Fact::word("webhook", delivery.webhook.to_string()),
        Fact::word("institution", delivery.institution.to_string()),
        Fact::word("recorded at", time(delivery.created_at)),
        Fact::word("status", delivery.status.to_string()),
        Fact::word(when, time(delivery.at)),
    ];
    if let Some(reason) = &delivery.reason {
        facts.push(Fact::text("reason", reason));
    }
    facts.push(Fact::word("attempts", delivery.attempts.to_string()));
    for attempt in attempts {
        facts.push(Fact::text(&time(attempt.at), in_words(attempt)));
    }
    facts
}

fn in_words(attempt: &Attempted) -> String {
    let status = attempt
        .status
        .map_or("no answer".to_owned(), |it| it.to_string());
    let mut words = format!("{status} after {} ms", attempt.milliseconds);
    if let Some(error) = &attempt.error {
        words = format!("{words}: {error}");
    }
    match attempt.excerpt.as_deref() {
        None | Some("") => words,
        Some(excerpt) => format!("{words}; the answer: {excerpt}"),
    }
}

/// A delivery, for programs.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    id: i64,
    event: &'static str,
    version: u64,
    application: Uuid,
    webhook: Uuid,
    institution: &'a str,
    status: DeliveryStatus,
    attempts: u32,
    recorded_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempted: Option<Vec<AttemptLine<'a>>>,
}

/// An attempt, for programs: null where there is no such thing.
#[derive(Serialize)]
pub(super) struct AttemptLine<'a> {
    at: String,
    milliseconds: u64,
    status: Option<u16>,
    error: Option<&'a str>,
    excerpt: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn new(delivery: &'a Delivery, attempts: Option<&'a [Attempted]>) -> Self {
        let is_pending = delivery.status == DeliveryStatus::Pending;
        let at = time(delivery.at);
        let (due_at, settled_at) = if is_pending {
            (Some(at), None)
        } else {
            (None, Some(at))
        };
        Self {
            id: delivery.id.0,
            event: delivery.kind.name(),
            version: delivery.version,
            application: delivery.application,
            webhook: delivery.webhook,
            institution: delivery.institution.as_str(),
            status: delivery.status,
            attempts: delivery.attempts,
            recorded_at: time(delivery.created_at),
            due_at,
            settled_at,
            reason: delivery.reason.as_deref(),
            attempted: attempts.map(|made| made.iter().map(AttemptLine::new).collect()),
        }
    }
}

impl<'a> AttemptLine<'a> {
    pub(super) fn new(attempt: &'a Attempted) -> Self {
        Self {
            at: time(attempt.at),
            milliseconds: attempt.milliseconds,
            status: attempt.status,
            error: attempt.error.as_deref(),
            excerpt: attempt.excerpt.as_deref(),
        }
    }
}
