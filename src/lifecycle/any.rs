//! The runtime form of an application: from a database row, from a request.

use chrono::{DateTime, Utc};

use super::action::{Action, Command, IllegalTransition};
use super::application::{Application, ApplicationDetails};
use super::rules;
use super::source::{Customer, Source, Vault};
use super::state::{Approved, Created, Failed, Processing, Rejected, Retried, Status};
use super::transition::Transition;

/// An application whose state and source are only known at run time.
///
/// Nested by source, so that a vault application in Processing or Rejected cannot be written down.
/// Match on it to get the typed [`Application`] back.
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

    /// Whether background work owns the application (CONTRACT.md, "In progress").
    #[must_use]
    pub const fn is_in_progress(&self) -> bool {
        matches!(
            self,
            Self::Vault(VaultApplication::Created(_) | VaultApplication::Retried(_))
                | Self::Customer(
                    CustomerApplication::Processing(_) | CustomerApplication::Retried(_)
                )
        )
    }

    /// Carries out the command, if it is legal now.
    ///
    /// As with the typed methods, an `at` before the last event counts as the time of that event.
    ///
    /// # Errors
    /// [`IllegalTransition`] gives the application back, unchanged, and says what is legal.
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
