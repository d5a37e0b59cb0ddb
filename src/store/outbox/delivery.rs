//! Deliveries: how they are asked for, claimed and settled.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::webhook::Webhook;
use crate::lifecycle::event::{Event, EventKind};
use crate::lifecycle::names::named_enum;
use crate::setters::setters;
use crate::store::page::page;
use crate::store::{InstitutionId, ListOrder, Result, StoreError};

/// How long a delivery waits, at most, before a claim looks again whether the one before it is
/// settled.
pub(in crate::store) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Whether a token is that of a lease: they are odd, and whatever ends a lease makes it even. So
/// a delivery that waits for its next attempt differs from one that is being sent.
pub(in crate::store) const fn is_of_lease(token: i64) -> bool {
    token & 1 == 1
}

/// The token of the next lease, also where the last one was never settled.
pub(in crate::store) const fn next_lease(token: i64) -> i64 {
    token.wrapping_add(1) | 1
}

/// The number of a delivery within its store; later deliveries have larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct DeliveryId(pub i64);

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

named_enum! {
    /// How far a delivery is.
    pub enum DeliveryStatus as "status" {
        /// It is to be sent, for the first time or again.
        Pending = "pending",
        /// The receiver has taken it.
        Delivered = "delivered",
        /// It will not be sent any more, unless it is redelivered.
        Dead = "dead",
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// Where it goes.
    pub webhook: Uuid,
    /// Whose it is.
    pub institution: InstitutionId,
    /// The application that the event is about.
    pub application: Uuid,
    /// The version that the event left.
    pub version: u64,
    /// The kind of the event.
    pub kind: EventKind,
    /// How far it is.
    pub status: DeliveryStatus,
    /// How many attempts have failed or succeeded since it was last made pending.
    pub attempts: u32,
    /// When the event was recorded, by the clock of its recorder.
    pub created_at: DateTime<Utc>,
    /// While it is pending: when it is due, or its lease ends. Afterwards: when it was settled.
    pub at: DateTime<Utc>,
    /// Whether the newest lease on it was never settled: a dispatcher is sending it, or was until
    /// the lease ended.
    pub is_leased: bool,
    /// Why it is dead.
    pub reason: Option<String>,
}

/// Which deliveries are asked for; what is not given does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DeliveryFilter {
    /// To this webhook.
    pub webhook: Option<Uuid>,
    /// About this application.
    pub application: Option<Uuid>,
    /// That are so far.
    pub status: Option<DeliveryStatus>,
    /// Of an event of this kind.
    pub kind: Option<EventKind>,
    /// Whose event was recorded then or later.
    pub since: Option<DateTime<Utc>>,
    /// Whose event was recorded before.
    pub until: Option<DateTime<Utc>>,
    /// In which order: that in which they were made, unless it is turned round.
    pub order: ListOrder,
}

impl std::fmt::Display for DeliveryFilter {
    /// What it asks for, as a query names it: `status=dead from=2026-06-04T10:30:00.000Z`. A filter
    /// that asks for nothing is `all`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |it: DateTime<Utc>| it.to_rfc3339_opts(SecondsFormat::Millis, true);
        let fields = [
            ("status", self.status.map(|it| it.to_string())),
            ("webhook", self.webhook.map(|it| it.to_string())),
            ("application", self.application.map(|it| it.to_string())),
            ("event", self.kind.map(|it| it.to_string())),
            ("from", self.since.map(time)),
            ("to", self.until.map(time)),
        ];
        named_values(f, fields)
    }
}

/// The values that are given, with their names; `all` where none is.
pub(super) fn named_values<const N: usize>(
    f: &mut std::fmt::Formatter<'_>,
    fields: [(&str, Option<String>); N],
) -> std::fmt::Result {
    let given = fields.into_iter();
    let given = given.filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let given: Vec<_> = given.collect();
    match &given[..] {
        [] => f.write_str("all"),
        given => f.write_str(&given.join(" ")),
    }
}

impl DeliveryFilter {
    setters! {
        with_webhook: webhook, Option<Uuid>;
        with_application: application, Option<Uuid>;
        with_status: status, Option<DeliveryStatus>;
        with_kind: kind, Option<EventKind>;
        with_since: since, Option<DateTime<Utc>>;
        with_until: until, Option<DateTime<Utc>>;
        with_order: order, ListOrder;
    }
}

/// One page of a list of deliveries.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DeliveryPage {
    /// The deliveries, in order.
    pub deliveries: Vec<Delivery>,
    /// What stands on this page and cannot be read: the number of each, and a
    /// [`StoreError::Corrupt`] that says why. It does not keep the others from being listed.
    pub corrupt: Vec<(DeliveryId, StoreError)>,
    /// What the next page begins after; none after the last.
    pub next: Option<DeliveryId>,
}

impl DeliveryPage {
    /// How many rows a page has at most: an empty one would be no page.
    pub(in crate::store) const fn size(limit: u32) -> usize {
        if limit == 0 { 1 } else { limit as usize }
    }

    /// The page of these rows: the number of each, and what it says.
    pub(in crate::store) fn of(
        size: usize,
        rows: impl IntoIterator<Item = (DeliveryId, Result<Delivery>)>,
    ) -> Self {
        let page = page(size, rows);
        Self {
            deliveries: page.sound,
            corrupt: page.corrupt,
            next: page.next,
        }
    }
}

/// A webhook that has something pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// The webhook.
    pub webhook: Uuid,
    /// Whether there is something that was never claimed: it is due at once.
    pub has_new: bool,
    /// When the first of the others is due, if there are any. Where there is something new, a store
    /// may leave out those that are leased for the first time.
    pub at: Option<DateTime<Utc>>,
    /// Until when nothing is sent to this webhook.
    pub not_before: Option<DateTime<Utc>>,
}

