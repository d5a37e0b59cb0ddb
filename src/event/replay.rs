//! From events back to the application: what a subscriber, or an audit, follows along with.

use std::fmt::Display;

use super::payload::EventPayload;
use super::problem::{Fact, Problem};
use crate::lifecycle::action::Command;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::application::Application;
use crate::lifecycle::event::{EventBody, EventKind};
use crate::lifecycle::source::VaultUpload;
use crate::lifecycle::timestamp::Timestamp;

/// Why a history of events belongs to no application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There was no event.
    #[error("no events: a history begins with a created event")]
    Empty,
    /// An event does not follow from those before it.
    #[error("event {position}: {problem}")]
    Event {
        /// Its place in the history, from 1.
        position: usize,
        /// What is wrong with it.
        problem: Problem,
    },
}

impl AnyApplication {
    /// Restores an application from its whole history, in order.
    ///
    /// # Errors
    /// [`ReplayError`] names the first event that does not follow from those before it.
    ///
    /// ```
    /// # use certificate_lifecycle::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (at, webhook_id) = (chrono::DateTime::UNIX_EPOCH, uuid::Uuid::nil());
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
    /// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// let created = Application::upload(details, VaultUpload::Bulk, at);
    /// let approved = created.application.approve(at);
    /// let log = [created.event.to_json(webhook_id), approved.event.to_json(webhook_id)];
    /// let payloads = log.iter().map(|json| EventPayload::parse(json.as_bytes()));
    /// let history = payloads.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(AnyApplication::replay(&history)?, approved.application.into());
    /// # Ok(())
    /// # }
    /// ```
    pub fn replay<'p, 'a: 'p>(
        history: impl IntoIterator<Item = &'p EventPayload<'a>>,
    ) -> Result<Self, ReplayError> {
        let mut restored = None;
        for (index, payload) in history.into_iter().enumerate() {
            let mut problems = Vec::new();
            restored = Some(match restored {
                Some(application) => follow(application, payload, &mut problems),
                None => begin(payload).map_err(|problem| ReplayError::Event {
                    position: index + 1,
                    problem,
                })?,
            });
            if let Some(problem) = problems.into_iter().next() {
                let position = index + 1;
                return Err(ReplayError::Event { position, problem });
            }
        }
        restored.ok_or(ReplayError::Empty)
    }
}

/// The application that a first event speaks of; only a `created` event can be the first.
pub(super) fn begin(payload: &EventPayload<'_>) -> Result<AnyApplication, Problem> {
    let at = payload.timestamp();
    let EventBody::Created { trigger_context } = *payload.body() else {
        return Err(Problem::UnknownApplication {
            kind: payload.kind(),
        });
    };
    let details = payload.details();
    Ok(match VaultUpload::try_from(trigger_context) {
        Ok(upload) => Application::upload(details, upload, at).application.into(),
        Err(_submission) => Application::submit(details, at).application.into(),
    })
}

/// The application after the event, and what speaks against the two belonging together.
///
/// An event whose transition is legal moves the application on even where something else is wrong
/// with it, so that one wrong field is reported once and not again with every later event.
pub(super) fn follow(
    application: AnyApplication,
    payload: &EventPayload<'_>,
    problems: &mut Vec<Problem>,
) -> AnyApplication {
    compare(&application, payload, problems);
    let Some(command) = command(payload.body()) else {
        problems.push(Problem::AlreadyExists {
            status: application.status(),
        });
        return application;
    };
    match application.apply(command, payload.timestamp()) {
        Ok(transition) => transition.application,
        Err(refusal) => {
            problems.push(Problem::IllegalTransition {
                kind: payload.kind(),
                status: refusal.status(),
                origin: refusal.source(),
            });
            refusal.application
        }
    }
}

/// The command whose event has this body; none for `created`.
fn command(body: &EventBody) -> Option<Command> {
    match body {
        EventBody::Created { .. } => None,
        EventBody::Processing => Some(Command::BeginProcessing),
        EventBody::Approved { .. } => Some(Command::Approve),
        EventBody::Rejected { rejection_reason } => Some(Command::Reject(rejection_reason.clone())),
        EventBody::Failed { error, .. } => Some(Command::Fail(error.clone())),
        EventBody::Retried { .. } => Some(Command::Retry),
    }
}

/// What must be the same in all events of one application, and its time.
fn compare(application: &AnyApplication, payload: &EventPayload<'_>, problems: &mut Vec<Problem>) {
    let details = application.details();
    let mut changed = |fact, was: &dyn Display, now: &dyn Display| {
        problems.push(Problem::changed(fact, &was.to_string(), &now.to_string()));
    };
    if details.uuid() != payload.uuid() {
        changed(Fact::Uuid, &details.uuid(), &payload.uuid());
    }
    let (was, now) = (details.application_id(), payload.application_id());
    if was != now {
        changed(Fact::ApplicationId, &was, &now);
    }
    let (was, now) = (details.certificate_title(), payload.certificate_title());
    if was.as_str() != now {
        changed(Fact::CertificateTitle, was, &now);
    }
    let (was, now) = (details.applicant_email(), payload.applicant_email());
    if was.as_str() != now {
        changed(Fact::ApplicantEmail, was, &now);
    }
    // A `rejected` event says nothing of its source.
    let (was, now) = (application.source(), payload.source());
    if was != now && payload.kind() != EventKind::Rejected {
        changed(Fact::Source, &was, &now);
    }
    let (last, at) = (
        Timestamp::saturating(application.updated_at()),
        payload.at(),
    );
    if at < last {
        problems.push(Problem::TimeBackwards { last, at });
    }
}
