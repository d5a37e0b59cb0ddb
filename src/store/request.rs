//! What a store is asked to do, and its answer.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::ser::SerializeStruct;
use uuid::Uuid;

use super::actor::Actor;
use super::cursor::Cursor;
use super::name::{IdempotencyKey, InstitutionId};
use crate::lifecycle::action::{Action, Command};
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::event::Event;
use crate::lifecycle::source::{TriggerContext, VaultUpload};
use crate::lifecycle::timestamp::Timestamp;

/// One command: who asks for what, in which institution.
///
/// ```
/// use certificate_lifecycle::Command;
/// use certificate_lifecycle::store::{Actor, IdempotencyKey, InstitutionId, Request};
/// # let uuid = uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15");
///
/// let institution = InstitutionId::new("example-university")?;
/// let request = Request::transition(institution, Actor::administrator("jane")?, uuid, Command::Retry)
///     .expecting(4)
///     .with_key(IdempotencyKey::new("retry-of-2026-06-04")?);
/// assert_eq!(request.operation.name(), "retry");
/// # Ok::<(), certificate_lifecycle::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The institution that the application belongs to.
    pub institution: InstitutionId,
    /// Who acts.
    pub actor: Actor,
    /// What is asked for.
    pub operation: Operation,
    /// Makes the command repeatable: the same key and command again changes nothing, and answers
    /// with the original event, or that the command was refused.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When it happened, if not now. Refused where it lies before the application's last event.
    pub at: Option<DateTime<Utc>>,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A customer submits an application.
    Submit(Arc<ApplicationDetails>),
    /// The institution uploads into its vault.
    Upload(Arc<ApplicationDetails>, VaultUpload),
    /// An application that exists moves on.
    Act {
        /// Which application.
        uuid: Uuid,
        /// What is done to it.
        command: Command,
        /// The version that the caller has seen; any other is a conflict.
        expected_version: Option<u64>,
    },
}

impl Operation {
    /// The name of submissions on the command line and in messages.
    pub const SUBMIT: &'static str = "submit";

    /// The name of uploads.
    pub const UPLOAD: &'static str = "upload";

    /// What it is called: `submit`, `upload`, or the name of the action.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Submit(_) => Self::SUBMIT,
            Self::Upload(..) => Self::UPLOAD,
            Self::Act { command, .. } => command.action().as_str(),
        }
    }

    /// The application that it is about.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Submit(details) | Self::Upload(details, _) => details.uuid(),
            Self::Act { uuid, .. } => *uuid,
        }
    }

    /// The action, where the application exists already.
    #[must_use]
    pub const fn action(&self) -> Option<Action> {
        match self {
            Self::Submit(_) | Self::Upload(..) => None,
            Self::Act { command, .. } => Some(command.action()),
        }
    }

    /// The details and the context of an application that is to be created.
    #[must_use]
    pub fn creation(&self) -> Option<(&Arc<ApplicationDetails>, TriggerContext)> {
        match self {
            Self::Submit(details) => Some((details, TriggerContext::CustomerSubmission)),
            Self::Upload(details, upload) => Some((details, (*upload).into())),
            Self::Act { .. } => None,
        }
    }
}

impl Request {
    /// A customer submits an application.
    #[must_use]
    pub fn submit(
        institution: InstitutionId,
        actor: Actor,
        details: impl Into<Arc<ApplicationDetails>>,
    ) -> Self {
        Self::new(institution, actor, Operation::Submit(details.into()))
    }

    /// The institution uploads into its vault.
    #[must_use]
    pub fn upload(
        institution: InstitutionId,
        actor: Actor,
        details: impl Into<Arc<ApplicationDetails>>,
        upload: VaultUpload,
    ) -> Self {
        let operation = Operation::Upload(details.into(), upload);
        Self::new(institution, actor, operation)
    }

    /// An application that exists moves on.
    #[must_use]
    pub fn transition(
        institution: InstitutionId,
        actor: Actor,
        uuid: Uuid,
        command: Command,
    ) -> Self {
        let operation = Operation::Act {
            uuid,
            command,
            expected_version: None,
        };
        Self::new(institution, actor, operation)
    }

    /// The operation, without key and at no given time.
    #[must_use]
    pub const fn new(institution: InstitutionId, actor: Actor, operation: Operation) -> Self {
        Self {
            institution,
            actor,
            operation,
            idempotency_key: None,
            at: None,
        }
    }

    /// The same, for a caller who has seen this version. A creation expects none, and stays as it
    /// is.
    #[must_use]
    pub fn expecting(mut self, version: u64) -> Self {
        if let Operation::Act {
            expected_version, ..
        } = &mut self.operation
        {
            *expected_version = Some(version);
        }
        self
    }

    /// The same, repeatable by this key.
    #[must_use]
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// The same, happened at this time.
    #[must_use]
    pub const fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = Some(at);
        self
    }

    /// The application that it is about.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.operation.uuid()
    }
}

/// A request as the store gets it: with the time at which it counts, if the request gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Append {
    /// What is asked for.
    pub request: Request,
    /// The engine's clock. Before the application's last event, it counts as the time of that
    /// event.
    pub now: DateTime<Utc>,
}

impl Append {
    /// A request at this time.
    #[must_use]
    pub const fn new(request: Request, now: DateTime<Utc>) -> Self {
        Self { request, now }
    }

    /// When it is to have happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::saturating(self.request.at.unwrap_or(self.now))
    }

    /// The application that it is about.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.request.uuid()
    }
}

/// Whether the commands of one call stand or fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Atomicity {
    /// Each command for itself: those that are refused change nothing, the others are carried out.
    #[default]
    Each,
    /// One refusal, and none is carried out.
    All,
}

/// A command was carried out, durably, and this is its event.
///
/// As JSON it has the event's full name (`event`), its id (`event_id`), its place in the feed
/// (`cursor`), the record of the state that it left (`application`) and `replayed`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The event. Its [`application`](Event::application) is the state that it left.
    pub event: Event,
    /// The place of the event in the feed: [`RecordedEvent::cursor`] is the same. Of a command
    /// within a transaction of the caller's, it is that place once the transaction is committed.
    ///
    /// A reader of the feed that has come to this place has seen the event. It is not where a
    /// reader may begin: on PostgreSQL, events before it may be committed after it.
    pub cursor: Cursor,
    /// Whether the command was carried out before, under the same idempotency key; this time,
    /// nothing was changed.
    pub replayed: bool,
}

impl Receipt {
    /// That of a command that was carried out now, whose event has this place.
    pub(crate) const fn new(event: Event, cursor: Cursor) -> Self {
        Self {
            event,
            cursor,
            replayed: false,
        }
    }
}

impl serde::Serialize for Receipt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut receipt = serializer.serialize_struct("Receipt", 5)?;
        receipt.serialize_field("event", self.event.kind().name())?;
        receipt.serialize_field("event_id", &self.event.id())?;
        receipt.serialize_field("cursor", &self.cursor)?;
        receipt.serialize_field("application", &self.event.application().to_record())?;
        receipt.serialize_field("replayed", &self.replayed)?;
        receipt.end()
    }
}

/// An event as the store recorded it: an entry of a history, and of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Its place in the feed.
    pub cursor: Cursor,
    /// Whose application it is.
    pub institution: InstitutionId,
    /// What happened.
    pub event: Event,
    /// Who did it.
    pub actor: Actor,
    /// The key of the command, if it had one.
    pub idempotency_key: Option<IdempotencyKey>,
}
