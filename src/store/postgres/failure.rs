//! PostgreSQL's errors in the store's terms.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::{Cause, StoreError};

/// What an error says about the statement that it befell.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It was rolled back, and may well succeed the next time.
    Again(StoreError),
    /// It was rolled back; something about its own commands may be the reason.
    Undone(StoreError),
    /// It was rolled back, because another transaction kept a row locked for too long.
    Locked(StoreError),
    /// It was rolled back, because an event that it wanted to record is there already: what it says.
    Stray(String),
    /// It was never sent, since there is no connection.
    Unsent(StoreError),
    /// It was sent, but nobody knows what became of it.
    Unknown(StoreError),
}

impl Failure {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Stray(detail) => StoreError::corrupt("table certlife_event", detail),
            Self::Again(error)
            | Self::Undone(error)
            | Self::Locked(error)
            | Self::Unsent(error)
            | Self::Unknown(error) => error,
        }
    }

    /// Whether the connection is lost, or to be given up because an answer may yet come.
    pub(super) const fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Unsent(_) | Self::Unknown(_))
    }

    /// The same, of something that changes nothing without a later statement: that its own outcome is unknown
    /// does not matter.
    pub(super) fn without_effect(self) -> Self {
        match self {
            Self::Unknown(StoreError::UnknownOutcome { reason, cause }) => {
                Self::Unsent(StoreError::Unavailable { reason, cause })
            }
            known => known,
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        // What the pool has to say of its own objects is nobody's business.
        let reason = match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                return Self::Unsent(not_connected(error));
            }
            PoolError::Timeout(TimeoutType::Wait) => {
                "all of the store's connections are in use, and none became free in time".to_owned()
            }
            PoolError::Timeout(_) => "cannot connect to PostgreSQL: it does not answer".to_owned(),
            other => format!("cannot connect to PostgreSQL: {other}"),
        };
        Self::Unsent(StoreError::Unavailable {
            reason,
            cause: None,
        })
    }
}

impl From<Error> for Failure {
    /// For an error of a statement that changes something.
    fn from(error: Error) -> Self {
        let Some(state) = error.code().cloned() else {
            // The connection broke: whether the server had the statement by then, nobody knows.
            return Self::Unknown(unknown(error));
        };
        let details = error.as_db_error();
        if let Some(details) = details
            && details.constraint() == Some("certlife_event_pkey")
        {
            return Self::Stray(details.detail().unwrap_or_default().to_owned());
        }
        if let Some(details) = details
            && details.constraint() == Some("certlife_delivery_pkey")
        {
            // Its event was deleted, and comes again.
            let detail = details.detail().unwrap_or_default();
            return Self::Undone(StoreError::corrupt("table certlife_delivery", detail));
        }
        match state {
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            // Somebody else used the key first; the next time, that is seen.
            | SqlState::UNIQUE_VIOLATION => Self::Again(unavailable(error)),
            SqlState::LOCK_NOT_AVAILABLE => Self::Locked(unavailable(error)),
            // The server gives up the connection; the commit may have come first.
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
            | SqlState::TRANSACTION_RESOLUTION_UNKNOWN => Self::Unknown(unknown(error)),
            SqlState::CANNOT_CONNECT_NOW => Self::Unsent(unavailable(error)),
            _ => Self::Undone(unavailable(error)),
        }
    }
}

/// The answer to one statement, if the server gives one in time. How many statements a call takes is no
/// concern of the limit.
pub(super) async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answer = tokio::time::timeout(limit, answer).await;
    answer.unwrap_or_else(|_| {
        Err(Failure::Unknown(StoreError::UnknownOutcome {
            reason: format!("the server has not answered within {limit:?}"),
            cause: None,
        }))
    })
}

/// An error of a statement that was rolled back, or only reads.
pub(super) fn unavailable(error: Error) -> StoreError {
    StoreError::Unavailable {
        reason: words(&error),
        cause: Some(Arc::new(error)),
    }
}

/// An error while connecting.
fn not_connected(error: Error) -> StoreError {
    not_opened("cannot connect to PostgreSQL", error)
}

/// An error while the tables are set up.
pub(super) fn not_set_up(error: Error) -> StoreError {
    not_opened("cannot set up the tables in PostgreSQL", error)
}

fn not_opened(what: &str, error: Error) -> StoreError {
    let reason = format!("{what}: {}", words(&error));
    let is_misconfigured = is_misconfigured(&error);
    let cause: Option<Cause> = Some(Arc::new(error));
    if is_misconfigured {
        StoreError::Misconfigured { reason, cause }
    } else {
        StoreError::Unavailable { reason, cause }
    }
}

/// Whether it takes somebody to put it right: on the server, or in the URL.
fn is_misconfigured(error: &Error) -> bool {
    match error.code() {
        Some(state) => {
            let missing = [
                SqlState::INVALID_CATALOG_NAME,
                SqlState::INVALID_SCHEMA_NAME,
                SqlState::INSUFFICIENT_PRIVILEGE,
            ];
            // Class 28: the role, its password, pg_hba.conf.
            missing.contains(state) || state.code().starts_with("28")
        }
        // The driver has no code for these. What happens on the way to a server has an I/O error below it.
        // A setting has only words: a missing password, a host without its port, a server without TLS.
        None => std::error::Error::source(error).is_some_and(|it| !has_io(it)),
    }
}

/// Whether an I/O error is among an error and those that led to it.
fn has_io(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<std::io::Error>() || error.source().is_some_and(has_io)
}

fn unknown(error: Error) -> StoreError {
    StoreError::UnknownOutcome {
        reason: words(&error),
        cause: Some(Arc::new(error)),
    }
}

/// What happened: in the server's words, where it said something.
fn words(error: &Error) -> String {
    match error.as_db_error() {
        Some(details) => chain(details),
        None => chain(error),
    }
}

/// An error with the errors that led to it: on its own, the outer one says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.to_string();
        if !text.ends_with(&inner) {
            text = format!("{text}: {inner}");
        }
        source = error.source();
    }
    text
}
