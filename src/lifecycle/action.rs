//! What can be asked of an application at run time, and the refusal of what is illegal.

use super::any::AnyApplication;
use super::names::named_enum;
use super::rules;
use super::source::Source;
use super::state::Status;
use super::value::{InvalidValue, ProcessingError, RejectionReason};

named_enum! {
    /// What can be done to an application that exists (CONTRACT.md, "Lifecycle").
    pub enum Action as "action" {
        /// An administrator accepts a customer's application.
        BeginProcessing = "begin_processing",
        /// Background processing succeeds.
        Approve = "approve",
        /// An administrator declines a customer's application.
        Reject = "reject",
        /// Background processing hits a critical error.
        Fail = "fail",
        /// An administrator re-initiates processing after a failure.
        Retry = "retry",
    }
}

/// An [`Action`] together with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// An administrator accepts a customer's application.
    BeginProcessing,
    /// Background processing succeeded.
    Approve,
    /// An administrator declines a customer's application, and says why.
    Reject(RejectionReason),
    /// Background processing hit this critical error.
    Fail(ProcessingError),
    /// An administrator re-initiates processing after a failure.
    Retry,
}

impl Command {
    /// The command for an action that is known at run time, with its text: the rejection reason of
    /// `reject`, the error of `fail`; the others have none.
    ///
    /// ```
    /// # use certificate_lifecycle::{Action, Command};
    /// let action: Action = "reject".parse()?;
    /// let command = Command::new(action, Some("Duplicate certificate"))?;
    /// assert_eq!(command.action(), Action::Reject);
    ///
    /// let error = Command::new(action, None).unwrap_err();
    /// assert_eq!(error.to_string(), "reject needs rejection_reason, but there is none");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CommandError`] where the text is missing, breaks its rule, or has no place.
    pub fn new(action: Action, text: Option<&str>) -> Result<Self, CommandError> {
        let needed = |field| text.ok_or(CommandError::MissingText { action, field });
        let command = match action {
            Action::Reject => {
                return Ok(Self::Reject(RejectionReason::new(needed(
                    RejectionReason::FIELD,
                )?)?));
            }
            Action::Fail => {
                return Ok(Self::Fail(ProcessingError::new(needed(
                    ProcessingError::FIELD,
                )?)?));
            }
            Action::BeginProcessing => Self::BeginProcessing,
            Action::Approve => Self::Approve,
            Action::Retry => Self::Retry,
        };
        match text {
            None => Ok(command),
            Some(_) => Err(CommandError::UnexpectedText { action }),
        }
    }

    /// The action, without what it needs.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::BeginProcessing => Action::BeginProcessing,
            Self::Approve => Action::Approve,
            Self::Reject(_) => Action::Reject,
            Self::Fail(_) => Action::Fail,
            Self::Retry => Action::Retry,
        }
    }
}

/// Why an action and a text make no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The action needs a text.
    #[error("{action} needs {field}, but there is none")]
    MissingText {
        /// The action.
        action: Action,
        /// The contract's name of the text.
        field: &'static str,
    },
    /// The action takes no text.
    #[error("{action} takes no text, but there is one")]
    UnexpectedText {
        /// The action.
        action: Action,
    },
    /// The contract forbids the text.
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

/// The refusal of an illegal transition. Nothing happened: the application comes back unchanged,
/// and so does the command.
///
/// ```
/// # use certificate_lifecycle::*;
/// # fn main() -> Result<(), InvalidValue> {
/// # let at = chrono::DateTime::UNIX_EPOCH;
/// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
/// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
/// #     CertificateTitle::new("Certificate of Achievement")?,
/// #     ApplicantEmail::new("john@example.com")?);
/// let uploaded: AnyApplication =
///     Application::upload(details, VaultUpload::Single, at).application.into();
/// let refusal = uploaded.apply(Command::Retry, at).unwrap_err();
/// assert_eq!(
///     refusal.to_string(),
///     "cannot retry application 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15 (source vault): \
///      its status is created; what can be done now: approve, fail"
/// );
/// assert_eq!(refusal.legal_actions(), [Action::Approve, Action::Fail]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IllegalTransition {
    /// The application, as it was.
    pub application: AnyApplication,
    /// The command that was refused.
    pub command: Command,
}

impl IllegalTransition {
    #[cold]
    pub(super) fn of<T>(
        application: impl Into<AnyApplication>,
        command: Command,
    ) -> Result<T, Self> {
        Err(Self {
            application: application.into(),
            command,
        })
    }

    /// The action that was refused.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.command.action()
    }

    /// The application's state.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.application.status()
    }

    /// The application's source.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.application.source()
    }

    /// What would have been legal.
    #[must_use]
    pub fn legal_actions(&self) -> &'static [Action] {
        self.application.legal_actions()
    }
}

impl std::fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot {} application {} (source {}): its status is {}",
            self.action(),
            self.application.details().uuid(),
            self.source(),
            self.status(),
        )?;
        match rules::legal_actions(self.status(), self.source()) {
            [] => write!(f, ", which is final"),
            legal => {
                let legal: Vec<_> = legal.iter().map(|it| it.as_str()).collect();
                write!(f, "; what can be done now: {}", legal.join(", "))
            }
        }
    }
}

impl std::error::Error for IllegalTransition {}
