//! What databases keep of applications and their events.

use std::sync::Arc;

use super::{Columns, Problem, decode, from_seconds, rule};
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::event::{Event, EventBody, EventKind};
use crate::lifecycle::rules;
use crate::lifecycle::source::TriggerContext;
use crate::lifecycle::value::{ApplicationId, ProcessingError, RejectionReason};

/// The details of an application, from the columns of uuid, application id, title and address.
pub(in crate::store) fn details(
    row: &impl Columns,
    [uuid, application_id, title, email]: [usize; 4],
) -> Result<ApplicationDetails, Problem> {
    let number = row.integer(application_id, "application.application_id")?;
    let title = row.text(title, "application.certificate_title")?;
    let email = row.word(email, "application.applicant_email")?;
    let number = ApplicationId::new(u64::try_from(number).unwrap_or(0)).map_err(rule)?;
    let uuid = row.uuid(uuid, "application.uuid")?;
    ApplicationDetails::of_texts(number, uuid, title.as_ref(), email.as_ref()).map_err(rule)
}

/// An event without its details, as columns.
pub(in crate::store) struct StoredEvent {
    pub(in crate::store) version: i64,
    pub(in crate::store) kind: i64,
    /// Seconds since 1970.
    pub(in crate::store) at: i64,
    /// The rejection reason or the error.
    pub(in crate::store) text: Option<String>,
    pub(in crate::store) trigger_context: i64,
}

impl StoredEvent {
    pub(in crate::store) fn restore(
        self,
        details: Arc<ApplicationDetails>,
    ) -> Result<Event, Problem> {
        let kind = decode(&EventKind::ALL, "kind", self.kind)?;
        let trigger_context = decode(
            &TriggerContext::ALL,
            "trigger_context",
            self.trigger_context,
        )?;
        let version = u64::try_from(self.version)
            .map_err(|_| format!("version must not be negative, but is {}", self.version))?;
        let at = from_seconds(self.at)?;
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
pub(in crate::store) fn check_order(earlier: &Event, later: &Event) -> Result<(), Problem> {
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
