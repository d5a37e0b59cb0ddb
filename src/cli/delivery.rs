//! A delivery as it is shown: as a row, as a block, as an object.

use serde::Serialize;

use super::show::time;
use super::table::{Column, Fact};
use certificate_lifecycle::store::{Attempt, Delivery, DeliveryStatus};

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
pub(super) fn facts(delivery: &Delivery, attempts: &[Attempt]) -> Vec<Fact> {
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

fn in_words(attempt: &Attempt) -> String {
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

/// A delivery, for programs: with its attempts, if they are wanted.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    #[serde(flatten)]
    delivery: &'a Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempted: Option<&'a [Attempt]>,
}

impl<'a> Line<'a> {
    pub(super) const fn new(delivery: &'a Delivery, attempted: Option<&'a [Attempt]>) -> Self {
        Self {
            delivery,
            attempted,
        }
    }
}
