//! What a store keeps, as JSON: times as events write them, in whole seconds; nothing that is
//! secret.

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::error::{ExecuteError, Refusal, StoreError};
use super::request::RecordedEvent;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventBody;
use crate::lifecycle::timestamp::Timestamp;

/// A time as events write it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    Timestamp::saturating(at).to_string()
}

pub(super) fn serialize_time<S: Serializer>(
    at: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time(*at))
}

pub(super) fn serialize_text<S: Serializer>(
    value: &impl ToString,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

pub(super) fn serialize_texts<S: Serializer>(
    values: &[impl ToString],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

impl Serialize for AnyApplication {
    /// Its [record](AnyApplication::to_record).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_record().serialize(serializer)
    }
}

impl Serialize for RecordedEvent {
    /// `version`, `event` (its full name), `at`, `actor` (`kind:id`), `rejection_reason` or `error`
    /// where it has one, `idempotency_key` where the command had one, `cursor`, `event_id`, `uuid`
    /// (of the application), `institution`. The payload that webhooks get is
    /// [`Event::to_json`](crate::Event::to_json).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = &self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &event.version())?;
        map.serialize_entry("event", event.kind().name())?;
        map.serialize_entry("at", &time(event.timestamp()))?;
        map.serialize_entry("actor", &self.actor.to_string())?;
        match event.body() {
            EventBody::Rejected { rejection_reason } => {
                map.serialize_entry("rejection_reason", rejection_reason)?;
            }
            EventBody::Failed { error, .. } => map.serialize_entry("error", error)?,
            _ => {}
        }
        if let Some(key) = &self.idempotency_key {
            map.serialize_entry("idempotency_key", key)?;
        }
        map.serialize_entry("cursor", &self.cursor)?;
        map.serialize_entry("event_id", &event.id())?;
        map.serialize_entry("uuid", &event.uuid())?;
        map.serialize_entry("institution", &self.institution)?;
        map.end()
    }
}

impl Serialize for Refusal {
    /// `code` and `message`; of a conflict `current_status` and `current_version`, of an illegal
    /// transition `legal` (the actions that are legal now) as well; of a mismatch of keys
    /// `differing`, the fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("message", &self.to_string())?;
        match self {
            Self::Conflict {
                version, status, ..
            } => {
                map.serialize_entry("current_status", status)?;
                map.serialize_entry("current_version", version)?;
            }
            Self::Illegal(illegal) => {
                let application = &illegal.application;
                map.serialize_entry("current_status", &application.status())?;
                map.serialize_entry("current_version", &application.version())?;
                map.serialize_entry("legal", illegal.legal_actions())?;
            }
            Self::IdempotencyMismatch { differing, .. } => {
                map.serialize_entry("differing", differing)?;
            }
            Self::Repeated {
                then: Some(then), ..
            } => {
                map.serialize_entry("current_status", &then.status)?;
                map.serialize_entry("current_version", &then.version)?;
                if let Some(legal) = then.legal_actions() {
                    map.serialize_entry("legal", legal)?;
                }
            }
            _ => {}
        }
        map.end()
    }
}

impl Serialize for StoreError {
    /// `code` and `message`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("message", &self.to_string())?;
        map.end()
    }
}

impl Serialize for ExecuteError {
    /// As its [`Refusal`]; otherwise `code` and `message`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(refusal) = self.refusal() {
            return refusal.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("message", &self.to_string())?;
        map.end()
    }
}
