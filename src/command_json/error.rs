//! Why a line is no command.

use serde::Serialize;
use uuid::Uuid;

use crate::json::{FieldError, NotAnObject};
use crate::lifecycle::action::CommandError;
use crate::lifecycle::value::InvalidValue;

/// Why a line is no command. It quotes nothing personal.
///
/// As JSON it has `code` and `message`, and `field`, `command` and `uuid` where they are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{message}")]
pub struct CommandJsonError {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<Uuid>,
}

impl CommandJsonError {
    const fn new(code: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            field: None,
            command: None,
            uuid: None,
        }
    }

    /// A command that is wrong as a whole.
    pub(super) const fn whole(message: String) -> Self {
        Self::new("invalid_command", message)
    }

    /// A command in which this field is missing or bad.
    pub(super) fn of_field(field: &str, message: String) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::whole(message)
        }
    }

    /// The same, with what could be read of the line.
    pub(super) fn with_known(self, command: Option<String>, uuid: Option<Uuid>) -> Self {
        Self {
            command,
            uuid,
            ..self
        }
    }

    /// What is wrong, for programs: `invalid_json` for what is no JSON, else `invalid_command`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The field that is missing, bad or not the command's, where it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The command that the line names, as far as it could be read: shortened, if it is none.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// The application that the line names, as far as it could be read.
    #[must_use]
    pub const fn uuid(&self) -> Option<Uuid> {
        self.uuid
    }
}

impl From<FieldError> for CommandJsonError {
    fn from(error: FieldError) -> Self {
        Self::of_field(error.field(), error.to_string())
    }
}

impl From<InvalidValue> for CommandJsonError {
    fn from(error: InvalidValue) -> Self {
        Self::of_field(error.field, format!("field {error}"))
    }
}

impl From<CommandError> for CommandJsonError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Value(error) => error.into(),
            CommandError::MissingText { field, .. } => Self::of_field(field, error.to_string()),
            CommandError::UnexpectedText { .. } => Self::whole(error.to_string()),
        }
    }
}

impl From<NotAnObject> for CommandJsonError {
    fn from(error: NotAnObject) -> Self {
        match error {
            NotAnObject::NotUtf8 { .. } | NotAnObject::Syntax { .. } => {
                Self::new("invalid_json", error.to_string())
            }
            NotAnObject::OtherValue { .. } => Self::whole(error.to_string()),
        }
    }
}
