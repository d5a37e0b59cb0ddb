//! What is kept for the delivery of events: webhooks, deliveries and attempts.

mod delivery;
mod json;
mod replay;
mod rules;
mod webhook;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::contract::{Store, contract};
use super::error::StoreError;
use super::name::InstitutionId;
pub use delivery::{
    Attempt, Backlog, Claim, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId, DeliveryPage,
    DeliveryStatus, Due, LeasedDelivery, Outcome, Settlement,
};
pub(in crate::store) use delivery::{LOOK_AGAIN, is_of_lease, next_lease, reserved};
pub use replay::{Replay, Replayed};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(in crate::store) use rules::KEPT_WITHIN;
pub(in crate::store) use rules::{Settled, State, can_be_redelivered, is_let_go, wait_until};
pub use webhook::{Health, HealthChange, Put, Webhook};

contract! {
    /// What a store adds for the delivery of events.
    ///
    /// An event makes one [`Delivery`] for each webhook of its institution that is enabled and
    /// wants its kind, in the transaction that records the event. From then on a delivery is
    /// `pending` until it is `delivered` or `dead`; meanwhile its sender holds a lease on it.
    ///
    /// A call for one webhook, or for deliveries by their ids, names the institution: what belongs
    /// to another one is unknown, and stays as it is. Lists and counts are those of one
    /// institution, or of all where it is none. What a dispatcher asks for ([`due`](Self::due),
    /// [`claim`](Self::claim), [`settle`](Self::settle), [`prune`](Self::prune)) concerns all
    /// institutions.
    ///
    /// What an outbox promises, and `tests/store/` tries on each:
    /// - A delivery is claimed by one dispatcher at a time: a claim gives it a new token and puts
    ///   off its due time to the end of the lease. Only the newest token settles it.
    /// - Of the pending deliveries of one application to one webhook, only the one with the
    ///   smallest version is ever claimed.
    /// - Disabled webhooks are not claimed for; what is pending stays.
    ($) pub trait Outbox: Store as outbox {
        /// Registers a webhook, with the [`revision`](Webhook::revision) 0, whatever it has.
        /// Returns `false` if its id is taken.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn add_webhook(webhook: Webhook) -> Result<bool, StoreError>;

        /// Replaces the settings of a webhook of the institution that it names, if its
        /// [`revision`](Webhook::revision) is still the one given, and raises that by one.
        ///
        /// Creation and health stay as they are, but that a webhook which is enabled again begins
        /// in good health.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn put_webhook(webhook: Webhook) -> Result<Put, StoreError>;

        /// One webhook of the institution; none where it has none by this id.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn webhook(
            institution: &InstitutionId,
            id: Uuid,
        ) -> Result<Option<Webhook>, StoreError>;

        /// The webhooks of an institution, or of all, in the order in which they were created.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn webhooks(institution: Option<&InstitutionId>) -> Result<Vec<Webhook>, StoreError>;

        /// Removes a webhook of the institution with its deliveries and attempts; false where it
        /// has none by this id. New events make no delivery for it from then on; what belongs to it
        /// may be removed in several steps.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn remove_webhook(institution: &InstitutionId, id: Uuid) -> Result<bool, StoreError>;

        /// The enabled webhooks that have something pending, with the time of the first. None is
        /// left out, in no order.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn due() -> Result<Vec<Due>, StoreError>;

        /// Takes leases on deliveries that are due.
        ///
        /// Of one webhook, first attempts have priority, the oldest first; a quarter of the slots
        /// ([`Claim::again`]) is reserved for retries. If an earlier delivery of the same
        /// application is pending, this one is not claimed; it is postponed until that one is
        /// settled.
        ///
        /// A claim looks at a limited number of deliveries, so it may return fewer than there is
        /// room for, or none, while something is [`due`](Self::due): the next claim goes on from
        /// there.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn claim(claim: Claim) -> Result<ClaimedBatch, StoreError>;

        /// Settles leased deliveries, and records the health of webhooks ([`Health::after`];
        /// several changes of one webhook apply in their order). Returns one `bool` per settlement,
        /// in order: `false` if the delivery has been claimed again, is already settled, or no
        /// longer exists. Each lease token settles once, so a call whose answer was lost can safely
        /// be repeated.
        ///
        /// A delivery that is over lets the next one of its application and webhook go: at once if
        /// that was never claimed, otherwise when its own time has come, or within a second.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn settle(
            now: DateTime<Utc>,
            settlements: Vec<Settlement>,
            health: Vec<(Uuid, HealthChange)>,
        ) -> Result<Vec<bool>, StoreError>;

        /// Of the deliveries of an institution, or of all, the first `limit` after the one given
        /// that the filter lets through, in its [order](DeliveryFilter::order); a limit of 0 is
        /// taken for 1. Corrupt rows are reported beside the others.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn deliveries(
            institution: Option<&InstitutionId>,
            filter: DeliveryFilter,
            after: Option<DeliveryId>,
            limit: u32,
        ) -> Result<DeliveryPage, StoreError>;

        /// One delivery of the institution; none where it has none by this id.
        ///
        /// # Errors
        /// [`StoreError`], [`Corrupt`](StoreError::Corrupt) where it cannot be read.
        async fn delivery(
            institution: &InstitutionId,
            id: DeliveryId,
        ) -> Result<Option<Delivery>, StoreError>;

        /// The attempts of a delivery of the institution that are still kept, in the order in which
        /// they were made.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn attempts(
            institution: &InstitutionId,
            delivery: DeliveryId,
        ) -> Result<Vec<Attempt>, StoreError>;

        /// Makes these deliveries of the institution pending and due at once, with all of the
        /// attempts before them, if they are delivered or dead, or pending and put off to a later
        /// time; how many were. What is under a lease, or due already, is left alone.
        ///
        /// Where a later one of its application and webhook is under a lease, it is due when that
        /// lease ends. A claim of the later one that others make in the same moment may be missed:
        /// then both are under way at once.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn redeliver(
            institution: &InstitutionId,
            now: DateTime<Utc>,
            deliveries: Vec<DeliveryId>,
        ) -> Result<u64, StoreError>;

        /// Takes one step of a [`Replay`]: makes a delivery to a webhook of the institution for each
        /// event of the institution that the step looks at, that is of the kinds and within the
        /// times, and of which the webhook has no delivery, whatever became of it. None where the
        /// institution has no such webhook.
        ///
        /// The deliveries are due at once, behind those of new events, and are claimed in the order
        /// of the feed; where a later one of the same application is under a lease, when that ends.
        /// Their [creation](Delivery::created_at) is the time of the event. A delivery that
        /// was [pruned](Self::prune) is as one that never was.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn replay(
            institution: &InstitutionId,
            now: DateTime<Utc>,
            replay: Replay,
        ) -> Result<Option<Replayed>, StoreError>;

        /// Makes these deliveries of the institution dead, with the reason, if they are pending;
        /// how many were. That ends their leases.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn abandon(
            institution: &InstitutionId,
            now: DateTime<Utc>,
            deliveries: Vec<DeliveryId>,
            reason: String,
        ) -> Result<u64, StoreError>;

        /// Forgets attempts that were made before this time, and deliveries that were delivered
        /// before it, at most `limit` of either; how many of both. A delivery takes the attempts
        /// that are left along, uncounted.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn prune(before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;

        /// What waits and what is dead, of each webhook of an institution, or of all, that has
        /// deliveries of the kind. It is counted, so it takes the longer the more there is.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn backlog(institution: Option<&InstitutionId>) -> Result<Vec<Backlog>, StoreError>;
    }
}
