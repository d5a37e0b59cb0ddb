//! Arguments that several commands take.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::harmless::may_be_secret;
use crate::forms::{only_hyphenated, rfc_3339};
use certificate_lifecycle::Timestamp;
use certificate_lifecycle::store::InstitutionId;

/// Whose applications.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Institution {
    /// Whose applications: the id of the institution.
    #[arg(id = "institution", long, value_name = "ID", default_value = "default")]
    pub(super) id: InstitutionId,
}

/// For whom events are written.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Webhook {
    /// The webhook endpoint that the events are for: the webhook_id in each of them.
    #[arg(id = "webhook_id", long = "webhook-id", value_name = "UUID", value_parser = hyphenated, default_value_t = Uuid::nil())]
    pub(super) id: Uuid,
}

/// How an answer is shown.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Form {
    /// Print JSON, one object a line, instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// How a sentence names an institution: by its id, unless that may be a secret in the wrong place.
pub(super) fn in_words(institution: &InstitutionId) -> String {
    let id = institution.as_str();
    if may_be_secret(id) {
        "this institution".to_owned()
    } else {
        format!("institution {id:?}")
    }
}

/// Reads the id of an institution, and not what stands for all of them.
pub(super) fn one_institution(text: &str) -> Result<InstitutionId, String> {
    if text == "*" {
        return Err("expected the id of one institution: * stands for all of them".to_owned());
    }
    InstitutionId::new(text).map_err(|error| error.to_string())
}

/// Reads the one form in which the contract writes UUIDs.
pub(super) fn hyphenated(uuid: &str) -> Result<Uuid, &'static str> {
    only_hyphenated(uuid)
        .ok_or("expected a hyphenated UUID such as a1b2c3d4-e5f6-7890-abcd-ef1234567890")
}

/// Reads a time as RFC 3339 writes it, cut to whole seconds; none for what is no such time.
pub(super) fn whole_second(text: &str) -> Option<Timestamp> {
    Timestamp::new(rfc_3339(text)?).ok()
}

/// Reads a time.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    whole_second(text)
        .map(Timestamp::to_datetime)
        .ok_or("expected an RFC 3339 time with its offset from UTC, such as 2026-06-04T10:30:00Z")
}

/// Reads a length of time. An error repeats nothing of the text, as those of humantime do.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 30m, 2h or 1day, in s, m, h, days or weeks")?;
    // chrono adds no longer one to a time.
    let is_short = TimeDelta::from_std(duration).is_ok();
    is_short
        .then_some(duration)
        .ok_or("expected a shorter duration")
}

/// Reads how long a server is waited for.
pub(super) fn patience(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 60s or 2m, in ms, s, m or h")
}
