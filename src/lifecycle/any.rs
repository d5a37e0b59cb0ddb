//! The runtime form of an application: from a database row, from a request.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::action::{Action, Command, IllegalTransition};
use super::application::Application;
use super::details::ApplicationDetails;
use super::rules;
use super::source::{Customer, Source, TriggerContext, Vault};
use super::state::{Approved, Created, Failed, Processing, Rejected, Retried, Status};
use super::transition::Transition;
use super::value::{ProcessingError, RejectionReason};

/// An application whose state and source are only known at run time.
///
/// Nested by source, so that a vault application in Processing or Rejected cannot be written down.
/// What can be done goes through [`apply`](Self::apply); match on it, or use `try_into`, to get the
/// typed [`Application`] back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyApplication {
    /// Uploaded by the institution.
    Vault(VaultApplication),
    /// Submitted by a customer.
    Customer(CustomerApplication),
}

/// Declares the states that applications of one source can have, and the way into the runtime form.
macro_rules! applications_of {
    ($(#[$meta:meta])* $name:ident, $source:ident: $($state:ident),+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $(
                #[doc = concat!("In state ", stringify!($state), ".")]
                $state(Application<$state, $source>),
            )+
        }

        $(
            impl From<Application<$state, $source>> for AnyApplication {
                fn from(application: Application<$state, $source>) -> Self {
                    Self::$source($name::$state(application))
                }
            }

            impl TryFrom<AnyApplication> for Application<$state, $source> {
                type Error = AnyApplication;

                /// The typed form, if the application is in this state and from this source;
                /// otherwise it comes back as the error.
                fn try_from(any: AnyApplication) -> Result<Self, AnyApplication> {
                    match any {
                        AnyApplication::$source($name::$state(application)) => Ok(application),
                        other => Err(other),
                    }
                }
            }
        )+

        impl From<$name> for AnyApplication {
            fn from(application: $name) -> Self {
                Self::$source(application)
            }
        }
    };
}

applications_of! {
    /// An application from the vault, in any state that the vault can reach.
    VaultApplication, Vault: Created, Approved, Failed, Retried
}
applications_of! {
    /// An application from a customer, in any state.
    CustomerApplication, Customer: Created, Processing, Approved, Rejected, Failed, Retried
}

/// Evaluates one expression for the typed application inside, whichever it is.
macro_rules! each {
    ($any:expr, $application:ident => $result:expr) => {
        match $any {
            AnyApplication::Vault(application) => match application {
                VaultApplication::Created($application) => $result,
                VaultApplication::Approved($application) => $result,
                VaultApplication::Failed($application) => $result,
                VaultApplication::Retried($application) => $result,
            },
            AnyApplication::Customer(application) => match application {
                CustomerApplication::Created($application) => $result,
                CustomerApplication::Processing($application) => $result,
                CustomerApplication::Approved($application) => $result,
                CustomerApplication::Rejected($application) => $result,
                CustomerApplication::Failed($application) => $result,
                CustomerApplication::Retried($application) => $result,
            },
        }
    };
}

impl AnyApplication {
    /// The state.
    #[must_use]
    pub const fn status(&self) -> Status {
        each!(self, application => application.status())
    }

