//! A webhook as it is kept.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::setters::setters;
use crate::store::InstitutionId;
use crate::webhook::Endpoint;

/// One registered webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// What `X-Webhook-ID` and `webhook_id` say.
    pub id: Uuid,
    /// Whose events it gets.
    pub institution: InstitutionId,
    /// Its settings.
    pub endpoint: Endpoint,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// How often its settings were replaced: 0 when it is registered, whatever was set.
    pub revision: u64,
    /// How its server has answered of late.
    pub health: Health,
}

impl Webhook {
    setters! {
        with_endpoint: endpoint, Endpoint;
        with_created_at: created_at, DateTime<Utc>;
        with_revision: revision, u64;
        with_health: health, Health;
    }

    /// The webhook as a store registers it: its settings were never replaced.
    pub(in crate::store) fn registered(self) -> Self {
        Self {
            revision: 0,
            ..self
        }
    }
}

/// What became of a webhook whose settings were to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Put {
    /// They are replaced.
    Done,
    /// Not: its revision is another one by now. Read it again.
    Conflict,
    /// Not: its institution has no webhook by this id, or no longer.
    Unknown,
}

impl Put {
    /// Whether the settings are replaced.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done)
    }
}

/// How a webhook's server has answered of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Health {
    /// The first of the failures since something was delivered last.
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when nothing is sent, because the server has asked for it.
    pub not_before: Option<DateTime<Utc>>,
}

impl Health {
    setters! {
        with_failing_since: failing_since, Option<DateTime<Utc>>;
        with_not_before: not_before, Option<DateTime<Utc>>;
    }
}

/// What attempts say of a webhook's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HealthChange {
    /// Something was delivered: what failed before does not count any more.
    pub delivered: bool,
    /// Time of the first failure since the last success; ignored if an earlier failure is already
    /// recorded.
    pub failed_at: Option<DateTime<Utc>>,
    /// It has asked to be left alone until then; what it has asked for longer before still counts.
    pub not_before: Option<DateTime<Utc>>,
}

impl HealthChange {
    setters! {
        with_delivered: delivered, bool;
        with_failed_at: failed_at, Option<DateTime<Utc>>;
        with_not_before: not_before, Option<DateTime<Utc>>;
    }
}

impl HealthChange {
    /// This, and then another one.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self {
            delivered: self.delivered || later.delivered,
            failed_at: if later.delivered {
                later.failed_at
            } else {
                self.failed_at.or(later.failed_at)
            },
            // None comes before every time.
            not_before: self.not_before.max(later.not_before),
        }
    }
}

impl Health {
    /// The health after a change that is recorded now. A time that is over is forgotten with the
    /// first delivery after it.
    #[must_use]
    pub fn after(self, change: HealthChange, now: DateTime<Utc>) -> Self {
        let is_over = change.delivered && self.not_before.is_some_and(|it| it <= now);
        let not_before = self.not_before.filter(|_| !is_over);
        let failing_since = self.failing_since.filter(|_| !change.delivered);
        Self {
            failing_since: failing_since.or(change.failed_at),
            not_before: not_before.max(change.not_before),
        }
    }
}

impl Webhook {
    /// A webhook that is registered now.
    #[must_use]
    pub fn new(
        id: Uuid,
        institution: InstitutionId,
        endpoint: Endpoint,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            institution,
            endpoint,
            created_at: now,
            revision: 0,
            health: Health::default(),
        }
    }
}
