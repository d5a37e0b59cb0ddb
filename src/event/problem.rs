//! What can be wrong with an event of a log.

use uuid::Uuid;

use super::payload::PayloadProblem;
use super::wire;
use crate::excerpt::shorten;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::rules;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::timestamp::Timestamp;

/// Something that is wrong with one event of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
#[non_exhaustive]
pub struct Finding {
    /// The application that the event is about, where that much could be read.
    pub uuid: Option<Uuid>,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with an event: its shape, or its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Its shape breaks the contract.
    #[error(transparent)]
    Payload(#[from] PayloadProblem),
    /// The log has no `created` event for its application.
    #[error("{kind} event for an application that no created event came before")]
    UnknownApplication {
        /// What the event tells of.
        kind: EventKind,
    },
    /// A second `created` event for its application.
    #[error("created event for an application that exists and is {status}")]
    AlreadyExists {
        /// The state of the application.
        status: Status,
    },
    /// No transition that emits it is legal in the application's state.
    #[error("{kind} event for a {origin} application that is {status}; {}", expected_events(*status, *origin))]
    IllegalTransition {
        /// What the event tells of.
        kind: EventKind,
        /// The state of the application.
        status: Status,
        /// The source of the application.
        origin: Source,
    },
    /// A field that an application never changes has changed.
    #[error("{} changed{}; it must stay the same in every event of an application", fact.field(), from_to(values.as_ref()))]
    Changed {
        /// What has changed.
        fact: Fact,
        /// What the `created` event said, and what this event says; none where it is personal.
        values: Option<(String, String)>,
    },
    /// It happened before the event that stands before it.
    #[error("timestamp {at} is before the application's last event at {last}")]
    TimeBackwards {
        /// The time of the last event.
        last: Timestamp,
        /// The time of this event.
        at: Timestamp,
    },
}

/// What every event of an application repeats, and none may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fact {
    /// The identity; only a replay, which is of one application, can see it change.
    Uuid,
    /// The backend's own number.
    ApplicationId,
    /// What the certificate is called.
    CertificateTitle,
    /// Where the applicant is reached.
    ApplicantEmail,
    /// Where the application came from.
    Source,
}

impl Fact {
    /// The contract's name of the field.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Uuid => wire::UUID,
            Self::ApplicationId => wire::APPLICATION_ID,
            Self::CertificateTitle => wire::CERTIFICATE_TITLE,
            Self::ApplicantEmail => wire::APPLICANT_EMAIL,
            Self::Source => wire::SOURCE,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Uuid => "changed_uuid",
            Self::ApplicationId => "changed_application_id",
            Self::CertificateTitle => "changed_certificate_title",
            Self::ApplicantEmail => "changed_applicant_email",
            Self::Source => "changed_source",
        }
    }
}

fn expected_events(status: Status, source: Source) -> String {
    let events: Vec<_> = rules::RULES
        .iter()
        .filter(|rule| rule.from == status && rule.source == source)
        .map(|rule| rule.event.as_str())
        .collect();
    if events.is_empty() {
        "that is final".to_owned()
    } else {
        format!("expected one of: {}", events.join(", "))
    }
}

impl Problem {
    /// A stable name of the problem, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Payload(problem) => problem.code(),
            Self::UnknownApplication { .. } => "unknown_application",
            Self::AlreadyExists { .. } => "already_exists",
            Self::IllegalTransition { .. } => "illegal_transition",
            Self::Changed { fact, .. } => fact.code(),
            Self::TimeBackwards { .. } => "time_backwards",
        }
    }

    /// The field that is wrong, where it is one.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Payload(problem) => problem.field(),
            Self::Changed { fact, .. } => Some(fact.field()),
            Self::TimeBackwards { .. } => Some(wire::TIMESTAMP),
            Self::UnknownApplication { .. }
            | Self::AlreadyExists { .. }
            | Self::IllegalTransition { .. } => None,
        }
    }

    pub(super) fn changed(fact: Fact, was: &str, now: &str) -> Self {
        let is_personal = matches!(fact, Fact::CertificateTitle | Fact::ApplicantEmail);
        Self::Changed {
            fact,
            values: (!is_personal).then(|| (shorten(was), shorten(now))),
        }
    }
}

fn from_to(values: Option<&(String, String)>) -> String {
    values.map_or_else(String::new, |(was, now)| {
        format!(" from {was:?} to {now:?}")
    })
}
