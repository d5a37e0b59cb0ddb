//! Why a command was refused, as the report shows it.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use certificate_lifecycle::command_json::CommandJsonError;
use certificate_lifecycle::payload::FieldError;
use certificate_lifecycle::store::{self, ExecuteError, Request};
use certificate_lifecycle::{Action, InvalidValue, Source, Status};

/// The field of the time at which a command is to have happened.
const AT: &str = "at";

/// The kind of refusal, for programs: the library's word for it, or one for a line that is no
/// command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code(&'static str);

impl Code {
    pub(super) const INVALID_JSON: Self = Self("invalid_json");
    pub(super) const INVALID_COMMAND: Self = Self("invalid_command");
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// What a refusal can say about a line, however little of it could be read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uuid: Option<Uuid>,
}

impl Known {
    /// All of it.
    pub(super) fn of(request: &Request) -> Self {
        Self {
            command: Some(request.operation.name().into()),
            uuid: Some(request.uuid()),
        }
    }

    /// What could be read of a line that is no command.
    pub(super) fn of_bad(error: &CommandJsonError) -> Self {
        Self {
            command: error.command().map(|it| it.to_owned().into()),
            uuid: error.uuid(),
        }
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
    Mismatch {
        differing: Vec<&'static str>,
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
        Self::new(Code::INVALID_COMMAND, message)
    }

    /// A command in which this field is missing or bad.
    pub(super) fn field(field: &str, message: String) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Code::INVALID_COMMAND, message)
        }
    }
}

impl From<CommandJsonError> for Refusal {
    fn from(error: CommandJsonError) -> Self {
        Self {
            field: error.field().map(str::to_owned),
            ..Self::new(Code(error.code()), error.to_string())
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        CommandJsonError::from(error).into()
    }
}

impl From<InvalidValue> for Refusal {
    fn from(error: InvalidValue) -> Self {
        CommandJsonError::from(error).into()
    }
}

impl From<ExecuteError> for Refusal {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal.into(),
            error => Self::new(Code(error.code()), error.to_string()),
        }
    }
}

impl From<store::Refusal> for Refusal {
    fn from(refusal: store::Refusal) -> Self {
        let report = Self::new(Code(refusal.code()), refusal.to_string());
        match refusal {
            store::Refusal::Illegal(illegal) => Self {
                detail: Some(Detail::Illegal {
                    status: illegal.status(),
                    source: illegal.source(),
                    legal: illegal.legal_actions(),
                }),
                ..report
            },
            store::Refusal::UnknownApplication { uuid } => Self {
                message: format!("no submit or upload has created application {uuid}"),
                ..report
            },
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
                ..report
            },
            store::Refusal::IdempotencyMismatch { differing, .. } => Self {
                detail: Some(Detail::Mismatch { differing }),
                ..report
            },
            // Histories never run backwards.
            store::Refusal::Backwards { at, last } => Self {
                field: Some(AT.to_owned()),
                message: format!(
                    "field {AT} must not be before the application's last event at {last}, but is {at}"
                ),
                ..report
            },
            _ => report,
        }
    }
}
