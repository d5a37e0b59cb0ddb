//! PostgreSQL's errors in the store's terms.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::WrongType;

use super::report::{DriverError, Report};
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
    /// The same, and that transaction waits for the synchronous standby.
    Held(StoreError),
    /// It was rolled back, because an event that it wanted to record is there already: what it
    /// says.
    Stray(String),
    /// It was never sent, since there is no connection.
    Unsent(StoreError),
    /// It was sent, and its outcome is unknown.
    Unknown(StoreError),
}

impl Failure {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Stray(detail) => StoreError::corrupt("table certlife_event", detail),
            Self::Again(error)
            | Self::Undone(error)
            | Self::Locked(error)
            | Self::Held(error)
            | Self::Unsent(error)
            | Self::Unknown(error) => error,
        }
    }

    /// Whether the connection is lost, or to be given up because an answer may yet come.
    pub(super) const fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Unsent(_) | Self::Unknown(_))
    }

    /// The same, of something that changes nothing without a later statement: that its own outcome
    /// is unknown does not matter.
    pub(super) fn without_effect(self) -> Self {
        match self {
            Self::Unknown(StoreError::UnknownOutcome { reason, cause }) => {
                Self::Unsent(StoreError::Unavailable { reason, cause })
            }
            known => known,
        }
    }
}

impl<E: DriverError> From<E> for Failure {
    /// For an error of a statement that changes something.
    fn from(error: E) -> Self {
        let Some(report) = error.report() else {
            // The connection broke: whether the server had the statement by then is unknown.
            return Self::Unknown(unknown(error));
        };
        if report.is_of_key("certlife_event", "certlife_event_pkey") {
            return Self::Stray(key_of(&report));
        }
        if report.is_of_key("certlife_delivery", "certlife_delivery_pkey") {
            // Its event was deleted, and comes again.
            let key = key_of(&report);
            return Self::Undone(StoreError::corrupt("table certlife_delivery", key));
        }
        if is_race(&report) {
            // The next try sees the row that another transaction has written first.
            return Self::Again(failed(error));
        }
        let state = report.state;
        if is_refused(&state) {
            return Self::Undone(StoreError::RefusedByDatabase {
                reason: words(&error),
            });
        }
        match state {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Self::Again(failed(error))
            }
            SqlState::NO_ACTIVE_SQL_TRANSACTION => Self::Undone(StoreError::misconfigured(
                "the connection is in no transaction: begin one",
            )),
            SqlState::LOCK_NOT_AVAILABLE => Self::Locked(failed(error)),
            // The server gives up the connection; the commit may have come first.
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
            | SqlState::TRANSACTION_RESOLUTION_UNKNOWN => Self::Unknown(unknown(error)),
            // The server is a standby by now, or takes no writes for another reason: it was not
            // carried out, and another connection may lead to one that does.
            SqlState::CANNOT_CONNECT_NOW | SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Unsent(failed(error))
            }
            _ => Self::Undone(failed(error)),
        }
    }
}

/// The answer to one statement, if the server gives one in time. How many statements a call takes
/// is no concern of the limit.
pub(super) async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if limit == Duration::MAX {
        // There may be no timer.
        return answer.await;
    }
    let answer = tokio::time::timeout(limit, answer).await;
    answer.unwrap_or_else(|_| {
        Err(Failure::Unknown(StoreError::unknown_outcome(format!(
            "the server has not answered within {limit:?}"
        ))))
    })
}

/// The error of what was tried again until the patience was over.
pub(super) fn impatient(error: StoreError, patience: Duration) -> StoreError {
    if patience.is_zero() || error.is_lasting() {
        return error;
    }
    error.with_reason(|it| format!("{it}; given up after {patience:?} (the option patience)"))
}

/// An error of a statement that only reads, or that was rolled back for another reason than a rule
/// of the database's administrator.
pub(super) fn failed(error: impl DriverError) -> StoreError {
    let is_lasting = is_withheld(&error) || has_other_tables(&error);
    store_error(words(&error), is_lasting, error)
}

