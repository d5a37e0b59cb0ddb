//! What the core asks for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::lifecycle::event::Event;
use crate::store::{
    Attempt, Claim, DeliveryId, HealthChange, Outcome, Settlement, StoreError, Webhook,
};
use crate::webhook::WebhookUrl;

/// What is to be done. All but reports are answered by an [`Input`](super::Input).
#[derive(Debug)]
pub(in crate::delivery) enum Effect {
    /// The store is asked which webhooks have something due.
    AskDue,
    /// Deliveries are claimed.
    Claim(Claim),
    /// An attempt is made.
    Send(NextAttempt),
    /// Outcomes are recorded.
    Settle(Vec<Settlement>, Vec<(Uuid, HealthChange)>),
    /// A webhook is disabled, unless something was delivered meanwhile.
    Disable(Disabling),
    /// The backlog is counted, and old rows are pruned.
    KeepHouse,
    /// Something is logged, or counted by a metric.
    Report(Report),
}

/// What the log and the metrics tell an operator.
#[derive(Debug)]
pub(in crate::delivery) enum Report {
    Attempted {
        outcome: &'static str,
        milliseconds: u64,
    },
    Delivered {
        created_at: DateTime<Utc>,
        at: DateTime<Utc>,
    },
    /// The last attempt of a delivery has failed.
    Dead {
        delivery: DeliveryId,
        webhook: Uuid,
        event: Uuid,
        reason: String,
    },
    /// No request can be made of a delivery.
    Unsendable {
        delivery: DeliveryId,
        webhook: Uuid,
    },
    CircuitOpened(Uuid),
    CircuitClosed(Uuid),
    /// The store cannot read a webhook.
    Unreadable {
        webhook: Uuid,
        why: String,
    },
    /// So many claims in a row came too late.
    ClaimsLate(u32),
    /// So many settlements did not count.
    LostLeases(usize),
    StoreFailed {
        what: &'static str,
        error: StoreError,
    },
    /// A webhook was not disabled, or the housekeeping was not done.
    HousekeepingFailed(StoreError),
}

/// A webhook that is to be disabled.
#[derive(Debug, Clone)]
pub(in crate::delivery) struct Disabling {
    /// The webhook, as it was when the attempt was made.
    pub(in crate::delivery) webhook: Arc<Webhook>,
    pub(in crate::delivery) cause: Cause,
    /// When the attempt was answered.
    pub(in crate::delivery) at: DateTime<Utc>,
}

/// Why a webhook is to be disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delivery) enum Cause {
    /// The server at this URL answers that it is gone.
    Gone(WebhookUrl),
    /// Every attempt has failed since then.
    Failing(DateTime<Utc>),
}

/// A delivery under a lease, and the event that an attempt sends.
#[derive(Debug)]
pub(in crate::delivery) struct NextAttempt {
    pub(in crate::delivery) webhook: Arc<Webhook>,
    pub(in crate::delivery) event: Event,
    pub(in crate::delivery) lease: Lease,
    /// When the claim was made.
    pub(in crate::delivery) claimed_at: DateTime<Utc>,
}

/// The lease that an attempt is made under.
#[derive(Debug, Clone, Copy)]
pub(in crate::delivery) struct Lease {
    pub(in crate::delivery) id: DeliveryId,
    pub(in crate::delivery) token: i64,
    /// How many attempts there were before.
    pub(in crate::delivery) earlier_attempts: u32,
    /// When the event was recorded.
    pub(in crate::delivery) created_at: DateTime<Utc>,
}

impl Lease {
    /// Ends the lease with this outcome.
    pub(super) const fn settlement(self, outcome: Outcome, attempt: Option<Attempt>) -> Settlement {
        Settlement {
            id: self.id,
            token: self.token,
            outcome,
            attempt,
        }
    }

    /// Gives the delivery back: no attempt was made.
    pub(super) const fn released(self) -> Settlement {
        self.settlement(Outcome::Released, None)
    }
}
