//! What becomes of a delivery: pure decisions, the same in every store.
//!
//! The stores ask them in their own times: `T` is a moment or its milliseconds. PostgreSQL decides
//! in SQL, where many rows change at once; `tests/store/outbox/rules.rs` compares it with these.

use chrono::{DateTime, Utc};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::delivery::Settlement;
use super::delivery::{Delivery, DeliveryStatus, Outcome, is_of_lease};

/// How far a delivery is, as a store sees it. SQL knows a state by its [`code`](Self::code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum State {
    /// Pending, and never claimed: it is due at once.
    New,
    /// Pending, and due at its time.
    Later,
    Delivered,
    Dead,
}

impl State {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(in crate::store) const ALL: [Self; 4] =
        [Self::New, Self::Later, Self::Delivered, Self::Dead];

    /// The number by which databases know it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(in crate::store) const fn code(self) -> i16 {
        self as i16
    }

    /// The state that a database knows by this number.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(in crate::store) fn from_code(code: i64) -> Result<Self, String> {
        crate::store::stored::decode(&Self::ALL, "state", code)
    }

    /// What callers see of it.
    pub(in crate::store) const fn status(self) -> DeliveryStatus {
        match self {
            Self::New | Self::Later => DeliveryStatus::Pending,
            Self::Delivered => DeliveryStatus::Delivered,
            Self::Dead => DeliveryStatus::Dead,
        }
    }

    pub(in crate::store) const fn is_pending(self) -> bool {
        matches!(self, Self::New | Self::Later)
    }
}

/// What a settlement makes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Settled<'a> {
    pub(in crate::store) state: State,
    /// When it is due, or when it was settled.
    pub(in crate::store) at: DateTime<Utc>,
    /// Why it is dead.
    pub(in crate::store) reason: Option<&'a str>,
}

impl Outcome {
    /// What it makes of a delivery that is settled now.
    pub(in crate::store) fn settled(&self, now: DateTime<Utc>) -> Settled<'_> {
        let (state, at, reason) = match self {
            Self::Delivered => (State::Delivered, now, None),
            Self::Retry { at } => (State::Later, *at, None),
            Self::Dead { reason } => (State::Dead, now, Some(reason.as_str())),
            Self::Released => (State::Later, now, None),
        };
        Settled { state, at, reason }
    }
}

/// An attempt is kept in the row of its delivery only if it is recorded so many milliseconds after
/// it was sent, at most. So pruning finds it by the time at which the delivery was delivered.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(in crate::store) const KEPT_WITHIN: i64 = 5000;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Settlement {
    /// Whether the attempt is kept in the row of its delivery, which is settled at this time, in
    /// milliseconds: it has delivered it, and there is no more to it than a status and two numbers.
    pub(in crate::store) fn keeps_attempt(&self, at: i64) -> bool {
        self.outcome == Outcome::Delivered
            && self.attempt.as_ref().is_some_and(|it| {
                let is_plain = it.error.is_none() && it.excerpt.is_none();
                is_plain && (0..=KEPT_WITHIN).contains(&at.saturating_sub(it.at.timestamp_millis()))
            })
    }
}

/// Until when a delivery with this token waits for an earlier one of its application, which is due
/// at `earlier`. Behind the end of a lease, that is the time of the earlier one. Otherwise the
/// earlier one is settled soon. A delivery that was claimed before is not
/// [let go](is_let_go) by the end of the earlier one, so it looks again soon.
pub(in crate::store) fn wait_until<T: PartialOrd + Copy>(
    token: i64,
    earlier: T,
    end_of_lease: T,
    soon: T,
) -> T {
    if token == 0 && earlier > end_of_lease {
        earlier
    } else {
        soon
    }
}

/// Whether the end of an earlier delivery makes this one due at once. Under a lease, or after an
/// attempt, it has a time of its own.
pub(in crate::store) fn is_let_go<T: PartialOrd + Copy>(token: i64, at: T, now: T) -> bool {
    token == 0 && at > now
}

/// Whether a delivery can be sent again from the beginning: it is over, or waits for a later time
/// under no lease.
pub(in crate::store) fn can_be_redelivered<T: PartialOrd + Copy>(
    state: State,
    token: i64,
    at: T,
    now: T,
) -> bool {
    match state {
        State::New => false,
        State::Later => at > now && !is_of_lease(token),
        State::Delivered | State::Dead => true,
    }
}

impl Delivery {
    /// Whether [`Outbox::redeliver`](super::Outbox::redeliver) would send it again now: it is
    /// delivered or dead, or waits for a later time and no dispatcher holds a lease on it.
    #[must_use]
    pub fn can_be_redelivered(&self, now: DateTime<Utc>) -> bool {
        let state = match self.status {
            // It was never claimed: so it is due at once, also by a clock that is behind.
            DeliveryStatus::Pending if self.at == self.created_at => State::New,
            DeliveryStatus::Pending => State::Later,
            DeliveryStatus::Delivered => State::Delivered,
            DeliveryStatus::Dead => State::Dead,
        };
        can_be_redelivered(state, i64::from(self.is_leased), self.at, now)
    }
}