/// An error while the tables are set up.
pub(super) fn not_set_up(error: Error) -> StoreError {
    let reason = format!("cannot set up the tables in PostgreSQL: {}", words(&error));
    let is_lasting = is_misconfigured(&error);
    store_error(reason, is_lasting, error)
}

/// An error while the tables are looked at, before any of them is changed.
pub(super) fn not_read(error: Error) -> StoreError {
    let reason = format!("cannot read the tables in PostgreSQL: {}", words(&error));
    let is_lasting = is_misconfigured(&error);
    store_error(reason, is_lasting, error)
}

/// Rows that a statement has returned, and that are not of its columns.
pub(super) fn not_understood(problem: String) -> Failure {
    Failure::Undone(StoreError::corrupt("an answer of the server", problem))
}

/// An error of a statement that fits the tables of a store: where it does not fit those in this
/// place, they are another program's. Other errors are what `otherwise` makes of them.
pub(super) fn not_fitting(
    error: Error,
    place: &str,
    otherwise: fn(Error) -> StoreError,
) -> StoreError {
    if !has_other_tables(&error) {
        return otherwise(error);
    }
    StoreError::NotAStore {
        place: place.to_owned(),
        problem: format!(
            "its tables are not those of this program ({})",
            words(&error)
        ),
    }
}

pub(super) fn store_error(reason: String, is_lasting: bool, error: impl DriverError) -> StoreError {
    StoreError::unusable(is_lasting, reason).with_cause(cause(error))
}

