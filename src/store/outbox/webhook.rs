//! A webhook as it is kept.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::store::InstitutionId;
use crate::webhook::Endpoint;

/// One registered webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// What `X-Webhook-ID` and `webhook_id` say.
    pub id: Uuid,
    /// Whose events it gets.
    pub institution: InstitutionId,
    /// Its settings.
    pub endpoint: Endpoint,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// How often its settings were replaced.
    pub revision: u64,
    /// How its server has answered of late.
    pub health: Health,
}

/// How a webhook's server has answered of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// The first of the failures since something was delivered last.
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when nothing is sent, because the server has asked for it.
    pub not_before: Option<DateTime<Utc>>,
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
