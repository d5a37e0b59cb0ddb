//! What an institution registers: where to send which events, and how to sign them.

use chrono::{DateTime, Utc};

use super::description::Description;
use super::headers::CustomHeaders;
use super::kinds::EventKinds;
use super::secret::Secret;
use super::secrets::Secrets;
use super::url::WebhookUrl;
use crate::lifecycle::names::named_enum;
use crate::setters::setters;

/// A webhook's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where its events go.
    pub url: WebhookUrl,
    /// Which events it wants.
    pub kinds: EventKinds,
    /// What people call it.
    pub description: Description,
    /// What every request carries beside the contract's headers.
    pub headers: CustomHeaders,
    /// What signs.
    pub secrets: Secrets,
    /// Why nothing is sent, if so.
    pub disabled: Option<Disabled>,
}

/// That, since when and why nothing is sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disabled {
    /// Why.
    pub reason: DisabledReason,
    /// Since when.
    pub at: DateTime<Utc>,
    /// What is to be known beyond the reason; by the rule of descriptions.
    pub detail: Description,
}

impl Disabled {
    /// Disabled for this reason since then.
    #[must_use]
    pub fn new(reason: DisabledReason, at: DateTime<Utc>) -> Self {
        Self {
            reason,
            at,
            detail: Description::default(),
        }
    }

    setters! {
        with_detail: detail, Description;
    }
}

named_enum! {
    /// Why a webhook is disabled.
    pub enum DisabledReason as "reason" {
        /// It was disabled by hand.
        Manual = "manual",
        /// Its server answered that it is gone for good (410).
        Gone = "gone",
        /// Every attempt has failed for days.
        Failing = "failing",
    }
}

impl Endpoint {
    /// An endpoint that gets all events, without description and headers of its own.
    #[must_use]
    pub fn new(url: WebhookUrl, secret: Secret) -> Self {
        Self {
            url,
            kinds: EventKinds::ALL,
            description: Description::default(),
            headers: CustomHeaders::default(),
            secrets: Secrets::new(secret),
            disabled: None,
        }
    }

    /// Whether events are sent to it.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.disabled.is_none()
    }
}