/// Whether it takes a person to put it right: on the server, or in the URL. Not so where the server
/// is a standby (25006) until a failover, is at its limits (class 53), or is shut down (57P01 to
/// 57P03).
fn is_withheld(error: &impl DriverError) -> bool {
    let missing = [
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    let is_withheld = |state: &SqlState| {
        // Class 28: the role, its password, pg_hba.conf.
        missing.contains(state) || state.code().starts_with("28")
    };
    error.report().is_some_and(|it| is_withheld(&it.state))
}

/// The same, of an error while connecting or setting up. The driver has no code for some of these.
/// What happens on the way to a server has an I/O error below it. A setting has only words: a
/// missing password, a host without its port, a server without TLS.
pub(super) fn is_misconfigured(error: &Error) -> bool {
    let is_setting = |source: &(dyn std::error::Error + 'static)| !has_io(source);
    let source = std::error::Error::source(error);
    // A pooler refuses a setting of the URL that it does not know.
    let is_unknown_setting = error.code() == Some(&SqlState::PROTOCOL_VIOLATION);
    is_withheld(error)
        || is_unknown_setting
        || (error.code().is_none() && source.is_some_and(is_setting))
}

/// The keys on which two transactions can meet without a fault of either: both wrote the same key,
/// or took a number or a place from a count that a restoration has set back. The next try sees the
/// row, or takes the next number.
const RACES: [(&str, &str); 7] = [
    ("certlife_application", "certlife_application_pkey"),
    ("certlife_application", "certlife_application_list"),
    ("certlife_event", "certlife_event_feed"),
    ("certlife_idempotency", "certlife_idempotency_pkey"),
    ("certlife_webhook", "certlife_webhook_pkey"),
    ("certlife_delivery", "certlife_delivery_number"),
    ("certlife_attempt", "certlife_attempt_pkey"),
];

fn is_race(report: &Report<'_>) -> bool {
    let mut races = RACES.iter();
    races.any(|(table, key)| report.is_of_key(table, key))
}

/// Classes of PostgreSQL (Appendix A of its manual) whose errors say nothing about the row of a
/// command.
const OTHER_CLASSES: [&str; 34] = [
    "00", "01", "02", "03", "08", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "24", "25", "26", "28",
    "2B", "2D", "2F", "34", "3B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "72", "F0",
    "HV", "XX",
];

/// Whether a statement that carries rows met a rule of the database's administrator: a constraint
/// (class 23, of a view 44) or a routine. A routine raises (P0, 09, 27, 38, 39), takes values that
/// do not fit (20, 21, 22), or has a code of its own, of a class that PostgreSQL does not have. A
/// syntax error (42601) is that of SQL that a routine makes of values: ours has none. Our own
/// constraints are never broken, or it is a race.
fn is_refused(state: &SqlState) -> bool {
    let class = state.code().get(..2).unwrap_or_default();
    *state == SqlState::SYNTAX_ERROR || !OTHER_CLASSES.contains(&class)
}

/// Whether the server's message may quote a value of a row: a value that does not fit (class 22), a
/// part of SQL that was made of one (42601), or what another language says of its exception (class
/// 38).
fn quotes(state: &SqlState) -> bool {
    let class = state.code().get(..2).unwrap_or_default();
    *state == SqlState::SYNTAX_ERROR || ["22", "38"].contains(&class)
}

/// Whether a table, a column, a function or a type is missing, another, or there already. A plan
/// that no longer fits (0A000) and a constraint without its index (42P10) are not among these: they
/// pass with an upgrade or a restoration.
fn has_other_tables(error: &impl DriverError) -> bool {
    let states = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::UNDEFINED_OBJECT,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_COLUMN,
        SqlState::DUPLICATE_OBJECT,
        SqlState::DATATYPE_MISMATCH,
        SqlState::WRONG_OBJECT_TYPE,
        SqlState::INVALID_TEXT_REPRESENTATION,
    ];
    match error.report() {
        Some(report) => states.contains(&report.state),
        None => error
            .source()
            .is_some_and(<dyn std::error::Error>::is::<WrongType>),
    }
}

/// Whether the server has no connection left for this role, this database, or anybody.
pub(super) fn is_full(error: &Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}

/// Whether an I/O error is among an error and those that led to it.
fn has_io(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<std::io::Error>() || error.source().is_some_and(has_io)
}

fn unknown(error: impl DriverError) -> StoreError {
    StoreError::unknown_outcome(words(&error)).with_cause(cause(error))
}

/// The error below a reason. What the server said is in the reason, as far as it may be repeated;
/// the driver's error has all of it, and prints it.
fn cause(error: impl DriverError) -> Option<Cause> {
    match error.report() {
        Some(_) => None,
        None => Some(Arc::new(error)),
    }
}

/// What happened: in the server's words, unless they may quote a value.
fn words(error: &impl DriverError) -> String {
    match error.report() {
        Some(Report { state, .. }) if quotes(&state) => {
            format!("a value is refused (SQLSTATE {})", repeatable(state.code()))
        }
        _ => whole_words(error),
    }
}

/// The same, whatever the words quote.
pub(super) fn whole_words(error: &impl DriverError) -> String {
    match error.report() {
        Some(report) => format!(
            "{}: {} (SQLSTATE {})",
            repeatable(report.severity),
            repeatable(report.message),
            repeatable(report.state.code())
        ),
        None => chain(error),
    }
}

/// The longest text of the server that is repeated, in characters.
const LONGEST: usize = 200;

/// A text of the server on one line, and not all of a long one. Of an error, this is for the
/// message alone: DETAIL, HINT and CONTEXT quote the row, which has a title and an address.
pub(super) fn repeatable(text: &str) -> String {
    let mut repeatable = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == LONGEST {
            repeatable.push('…');
            break;
        }
        // The last ones break lines, or turn the direction of writing.
        let acts = character.is_control()
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if acts {
            repeatable.extend(character.escape_default());
        } else {
            repeatable.push(character);
        }
    }
    repeatable
}

/// The DETAIL of a primary key of ours, of which each column is a number or an identity.
fn key_of(report: &Report<'_>) -> String {
    repeatable(report.detail.unwrap_or_default())
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
