//! An event as pages show it.

use uuid::Uuid;

use super::frame::Frame;
use super::shown::{self, When};
use crate::lifecycle::event::EventBody;
use crate::store::RecordedEvent;

/// One event of a history, or of the feed.
pub(super) struct Entry {
    pub(super) version: u64,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) at: When,
    pub(super) who: String,
    pub(super) why: Option<String>,
    pub(super) id: String,
    /// Where the reader may see it: it has the whole address.
    pub(super) json: Option<String>,
    pub(super) application: Uuid,
    pub(super) title: String,
}

impl Entry {
    pub(super) fn of(frame: &Frame, recorded: &RecordedEvent) -> Self {
        let event = &recorded.event;
        let why = match event.body() {
            EventBody::Rejected { rejection_reason } => Some(rejection_reason.as_str()),
            EventBody::Failed { error, .. } => Some(error.as_str()),
            _ => None,
        };
        Self {
            version: event.version(),
            name: frame.texts.event(event.kind()),
            kind: event.kind().as_str(),
            at: frame.when(event.timestamp()),
            who: shown::text(&recorded.actor.to_string()),
            why: why.map(shown::lines),
            id: event.id().to_string(),
            json: frame
                .sees_addresses()
                .then(|| shown::text(&event.to_json(Uuid::nil()))),
            application: event.uuid(),
            title: shown::text(event.details().certificate_title().as_str()),
        }
    }
}
