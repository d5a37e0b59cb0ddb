//! The peer: what one would write by hand without this crate. One struct, an enum, a `match`.

#![expect(
    dead_code,
    reason = "it carries the facts that an event needs, though nobody reads them here"
)]

use std::sync::Arc;

use certificate_lifecycle::{ApplicationDetails, ProcessingError, RejectionReason, Source};
use chrono::{DateTime, Utc};

#[derive(Clone)]
pub(crate) enum Status {
    Created,
    Processing,
    Approved,
    Rejected(RejectionReason),
    Failed(ProcessingError),
    Retried,
}

#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) details: Arc<ApplicationDetails>,
    pub(crate) source: Source,
    pub(crate) status: Status,
    pub(crate) version: u64,
    pub(crate) updated_at: DateTime<Utc>,
}

pub(crate) enum Kind {
    Processing,
    Approved,
    Rejected(RejectionReason),
    Failed(ProcessingError),
    Retried,
}

pub(crate) struct Event {
    pub(crate) details: Arc<ApplicationDetails>,
    pub(crate) source: Source,
    pub(crate) version: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) kind: Kind,
}

pub(crate) enum Command {
    BeginProcessing,
    Approve,
    Reject(RejectionReason),
    Fail(ProcessingError),
    Retry,
}

impl Application {
    pub(crate) fn apply(self, command: Command, at: DateTime<Utc>) -> Result<(Self, Event), Self> {
        use Source::{Customer, Vault};
        let (status, kind) = match (&self.status, self.source, command) {
            (Status::Created, Customer, Command::BeginProcessing) => {
                (Status::Processing, Kind::Processing)
            }
            (Status::Created, Customer, Command::Reject(reason)) => {
                (Status::Rejected(reason.clone()), Kind::Rejected(reason))
            }
            (Status::Created, Vault, Command::Approve)
            | (Status::Processing | Status::Retried, _, Command::Approve) => {
                (Status::Approved, Kind::Approved)
            }
            (Status::Created, Vault, Command::Fail(error))
            | (Status::Processing | Status::Retried, _, Command::Fail(error)) => {
                (Status::Failed(error.clone()), Kind::Failed(error))
            }
            (Status::Failed(_), _, Command::Retry) => (Status::Retried, Kind::Retried),
            _ => return Err(self),
        };
        let version = self.version + 1;
        let at = at.max(self.updated_at);
        let event = Event {
            details: Arc::clone(&self.details),
            source: self.source,
            version,
            at,
            kind,
        };
        let application = Self {
            status,
            version,
            updated_at: at,
            ..self
        };
        Ok((application, event))
    }
}
