//! The six states: one struct each, holding only that state's facts.

use super::names::named_enum;
use super::sealed::Sealed;
use super::source::TriggerContext;
use super::value::{ProcessingError, RejectionReason};

named_enum! {
    /// The state of an application as a value (CONTRACT.md, "Lifecycle").
    pub enum Status as "status" {
        /// Recorded. From a customer it waits for a decision; from the vault it is being
        /// processed.
        Created = "created",
        /// Accepted by an administrator; background work owns it.
        Processing = "processing",
        /// The certificate is approved. Final.
        Approved = "approved",
        /// Declined by an administrator. Final.
        Rejected = "rejected",
        /// Background work hit a critical error.
        Failed = "failed",
        /// Background work owns it again.
        Retried = "retried",
    }
}

impl Status {
    /// Whether the application has ended: approved, rejected or failed. A failed one goes on if it
    /// is retried.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Approved | Self::Rejected | Self::Failed)
    }
}

/// The state of an [`Application`](crate::Application) at compile time.
pub trait State: Sealed + Sized + 'static {
    /// The same state as a value.
    const STATUS: Status;
}

/// Recorded, not yet decided (customer) or being processed (vault).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub(super) trigger_context: TriggerContext,
}

/// Accepted by an administrator; background work owns it. Only reached from a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Processing;

/// The certificate is approved. Final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approved;

/// Declined by an administrator. Final. Only reached from a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub(super) reason: RejectionReason,
}

/// Background work hit a critical error; an administrator may retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub(super) error: ProcessingError,
}

/// Background work owns it again, after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried;

macro_rules! states {
    ($($state:ident),+) => {
        $(
            impl Sealed for $state {}
            impl State for $state {
                const STATUS: Status = Status::$state;
            }
        )+
    };
}
states!(Created, Processing, Approved, Rejected, Failed, Retried);
