//! Why a command was refused, as the report shows it.

use serde::Serialize;

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
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidCommand => "invalid_command",
            Self::UnknownApplication => "unknown_application",
            Self::AlreadyExists => "already_exists",
            Self::IllegalTransition => "illegal_transition",
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
    illegal: Option<Illegal>,
}

/// What an illegal transition says beyond its message.
#[derive(Debug, Serialize)]
struct Illegal {
    status: Status,
    source: Source,
    legal: &'static [Action],
}

impl Refusal {
    pub(super) fn new(code: Code, message: String) -> Self {
        Self {
            code,
            message,
            field: None,
            illegal: None,
        }
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
            illegal: Some(Illegal {
                status: refusal.status(),
                source: refusal.source(),
                legal: refusal.legal_actions(),
            }),
            ..Self::new(Code::IllegalTransition, refusal.to_string())
        }
    }
}
