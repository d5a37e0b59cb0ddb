//! What an idempotency key remembers: the event of its command, or that it was refused.

use uuid::Uuid;

use super::actor::Actor;
use super::error::{Refusal, RefusedAt};
use super::request::{Append, Operation, RecordedEvent, Request};
use crate::lifecycle::action::Command;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::lifecycle::{source::Source, state::Status};

/// What became of the first command that had the key.
#[derive(Debug, Clone)]
pub(crate) enum UsedKey {
    /// It was carried out.
    Event(Box<RecordedEvent>),
    /// It was refused.
    Refused(Refused),
}

/// A command that was refused, and why. Repeated under the same key it is refused again, even where
/// it would be legal by now: the same commands again change nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) operation: &'static str,
    pub(crate) uuid: Uuid,
    pub(crate) actor: Actor,
    /// A digest of the command, but for the time at which it was sent.
    command: Uuid,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// What the application was, where the refusal says it.
    pub(crate) then: Option<RefusedAt>,
}

/// The codes of refusals that depend on what is stored. The others are the same at any time.
const CODES: [&str; 5] = [
    "unknown_application",
    "already_exists",
    "conflict",
    "illegal_transition",
    "invalid_command",
];

/// How it is stored, as JSON.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<'a> {
    operation: &'a str,
    uuid: Uuid,
    #[serde(borrow)]
    actor: std::borrow::Cow<'a, str>,
    command: Uuid,
    code: &'a str,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

impl Refused {
    /// What the command's key is to remember of its refusal; nothing without a key, or where the
    /// refusal says nothing of this command.
    pub(crate) fn of(append: &Append, refusal: &Refusal) -> Option<Self> {
        let request = &append.request;
        request.idempotency_key.as_ref()?;
        let code = refusal.code();
        let is_new = !matches!(refusal, Refusal::Repeated { .. });
        (is_new && CODES.contains(&code)).then(|| Self {
            operation: request.operation.name(),
            uuid: request.uuid(),
            actor: request.actor.clone(),
            command: digest(request),
            code,
            message: refusal.to_string(),
            then: then(refusal),
        })
    }

    /// Whether this is the command that was refused.
    pub(crate) fn is_of(&self, append: &Append) -> bool {
        self.command == digest(&append.request)
    }

    /// As a store keeps it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn to_text(&self) -> String {
        let text = Text {
            operation: self.operation,
            uuid: self.uuid,
            actor: self.actor.to_string().into(),
            command: self.command,
            code: self.code,
            message: self.message.clone(),
            status: self.then.map(|it| it.status),
            version: self.then.map(|it| it.version),
            source: self.then.and_then(|it| it.source),
        };
        // Strings and uuids have no form that JSON lacks.
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// As a store kept it.
    ///
    /// # Errors
    /// What is wrong with it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn from_text(text: &str) -> Result<Self, String> {
        use crate::lifecycle::action::Action;

        let text: Text<'_> =
            serde_json::from_str(text).map_err(|error| format!("its refusal: {error}"))?;
        let operations = Action::ALL.into_iter().map(Action::as_str);
        let mut operations = operations.chain([Operation::SUBMIT, Operation::UPLOAD]);
        let operation = operations.find(|it| *it == text.operation);
        let code = CODES.into_iter().find(|it| *it == text.code);
        let actor = text.actor.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            operation: operation.ok_or_else(|| format!("{:?} is no operation", text.operation))?,
            uuid: text.uuid,
            actor,
            command: text.command,
            code: code.ok_or_else(|| format!("{:?} is no refusal", text.code))?,
            message: text.message,
            then: text
                .status
                .zip(text.version)
                .map(|(status, version)| RefusedAt {
                    status,
                    version,
                    source: text.source,
                }),
        })
    }
}

/// What the application was when a command was refused, where the refusal says it.
fn then(refusal: &Refusal) -> Option<RefusedAt> {
    match refusal {
        Refusal::Conflict {
            version, status, ..
        } => Some(RefusedAt {
            status: *status,
            version: *version,
            source: None,
        }),
        Refusal::Illegal(illegal) => Some(RefusedAt {
            status: illegal.status(),
            version: illegal.application.version(),
            source: Some(illegal.source()),
        }),
        _ => None,
    }
}

/// The same for two commands only if they ask for the same.
fn digest(request: &Request) -> Uuid {
    let operation = &request.operation;
    let details = operation.creation().map(|(details, context)| {
        (
            details.application_id().get(),
            details.certificate_title().as_str(),
            details.applicant_email().as_str(),
            context.as_str(),
        )
    });
    let (text, expected_version) = match operation {
        Operation::Act {
            command,
            expected_version,
            ..
        } => (text_of(command), *expected_version),
        Operation::Submit(_) | Operation::Upload(..) => (None, None),
    };
    let actor = request.actor.to_string();
    let all = (operation.name(), actor, details, text, expected_version);
    // Strings and numbers have no form that JSON lacks.
    let all = serde_json::to_vec(&all).unwrap_or_default();
    Uuid::new_v5(&request.uuid(), &all)
}

/// What the command says beyond its name.
pub(crate) fn text_of(command: &Command) -> Option<&str> {
    match command {
        Command::Reject(reason) => Some(reason.as_str()),
        Command::Fail(error) => Some(error.as_str()),
        _ => None,
    }
}
