//! What the core asks for.

use chrono::{DateTime, Utc};

use super::super::work::{Cancelled, Work};
use crate::store::{StoreError, WorkClaim, WorkLease, WorkSettlement};

/// What is to be done. All but cancellations and reports are answered by an
/// [`Input`](super::Input).
#[derive(Debug)]
pub(in crate::processor) enum Effect {
    /// The store is asked what is due.
    AskDue,
    /// Work is claimed.
    Claim(WorkClaim),
    /// Work begins.
    Start(WorkLease, Box<Work>),
    /// Work is to end.
    Cancel(WorkLease, Cancelled),
    /// Leases are put off.
    Renew(Vec<WorkLease>, DateTime<Utc>),
    /// Outcomes are recorded.
    Settle(Vec<WorkSettlement>),
    /// The backlog is counted.
    Count,
    /// Something is logged, or counted by a metric.
    Report(Report),
}

/// What the log and the metrics tell an operator.
#[derive(Debug)]
pub(in crate::processor) enum Report {
    /// An attempt is over.
    Attempted {
        lease: WorkLease,
        attempt: u32,
        outcome: &'static str,
        /// Why it was not done.
        why: Option<String>,
    },
    /// What is stored cannot be worked on.
    Unreadable { lease: WorkLease, error: StoreError },
    /// A lease is lost.
    LostLease(WorkLease),
    /// The database refuses to record an outcome.
    Refused { lease: WorkLease, error: StoreError },
    StoreFailed {
        what: &'static str,
        error: StoreError,
    },
}
