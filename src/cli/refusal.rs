//! Why a command was refused, as the report shows it.

use serde::Serialize;

use super::command_line::AT;
use certificate_lifecycle::store::{self, ExecuteError, StoreError};
use certificate_lifecycle::{
    Action, CommandError, FieldError, IllegalTransition, InvalidValue, NotAnObject, Source, Status,
};

/// The kind of refusal, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    InvalidJson,
    InvalidCommand,
    UnknownApplication,
    AlreadyExists,
    IllegalTransition,
    Forbidden,
    Conflict,
    IdempotencyMismatch,
    /// The store did not carry it out.
    Unavailable,
    /// The store may or may not have carried it out.
    UnknownOutcome,
    /// What the store holds of the application is no legal application.
    Corrupt,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidCommand => "invalid_command",
            Self::UnknownApplication => "unknown_application",
            Self::AlreadyExists => "already_exists",
            Self::IllegalTransition => "illegal_transition",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Unavailable => "unavailable",
            Self::UnknownOutcome => "unknown_outcome",
            Self::Corrupt => "corrupt",
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why a command was refused.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    #[serde(rename = "error")]
    pub(super) code: Code,
    pub(super) message: String,
    /// The field that is wrong with the command, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(flatten)]
    detail: Option<Detail>,
}

/// What a refusal says beyond its message.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Detail {
    Illegal {
        status: Status,
        source: Source,
        legal: &'static [Action],
    },
    Conflict {
        expected: u64,
        version: u64,
        status: Status,
    },
}

impl Refusal {
    pub(super) fn new(code: Code, message: String) -> Self {
        Self {
            code,
            message,
            field: None,
            detail: None,
        }
    }

    /// A command that is wrong as a whole.
    pub(super) fn content(message: String) -> Self {
        Self::new(Code::InvalidCommand, message)
    }

    /// A command in which this field is missing or bad.
    pub(super) fn field(field: &str, message: String) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Code::InvalidCommand, message)
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::field(error.field(), error.to_string())
    }
}

impl From<InvalidValue> for Refusal {
    fn from(error: InvalidValue) -> Self {
        Self::field(error.field, format!("field {error}"))
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Value(error) => error.into(),
            CommandError::MissingText { field, .. } => Self::field(field, error.to_string()),
            CommandError::UnexpectedText { .. } => {
                Self::new(Code::InvalidCommand, error.to_string())
            }
        }
    }
}

impl From<NotAnObject> for Refusal {
    fn from(error: NotAnObject) -> Self {
        let code = match error {
            NotAnObject::NotUtf8 { .. } | NotAnObject::Syntax { .. } => Code::InvalidJson,
            NotAnObject::OtherValue { .. } => Code::InvalidCommand,
        };
        Self::new(code, error.to_string())
    }
}

impl From<&IllegalTransition> for Refusal {
    fn from(refusal: &IllegalTransition) -> Self {
        Self {
            detail: Some(Detail::Illegal {
                status: refusal.status(),
                source: refusal.source(),
                legal: refusal.legal_actions(),
            }),
            ..Self::new(Code::IllegalTransition, refusal.to_string())
        }
    }
}

impl From<ExecuteError> for Refusal {
    fn from(error: ExecuteError) -> Self {
        let code = match error {
            ExecuteError::Refused(refusal) => return refusal.into(),
            ExecuteError::Store(StoreError::Corrupt { .. }) => Code::Corrupt,
            ExecuteError::Store(StoreError::UnknownOutcome { .. }) => Code::UnknownOutcome,
            _ => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<store::Refusal> for Refusal {
    fn from(refusal: store::Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            store::Refusal::Illegal(illegal) => Self::from(&*illegal),
            store::Refusal::UnknownApplication { uuid } => Self::new(
                Code::UnknownApplication,
                format!("no submit or upload has created application {uuid}"),
            ),
            store::Refusal::AlreadyExists { .. } => Self::new(Code::AlreadyExists, message),
            store::Refusal::Forbidden { .. } => Self::new(Code::Forbidden, message),
            store::Refusal::Conflict {
                expected,
                version,
                status,
                ..
            } => Self {
                detail: Some(Detail::Conflict {
                    expected,
                    version,
                    status,
                }),
                ..Self::new(Code::Conflict, message)
            },
            store::Refusal::IdempotencyMismatch { .. } => {
                Self::new(Code::IdempotencyMismatch, message)
            }
            // Histories never run backwards.
            store::Refusal::Backwards { at, last } => Self::field(
                AT,
                format!(
                    "field {AT} must not be before the application's last event at {last}, but is {at}"
                ),
            ),
            _ => Self::new(Code::InvalidCommand, message),
        }
    }
}
