//! The peer: what one would write by hand without this crate. One struct, an enum, a `match`.

#![expect(
    dead_code,
    reason = "it carries the facts that an event needs, though nothing reads them here"
)]

use std::sync::Arc;

use certificate_lifecycle::{ApplicationDetails, ProcessingError, RejectionReason, Source};
use chrono::{DateTime, Utc};

#[derive(Clone)]
pub enum Status {
    Created,
    Processing,
    Approved,
    Rejected(RejectionReason),
    Failed(ProcessingError),
    Retried,
}

#[derive(Clone)]
pub struct Application {
    pub details: Arc<ApplicationDetails>,
    pub source: Source,
    pub status: Status,
    pub version: u64,
    pub updated_at: DateTime<Utc>,
}

pub enum Kind {
    Processing,
    Approved,
    Rejected(RejectionReason),
    Failed(ProcessingError),
    Retried,
}

pub struct Event {
    pub details: Arc<ApplicationDetails>,
    pub source: Source,
    pub version: u64,
    pub at: DateTime<Utc>,
    pub kind: Kind,
}

pub enum Command {
    BeginProcessing,
    Approve,
    Reject(RejectionReason),
    Fail(ProcessingError),
    Retry,
}

impl Application {
    pub fn apply(self, command: Command, at: DateTime<Utc>) -> Result<(Self, Event), Self> {
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
