//! What happened: the event that each transition emits, in every detail but the webhook's id.
//!
//! The wire form stands in [`crate::event`].

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::action::Action;
use super::any::AnyApplication;
use super::details::{ApplicationDetails, SharedDetails};
use super::names::named_enum;
use super::source::{Source, TriggerContext};
use super::state::Status;
use super::timestamp::Timestamp;
use super::value::{ProcessingError, RejectionReason};

named_enum! {
    /// What an event tells of (CONTRACT.md, "Events").
    pub enum EventKind as "event kind" {
        /// An application record was created.
        Created = "created",
        /// An administrator accepted a customer's application, and processing began.
        Processing = "processing",
        /// Processing succeeded; the certificate is approved.
        Approved = "approved",
        /// An administrator rejected a customer's application.
        Rejected = "rejected",
        /// Background processing hit a critical error.
        Failed = "failed",
        /// An administrator re-initiated the processing of a failed application.
        Retried = "retried",
    }
}

impl EventKind {
    /// The event's full name, `certificate_application.<kind>`: what stands in `event` and in the
    /// header `X-Webhook-Event`. The kind alone is [`as_str`](Self::as_str).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "certificate_application.created",
            Self::Processing => "certificate_application.processing",
            Self::Approved => "certificate_application.approved",
            Self::Rejected => "certificate_application.rejected",
            Self::Failed => "certificate_application.failed",
            Self::Retried => "certificate_application.retried",
        }
    }

    /// The kind of the event with this full name, if there is one. For the kind alone, parse it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.strip_prefix("certificate_application.")?.parse().ok()
    }

    /// The state that the transition leads to.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Created => Status::Created,
            Self::Processing => Status::Processing,
            Self::Approved => Status::Approved,
            Self::Rejected => Status::Rejected,
            Self::Failed => Status::Failed,
            Self::Retried => Status::Retried,
        }
    }

    /// The action that emits it; `None` for `created`, which submissions and uploads emit.
    #[must_use]
    pub const fn action(self) -> Option<Action> {
        match self {
            Self::Created => None,
            Self::Processing => Some(Action::BeginProcessing),
            Self::Approved => Some(Action::Approve),
            Self::Rejected => Some(Action::Reject),
            Self::Failed => Some(Action::Fail),
            Self::Retried => Some(Action::Retry),
        }
    }
}

/// The facts of one kind of event, beyond those that all events have.
///
/// Each kind holds what its wire form holds and no more: a `processing` event has no source to get
/// wrong, and a `created` event's source follows from its trigger context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventBody {
    /// An application record was created.
    Created {
        /// By what.
        trigger_context: TriggerContext,
    },
    /// Processing began; always from a customer.
    Processing,
    /// The certificate is approved.
    Approved {
        /// Where the application came from.
        source: Source,
    },
    /// An administrator rejected the application; always from a customer.
    Rejected {
        /// Why.
        rejection_reason: RejectionReason,
    },
    /// Background processing hit a critical error.
    Failed {
        /// Where the application came from.
        source: Source,
        /// The error.
        error: ProcessingError,
    },
    /// Processing began again.
    Retried {
        /// Where the application came from.
        source: Source,
    },
}

impl EventBody {
    /// The kind of event that these facts belong to.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Created { .. } => EventKind::Created,
            Self::Processing => EventKind::Processing,
            Self::Approved { .. } => EventKind::Approved,
            Self::Rejected { .. } => EventKind::Rejected,
            Self::Failed { .. } => EventKind::Failed,
            Self::Retried { .. } => EventKind::Retried,
        }
    }

    /// The source of the application that the event is about.
    ///
    /// A `rejected` event does not carry it on the wire: it can only be a customer's.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self {
            Self::Created { trigger_context } => trigger_context.source(),
            Self::Processing | Self::Rejected { .. } => Source::Customer,
            Self::Approved { source } | Self::Failed { source, .. } | Self::Retried { source } => {
                *source
            }
        }
    }
}

/// What happened to an application: emitted by exactly one legal transition.
///
/// It shares the details with the application, so it copies no text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    details: SharedDetails,
    version: u64,
    at: Timestamp,
    body: EventBody,
}

impl Event {
    #[inline]
    pub(super) const fn new(
        details: SharedDetails,
        version: u64,
        at: Timestamp,
        body: EventBody,
    ) -> Self {
        Self {
            details,
            version,
            at,
            body,
        }
    }

    /// What the event tells of.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.body.kind()
    }

    /// The application as the transition left it: all that is known of an application is its
    /// details and its last event.
    #[must_use]
    pub fn application(&self) -> AnyApplication {
        AnyApplication::after(self)
    }

    /// The event's own identity, the same however often it is made or sent: the version 5 UUID
    /// (RFC 9562) of the application's version in decimal digits, in the namespace that is the
    /// application's `uuid`.
    #[must_use]
    pub fn id(&self) -> Uuid {
        id_of(self.details.uuid(), self.version)
    }

    /// The application's version after the transition.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When the transition happened, in whole seconds.
    #[must_use]
    pub const fn timestamp(&self) -> DateTime<Utc> {
        self.at.to_datetime()
    }

    /// What the application says of itself.
    #[must_use]
    pub fn details(&self) -> &ApplicationDetails {
        &self.details
    }

    /// The identity of the application: short for `details().uuid()`.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.details.uuid()
    }

    /// Where the application came from: short for `body().source()`.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.body.source()
    }

    /// The facts of this kind of event.
    #[must_use]
    pub const fn body(&self) -> &EventBody {
        &self.body
    }

    pub(crate) const fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) const fn shared_details(&self) -> &SharedDetails {
        &self.details
    }
}

/// The id of the event that left this application at this version.
pub(crate) fn id_of(uuid: Uuid, version: u64) -> Uuid {
    Uuid::new_v5(&uuid, version.to_string().as_bytes())
}