    /// The source.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self {
            Self::Vault(_) => Source::Vault,
            Self::Customer(_) => Source::Customer,
        }
    }

    /// What the application says of itself.
    #[must_use]
    pub fn details(&self) -> &ApplicationDetails {
        each!(self, application => application.details())
    }

    /// The application's identity.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.details().uuid()
    }

    /// 1 after creation, one more with each transition.
    #[must_use]
    pub const fn version(&self) -> u64 {
        each!(self, application => application.version())
    }

    /// When the last transition happened: the timestamp of its event, in whole seconds.
    #[must_use]
    pub const fn updated_at(&self) -> DateTime<Utc> {
        each!(self, application => application.updated_at())
    }

    /// What created the application; only in state Created.
    #[must_use]
    pub const fn trigger_context(&self) -> Option<TriggerContext> {
        match self {
            Self::Vault(VaultApplication::Created(it)) => Some(it.trigger_context()),
            Self::Customer(CustomerApplication::Created(it)) => Some(it.trigger_context()),
            _ => None,
        }
    }

    /// Why the administrator rejected the application; only in state Rejected.
    #[must_use]
    pub const fn rejection_reason(&self) -> Option<&RejectionReason> {
        match self {
            Self::Customer(CustomerApplication::Rejected(it)) => Some(it.rejection_reason()),
            _ => None,
        }
    }

    /// The critical error that processing hit; only in state Failed.
    #[must_use]
    pub const fn error(&self) -> Option<&ProcessingError> {
        match self {
            Self::Vault(VaultApplication::Failed(it)) => Some(it.error()),
            Self::Customer(CustomerApplication::Failed(it)) => Some(it.error()),
            _ => None,
        }
    }

    /// Whether the action is legal now.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        rules::is_legal(self.status(), self.source(), action)
    }

    /// What is legal now; nothing in a final state.
    #[must_use]
    pub fn legal_actions(&self) -> &'static [Action] {
        rules::legal_actions(self.status(), self.source())
    }

    /// Whether background work owns the application (CONTRACT.md, "In progress"): where it can
    /// succeed.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.can(Action::Approve)
    }

    /// Carries out the command, if it is legal now.
    ///
    /// `at` is cut to whole seconds, and to the years 0000 to 9999; before the last event, it
    /// counts as the time of the last event.
    ///
    /// ```
    /// # use certificate_lifecycle::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let at = chrono::DateTime::UNIX_EPOCH;
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
    /// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// # let any: AnyApplication = Application::submit(details, at).application.into();
    /// let reject = Command::new(Action::Reject, Some("Duplicate certificate"))?;
    /// let Transition { application, event } = any.apply(reject, at)?;
    /// assert_eq!(event.kind(), EventKind::Rejected);
    ///
    /// // The typed form, where the next steps are known.
    /// let rejected: Application<Rejected, Customer> =
    ///     application.try_into().expect("it was rejected just now");
    /// assert_eq!(rejected.rejection_reason().as_str(), "Duplicate certificate");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`IllegalTransition`] gives the application back, unchanged, and says what is legal.
    #[doc(alias = "approve")]
    #[doc(alias = "reject")]
    #[doc(alias = "begin_processing")]
    #[doc(alias = "fail")]
    #[doc(alias = "retry")]
    #[inline]
    pub fn apply(
        self,
        command: Command,
        at: DateTime<Utc>,
    ) -> Result<Transition<Self>, IllegalTransition> {
        use {CustomerApplication as C, VaultApplication as V};
        Ok(match self {
            Self::Vault(V::Created(it)) => match command {
                Command::Approve => it.approve(at).map(Into::into),
                Command::Fail(error) => it.fail(error, at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Customer(C::Created(it)) => match command {
                Command::BeginProcessing => it.begin_processing(at).map(Into::into),
                Command::Reject(reason) => it.reject(reason, at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Customer(C::Processing(it)) => match command {
                Command::Approve => it.approve(at).map(Into::into),
                Command::Fail(error) => it.fail(error, at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Vault(V::Failed(it)) => match command {
                Command::Retry => it.retry(at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Customer(C::Failed(it)) => match command {
                Command::Retry => it.retry(at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Vault(V::Retried(it)) => match command {
                Command::Approve => it.approve(at).map(Into::into),
                Command::Fail(error) => it.fail(error, at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Customer(C::Retried(it)) => match command {
                Command::Approve => it.approve(at).map(Into::into),
                Command::Fail(error) => it.fail(error, at).map(Into::into),
                _ => return IllegalTransition::of(it, command),
            },
            Self::Vault(V::Approved(it)) => return IllegalTransition::of(it, command),
            Self::Customer(C::Approved(it)) => return IllegalTransition::of(it, command),
            Self::Customer(C::Rejected(it)) => return IllegalTransition::of(it, command),
        })
    }
}