impl Due {
    /// A webhook that has something pending that is not due yet.
    #[must_use]
    pub const fn new(webhook: Uuid) -> Self {
        Self {
            webhook,
            has_new: false,
            at: None,
            not_before: None,
        }
    }

    setters! {
        with_has_new: has_new, bool;
        with_at: at, Option<DateTime<Utc>>;
        with_not_before: not_before, Option<DateTime<Utc>>;
    }
}

/// For which webhooks how many deliveries are to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// What is due by now.
    pub now: DateTime<Utc>,
    /// How long the leases last.
    pub lease: Duration,
    /// The webhooks, each once, with the most deliveries for each.
    pub wanted: Vec<(Uuid, u32)>,
    /// A counter, different for each claim, that rounds `room / 4` up or down so that retries get a
    /// quarter on average.
    pub turn: u64,
}

impl Claim {
    /// A claim for these webhooks, with the most deliveries for each.
    #[must_use]
    pub const fn new(now: DateTime<Utc>, lease: Duration, wanted: Vec<(Uuid, u32)>) -> Self {
        Self {
            now,
            lease,
            wanted,
            turn: 0,
        }
    }

    setters! {
        with_turn: turn, u64;
    }

    /// How much of the room is, first of all, for deliveries that are due again: a quarter; of what
    /// is left of it, the turn decides.
    #[must_use]
    pub fn again(&self, room: u32) -> u32 {
        reserved(room, self.turn)
    }
}

/// How much of the room is, first of all, for what is due again.
pub(in crate::store) fn reserved(room: u32, turn: u64) -> u32 {
    let rest = u32::from(u64::from(room % 4) + turn % 4 >= 4);
    room / 4 + rest
}

/// What was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClaimedBatch {
    /// The deliveries.
    pub deliveries: Vec<LeasedDelivery>,
    /// The webhooks that they go to, as they are now, each once.
    pub webhooks: Vec<Webhook>,
}

/// A delivery under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeasedDelivery {
    /// Its number.
    pub id: DeliveryId,
    /// Where it goes.
    pub webhook: Uuid,
    /// What only the newest lease has.
    pub token: i64,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the event was recorded.
    pub created_at: DateTime<Utc>,
    /// What is to be sent; or why it cannot be, because what is stored is no event. The reason is
    /// kept and shown, so it quotes nothing that is personal.
    pub event: Result<Event, String>,
}

/// What became of a claimed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// Which.
    pub id: DeliveryId,
    /// The token of the lease.
    pub token: i64,
    /// What is to become of it.
    pub outcome: Outcome,
    /// The attempt, if there was one.
    pub attempt: Option<Attempt>,
}

impl Settlement {
    /// What became of this delivery, without an attempt.
    #[must_use]
    pub const fn new(id: DeliveryId, token: i64, outcome: Outcome) -> Self {
        Self {
            id,
            token,
            outcome,
            attempt: None,
        }
    }

    setters! {
        with_attempt: attempt, Option<Attempt>;
    }
}

/// What is to become of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Delivered,
    /// It is tried again.
    Retry {
        /// When.
        at: DateTime<Utc>,
    },
    /// It is not tried again.
    Dead {
        /// Why.
        reason: String,
    },
    /// It was not tried: the lease is given back, and it is due at once.
    Released,
}

/// One attempt to deliver. As JSON it has a value for each field, null where there is none.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// When it was sent. As JSON, in whole seconds.
    #[serde(serialize_with = "crate::store::json::serialize_time")]
    pub at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// What went wrong, if something did.
    pub error: Option<String>,
    /// The beginning of the response's body, without what is secret or personal.
    pub excerpt: Option<String>,
}

impl Attempt {
    /// An attempt at this time, of which nothing else is known.
    #[must_use]
    pub const fn new(at: DateTime<Utc>) -> Self {
        Self {
            at,
            milliseconds: 0,
            status: None,
            error: None,
            excerpt: None,
        }
    }

    setters! {
        with_milliseconds: milliseconds, u64;
        with_status: status, Option<u16>;
        with_error: error, Option<String>;
        with_excerpt: excerpt, Option<String>;
    }
}

/// What waits for a webhook, and what is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// The webhook.
    pub webhook: Uuid,
    /// Whose it is.
    pub institution: InstitutionId,
    /// Whether it is enabled: otherwise what is pending is kept, and not sent.
    pub is_enabled: bool,
    /// How many deliveries are pending.
    pub pending: u64,
    /// When the event of the first made of them was recorded.
    pub oldest: Option<DateTime<Utc>>,
    /// Since when the first of them is due, or when it will be: of those that were never claimed,
    /// when the event of the first was recorded; of the others, the first time that one is due
    /// again, or its lease ends.
    pub first_due: Option<DateTime<Utc>>,
    /// How many are dead.
    pub dead: u64,
}

impl Backlog {
    /// A webhook that is enabled and has no deliveries.
    #[must_use]
    pub const fn new(webhook: Uuid, institution: InstitutionId) -> Self {
        Self {
            webhook,
            institution,
            is_enabled: true,
            pending: 0,
            oldest: None,
            first_due: None,
            dead: 0,
        }
    }

    setters! {
        with_is_enabled: is_enabled, bool;
        with_pending: pending, u64;
        with_oldest: oldest, Option<DateTime<Utc>>;
        with_first_due: first_due, Option<DateTime<Utc>>;
        with_dead: dead, u64;
    }
}
