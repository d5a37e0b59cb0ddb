//! What the core is given: the time, and the results of its effects.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::transport::{Response, SendError};
use super::effect::Lease;
pub(in crate::delivery) use crate::instants::Instants;
use crate::store::{
    Attempt, Claim, ClaimedBatch, DeliveryId, Due, HealthChange, Settlement, StoreError, Webhook,
};

/// What has happened.
#[derive(Debug)]
pub(in crate::delivery) enum Input {
    /// The answer to [`Effect::AskDue`](super::Effect::AskDue), and how long it took.
    Due(Duration, Result<Vec<Due>, StoreError>),
    /// The answer to a claim.
    Claimed(Claim, Result<ClaimedBatch, StoreError>),
    /// An attempt is over.
    Sent(Sent),
    /// A settlement is over.
    Settled(Settled),
    /// [`Effect::Disable`](super::Effect::Disable) is over.
    Disabled(Result<(), StoreError>),
    /// [`Effect::KeepHouse`](super::Effect::KeepHouse) is over.
    HouseKept(Result<(), StoreError>),
    /// The store may have something new.
    Woken,
    /// The time of [`Core::next_timeout`](super::Core::next_timeout) has come.
    Timeout,
    /// Nothing more is to be claimed; what is under way is finished.
    Stop,
}

/// An attempt that is over.
#[derive(Debug)]
pub(in crate::delivery) struct Sent {
    pub(in crate::delivery) lease: Lease,
    /// The webhook, as it was when the attempt was made.
    pub(in crate::delivery) webhook: Arc<Webhook>,
    pub(in crate::delivery) event_id: Uuid,
    pub(in crate::delivery) attempt: Attempt,
    pub(in crate::delivery) answer: Result<Response, SendError>,
    /// When the answer came.
    pub(in crate::delivery) answered_at: DateTime<Utc>,
}

/// What came of settlements.
#[derive(Debug, Default)]
pub(in crate::delivery) struct Settled {
    /// These are recorded, or do not count any more.
    pub(in crate::delivery) recorded: Vec<DeliveryId>,
    /// How many of them do not count any more.
    pub(in crate::delivery) lost: usize,
    /// Of those recorded, these are retried, and their last attempt is missing.
    pub(in crate::delivery) uncounted: Vec<DeliveryId>,
    /// The database refuses these. Their leases end.
    pub(in crate::delivery) refused: Vec<Refused>,
    /// These are to be recorded again, and why.
    pub(in crate::delivery) unrecorded: Option<Unrecorded>,
}

/// A settlement that the database refuses even without its attempt.
#[derive(Debug)]
pub(in crate::delivery) struct Refused {
    pub(in crate::delivery) delivery: DeliveryId,
    /// Its webhook, if that could be read.
    pub(in crate::delivery) webhook: Option<Uuid>,
    pub(in crate::delivery) error: StoreError,
}

/// What a fault that concerns all outcomes kept from being recorded.
#[derive(Debug)]
pub(in crate::delivery) struct Unrecorded {
    pub(in crate::delivery) settlements: Vec<Settlement>,
    pub(in crate::delivery) health: Vec<(Uuid, HealthChange)>,
    pub(in crate::delivery) error: StoreError,
}

/// Whether an error may be about one row among several: the others can be handled without it.
pub(in crate::delivery) const fn is_about_one(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::RefusedByDatabase { .. } | StoreError::Corrupt { .. }
    )
}
