//! An act as it is kept.

use chrono::{DateTime, Utc};

use crate::lifecycle::names::named_enum;
use crate::setters::setters;
use crate::store::actor::Actor;
use crate::store::name::InstitutionId;

/// The number of an act within its store; later acts have larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct ActId(pub i64);

impl std::fmt::Display for ActId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no number of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of an act is a whole number")]
#[non_exhaustive]
pub struct ActIdError;

impl std::str::FromStr for ActId {
    type Err = ActIdError;

    /// # Errors
    /// [`ActIdError`] where the text is none.
    fn from_str(text: &str) -> Result<Self, ActIdError> {
        text.parse().map(Self).map_err(|_| ActIdError)
    }
}

named_enum! {
    /// What was done.
    #[non_exhaustive]
    pub enum ActKind as "act" {
        /// A webhook was registered.
        WebhookRegistered = "webhook.registered",
        /// Settings of a webhook were changed.
        WebhookChanged = "webhook.changed",
        /// A webhook was enabled.
        WebhookEnabled = "webhook.enabled",
        /// A webhook was disabled.
        WebhookDisabled = "webhook.disabled",
        /// A webhook got a new secret.
        WebhookRotated = "webhook.rotated",
        /// A webhook was sent a test event.
        WebhookTested = "webhook.tested",
        /// A webhook was removed.
        WebhookRemoved = "webhook.removed",
        /// Deliveries were made due again.
        DeliveriesRedelivered = "deliveries.redelivered",
        /// Deliveries were made dead.
        DeliveriesAbandoned = "deliveries.abandoned",
        /// Events of the past were made deliveries for a webhook.
        DeliveriesReplayed = "deliveries.replayed",
        /// A token was created.
        TokenCreated = "token.created",
        /// A token was revoked.
        TokenRevoked = "token.revoked",
        /// A reader signed in to the console.
        SessionBegun = "session.begun",
        /// A reader signed out of the console.
        SessionEnded = "session.ended",
    }
}

/// A text of an act: at most 500 characters, on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ActNote(String);

impl ActNote {
    /// The most characters.
    pub const MAX: usize = 500;

    /// The text. A control character becomes a blank, and what is longer is cut, with `…` at the
    /// end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let blank = |it: char| if it.is_control() { ' ' } else { it };
        let mut rest = text.chars().map(blank);
        let mut text: String = rest.by_ref().take(Self::MAX).collect();
        if rest.next().is_some() {
            text.pop();
            text.push('…');
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ActNote {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for ActNote {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl std::fmt::Display for ActNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A write to webhooks, deliveries or tokens, and who does it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Act {
    /// The institution that it is about; none stands for all of them.
    pub institution: Option<InstitutionId>,
    /// When it is done. Databases keep milliseconds.
    pub at: DateTime<Utc>,
    /// Who does it.
    pub actor: Actor,
    /// What is done.
    pub kind: ActKind,
    /// The id of the webhook, the delivery or the token that it is done to. Empty at first.
    pub subject: ActNote,
    /// More about it: the names of the changed settings, a count, a filter. Empty at first; it must
    /// have no secret, and of a URL no query.
    pub detail: ActNote,
}

impl Act {
    /// An act of this kind, which is done now.
    #[must_use]
    pub fn new(
        institution: Option<InstitutionId>,
        actor: Actor,
        kind: ActKind,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            institution,
            at: now,
            actor,
            kind,
            subject: ActNote::default(),
            detail: ActNote::default(),
        }
    }

    setters! {
        with_subject: subject, ActNote;
        with_detail: detail, ActNote;
    }
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActOutcome {
    /// It was done.
    Done,
    /// It was refused, for this reason: nothing was done.
    Refused(ActNote),
}

/// An act as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedAct {
    /// Its number.
    pub id: ActId,
    /// The act.
    pub act: Act,
    /// What came of it. None if it was broken off, or is still being done: whether it was done is
    /// unknown.
    pub outcome: Option<ActOutcome>,
}

impl RecordedAct {
    pub(in crate::store) const fn new(id: ActId, act: Act, outcome: Option<ActOutcome>) -> Self {
        Self { id, act, outcome }
    }
}
