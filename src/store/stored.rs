//! What databases keep of an event, and the way back to the domain; every step back is checked.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::actor::{Actor, ActorKind};
use super::name::{ActorId, IdempotencyKey, InstitutionId};
use super::request::RecordedEvent;
use crate::lifecycle::application::ApplicationDetails;
use crate::lifecycle::event::{Event, EventBody, EventKind};
use crate::lifecycle::rules;
use crate::lifecycle::source::TriggerContext;
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::{
    ApplicantEmail, ApplicationId, CertificateTitle, InvalidValue, ProcessingError, RejectionReason,
};
use crate::store::cursor::Cursor;

/// Why stored bytes are no event of a legal application. It quotes no text that is stored: it
/// becomes the reason of a dead letter, and nothing personal belongs there.
pub(super) type Problem = String;

/// Which field breaks which rule.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
fn rule(error: InvalidValue) -> Problem {
    error.without_value()
}

/// The number by which databases know a value: its place in `ALL`. What is stored relies on that
/// order; a test opens a database of an earlier version.
pub(super) fn code<T: PartialEq, const N: usize>(all: &[T; N], value: &T) -> i16 {
    let place = all.iter().position(|it| it == value);
    place.and_then(|it| i16::try_from(it).ok()).unwrap_or(-1)
}

/// The value that a database knows by this number.
pub(super) fn decode<T: Copy, const N: usize>(
    all: &[T; N],
    column: &str,
    code: i64,
) -> Result<T, Problem> {
    let place = usize::try_from(code).ok();
    place
        .and_then(|it| all.get(it))
        .copied()
        .ok_or_else(|| format!("{column} must be 0 to {}, but is {code}", N - 1))
}

/// An application's details, as columns.
pub(super) struct StoredDetails {
    pub(super) uuid: Uuid,
    pub(super) application_id: i64,
    pub(super) title: String,
    pub(super) email: String,
}

impl StoredDetails {
    pub(super) fn restore(self) -> Result<ApplicationDetails, Problem> {
        let number = u64::try_from(self.application_id).unwrap_or(0);
        Ok(ApplicationDetails::new(
            ApplicationId::new(number).map_err(rule)?,
            self.uuid,
            CertificateTitle::new(self.title).map_err(rule)?,
            ApplicantEmail::new(self.email).map_err(rule)?,
        ))
    }
}

/// An event without its details, as columns.
pub(super) struct StoredEvent {
    pub(super) version: i64,
    pub(super) kind: i64,
    /// Seconds since 1970.
    pub(super) at: i64,
    /// The rejection reason or the error.
    pub(super) text: Option<String>,
    pub(super) trigger_context: i64,
}

impl StoredEvent {
    pub(super) fn restore(self, details: Arc<ApplicationDetails>) -> Result<Event, Problem> {
        let kind = decode(&EventKind::ALL, "kind", self.kind)?;
        let trigger_context = decode(
            &TriggerContext::ALL,
            "trigger_context",
            self.trigger_context,
        )?;
        let version = u64::try_from(self.version)
            .map_err(|_| format!("version must not be negative, but is {}", self.version))?;
        let at = restore_time(self.at)?;
        let body = body(kind, trigger_context, self.text)?;
        if body.source() != trigger_context.source() {
            return Err(format!(
                "an application from source {} cannot be in status {}",
                trigger_context.source(),
                kind.status()
            ));
        }
        Event::restore(details, version, at, body).map_err(|error| error.to_string())
    }
}

/// That an event can stand right before another in a history.
pub(super) fn check_order(earlier: &Event, later: &Event) -> Result<(), Problem> {
    let (before, after) = (earlier.version(), later.version());
    if before.checked_add(1) != Some(after) {
        return Err(format!("version {before} stands before version {after}"));
    }
    let status = earlier.kind().status();
    let is_legal = |action| rules::is_legal(status, earlier.source(), action);
    if !later.kind().action().is_some_and(is_legal) {
        let kind = later.kind();
        return Err(format!("{kind} cannot follow on status {status}"));
    }
    if later.timestamp() < earlier.timestamp() {
        return Err(format!("version {after} happened before version {before}"));
    }
    Ok(())
}

/// The moment with this many seconds since 1970.
fn restore_time(seconds: i64) -> Result<Timestamp, Problem> {
    let time = DateTime::from_timestamp(seconds, 0)
        .ok_or_else(|| format!("there is no time {seconds} seconds after 1970"))?;
    Timestamp::new(time).map_err(|error| error.to_string())
}

/// The moment with this many milliseconds since 1970; the nearest that there is, where somebody's
/// hand has written one that there is not.
pub(super) fn nearest_time(milliseconds: i64) -> DateTime<Utc> {
    let end = if milliseconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(end)
}

fn body(
    kind: EventKind,
    trigger_context: TriggerContext,
    text: Option<String>,
) -> Result<EventBody, Problem> {
    let source = trigger_context.source();
    let needed = |text: Option<String>| text.ok_or_else(|| format!("{kind} must have a text"));
    if text.is_some() && !matches!(kind, EventKind::Rejected | EventKind::Failed) {
        return Err(format!("{kind} must not have a text, but has one"));
    }
    Ok(match kind {
        EventKind::Created => EventBody::Created { trigger_context },
        EventKind::Processing => EventBody::Processing,
        EventKind::Approved => EventBody::Approved { source },
        EventKind::Rejected => EventBody::Rejected {
            rejection_reason: RejectionReason::new(needed(text)?).map_err(rule)?,
        },
        EventKind::Failed => EventBody::Failed {
            source,
            error: ProcessingError::new(needed(text)?).map_err(rule)?,
        },
        EventKind::Retried => EventBody::Retried { source },
    })
}

/// What stands beside an event in the record, as columns.
pub(super) struct StoredRecord {
    pub(super) cursor: Cursor,
    pub(super) institution: String,
    pub(super) actor_kind: i64,
    pub(super) actor: String,
    pub(super) idempotency_key: Option<String>,
}

impl StoredRecord {
    pub(super) fn restore(self, event: Event) -> Result<RecordedEvent, Problem> {
        let kind = decode(&ActorKind::ALL, "actor_kind", self.actor_kind)?;
        Ok(RecordedEvent {
            cursor: self.cursor,
            institution: InstitutionId::new(self.institution).map_err(rule)?,
            event,
            actor: Actor::new(kind, ActorId::new(self.actor).map_err(rule)?),
            idempotency_key: self
                .idempotency_key
                .map(IdempotencyKey::new)
                .transpose()
                .map_err(rule)?,
        })
    }
}
