//! Events (API.md, "E").

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ApplicationView;
use crate::lifecycle::event::{Event, EventBody};
use crate::lifecycle::timestamp::Timestamp;
use crate::server::openapi as schema;
use crate::store::{Cursor, IdempotencyKey, RecordedEvent};

/// An event: what a webhook is sent, and its place in the feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(in crate::server) struct EventView<'a> {
    /// The same on every attempt to deliver it.
    event_id: Uuid,
    /// The version of the application that the event left.
    #[schema(inline, value_type = schema::VersionValue)]
    version: u64,
    /// Its place in the feed.
    #[schema(inline, value_type = schema::CursorValue)]
    cursor: Cursor,
    /// Whose application it is: in the feed alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    institution: Option<&'a str>,
    /// What webhooks are sent (CONTRACT.md, "Events"), with the nil UUID as `webhook_id`.
    #[schema(inline, value_type = schema::PayloadValue)]
    payload: Box<RawValue>,
}

impl<'a> EventView<'a> {
    /// An event and its place in the feed.
    pub(in crate::server) fn of(event: &Event, cursor: Cursor) -> Self {
        let json = event.to_json(Uuid::nil());
        Self {
            event_id: event.id(),
            version: event.version(),
            cursor,
            institution: None,
            // It is the JSON that receivers parse.
            payload: RawValue::from_string(json).unwrap_or_default(),
        }
    }

    /// An event of the feed.
    pub(in crate::server) fn of_feed(recorded: &'a RecordedEvent) -> Self {
        Self {
            institution: Some(recorded.institution.as_str()),
            ..Self::of(&recorded.event, recorded.cursor)
        }
    }
}

/// A command was carried out: the application as it is now, and the event.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Carried<'a> {
    pub(in crate::server) application: ApplicationView<'a>,
    pub(in crate::server) event: EventView<'a>,
}

/// An entry of a history.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct HistoryEntry<'a> {
    /// The version that the event left.
    #[schema(inline, value_type = schema::VersionValue)]
    version: u64,
    /// The event's full name.
    #[schema(inline, value_type = schema::EventNameValue)]
    event: &'static str,
    /// When it happened.
    #[schema(inline, value_type = schema::TimeValue)]
    at: String,
    /// Who acted, as `kind:id`.
    #[schema(inline, value_type = schema::ActorValue)]
    actor: String,
    /// Why the application was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = schema::ReasonValue, required = false)]
    rejection_reason: Option<&'a str>,
    /// Why its processing failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, value_type = schema::ReasonValue, required = false)]
    error: Option<&'a str>,
    /// The key of the command, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    idempotency_key: Option<&'a str>,
    /// The same on every attempt to deliver it.
    event_id: Uuid,
}

impl<'a> HistoryEntry<'a> {
    pub(in crate::server) fn of(recorded: &'a RecordedEvent) -> Self {
        let event = &recorded.event;
        let (rejection_reason, error) = match event.body() {
            EventBody::Rejected { rejection_reason } => (Some(rejection_reason.as_str()), None),
            EventBody::Failed { error, .. } => (None, Some(error.as_str())),
            _ => (None, None),
        };
        Self {
            version: event.version(),
            event: event.kind().name(),
            at: Timestamp::saturating(event.timestamp()).to_string(),
            actor: recorded.actor.to_string(),
            rejection_reason,
            error,
            idempotency_key: recorded
                .idempotency_key
                .as_ref()
                .map(IdempotencyKey::as_str),
            event_id: event.id(),
        }
    }
}
