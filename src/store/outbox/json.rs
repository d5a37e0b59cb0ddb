//! Webhooks, deliveries and attempts as JSON.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::delivery::{Delivery, DeliveryStatus};
use super::webhook::Webhook;
use crate::lifecycle::event::EventKind;
use crate::store::json::time;
use crate::webhook::{DisabledReason, EventKinds};

/// The short names of kinds.
struct Kinds(EventKinds);

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut kinds = serializer.serialize_seq(None)?;
        for kind in self.0.iter() {
            kinds.serialize_element(EventKind::as_str(kind))?;
        }
        kinds.end()
    }
}

/// Why a webhook is disabled.
#[derive(Serialize)]
struct WhyDisabled<'a> {
    reason: &'a DisabledReason,
    at: String,
    detail: &'a str,
}

impl Serialize for Webhook {
    /// `id`, `institution`, `url`, `events` (short names), `description`, `headers` (the names
    /// alone), `enabled`, `disabled` with `reason`, `at` and `detail` where it is, `created_at`,
    /// `failing_since`, `not_before` (both may be null), `revision`. No secret, and no value of a
    /// header.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let endpoint = &self.endpoint;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("institution", &self.institution)?;
        map.serialize_entry("url", endpoint.url.as_str())?;
        map.serialize_entry("events", &Kinds(endpoint.kinds))?;
        map.serialize_entry("description", endpoint.description.as_str())?;
        map.serialize_entry("headers", &endpoint.headers.names().collect::<Vec<_>>())?;
        map.serialize_entry("enabled", &endpoint.is_enabled())?;
        if let Some(disabled) = &endpoint.disabled {
            let (at, detail) = (time(disabled.at), disabled.detail.as_str());
            let reason = &disabled.reason;
            map.serialize_entry("disabled", &WhyDisabled { reason, at, detail })?;
        }
        map.serialize_entry("created_at", &time(self.created_at))?;
        map.serialize_entry("failing_since", &self.health.failing_since.map(time))?;
        map.serialize_entry("not_before", &self.health.not_before.map(time))?;
        map.serialize_entry("revision", &self.revision)?;
        map.end()
    }
}

impl Serialize for Delivery {
    /// `id`, `event` (its full name), `version`, `application`, `webhook`, `institution`, `status`,
    /// `attempts`, `recorded_at`, `due_at` while it is pending and `settled_at` afterwards,
    /// `reason` where it is dead.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("event", self.kind.name())?;
        map.serialize_entry("version", &self.version)?;
        map.serialize_entry("application", &self.application)?;
        map.serialize_entry("webhook", &self.webhook)?;
        map.serialize_entry("institution", &self.institution)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("recorded_at", &time(self.created_at))?;
        let when = match self.status {
            DeliveryStatus::Pending => "due_at",
            DeliveryStatus::Delivered | DeliveryStatus::Dead => "settled_at",
        };
        map.serialize_entry(when, &time(self.at))?;
        if let Some(reason) = &self.reason {
            map.serialize_entry("reason", reason)?;
        }
        map.end()
    }
}
