//! What the core is given: the results of its effects.

use std::time::Duration;

use super::super::work::{Cancelled, Outcome};
use crate::store::{
    DueWork, ExecuteError, LeasedWork, StoreError, WorkClaim, WorkLease, WorkSettled,
    WorkSettlement,
};

/// What has happened.
#[derive(Debug)]
pub(in crate::processor) enum Input {
    /// The answer to [`Effect::AskDue`](super::Effect::AskDue), and how long it took.
    Due(Duration, Result<DueWork, StoreError>),
    /// The answer to a claim.
    Claimed(WorkClaim, Result<Vec<LeasedWork>, StoreError>),
    /// Work is over.
    Ended(WorkLease, Ended),
    /// The answer to a renewal.
    Renewed(Vec<WorkLease>, Result<Vec<bool>, StoreError>),
    /// The answers to settlements.
    Settled(Vec<WorkSettlement>, Vec<Result<WorkSettled, ExecuteError>>),
    /// The backlog was counted, or not.
    Counted(Result<(), StoreError>),
    /// The store may have something new.
    Woken,
    /// The time of [`Core::next_timeout`](super::Core::next_timeout) has come.
    Timeout,
    /// Nothing more is to be claimed; what is under way is finished.
    Stop,
}

/// How work has ended.
#[derive(Debug)]
pub(in crate::processor) enum Ended {
    /// It has returned.
    Done(Outcome),
    /// It has panicked, or its runtime has dropped it.
    Broken(&'static str),
    /// It did not return in time after it was cancelled.
    Cancelled(Cancelled),
}
