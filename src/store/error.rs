//! Why a command was not carried out, or a read has no answer.

use std::sync::Arc;

use uuid::Uuid;

use super::actor::{Actor, ActorKind};
use super::cursor::Cursor;
use super::name::IdempotencyKey;
use crate::lifecycle::action::{Action, IllegalTransition};
use crate::lifecycle::rules;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::timestamp::Timestamp;

/// Why a command was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The contract does not give this to the actor (CONTRACT.md, "Events", column *who acts*).
    #[error("{} may not {operation}; who may: {}", actor.kind, names(permitted))]
    Forbidden {
        /// Who asked.
        actor: Actor,
        /// For what, such as `approve`.
        operation: &'static str,
        /// To whom the contract gives it.
        permitted: &'static [ActorKind],
    },
    /// The institution has no such application.
    #[error("there is no application {uuid}")]
    UnknownApplication {
        /// The application that was asked for.
        uuid: Uuid,
    },
    /// The identity of the new application is taken.
    #[error("application {uuid} exists already")]
    AlreadyExists {
        /// The identity.
        uuid: Uuid,
    },
    /// The caller has not seen the application as it is now.
    #[error(
        "application {uuid} is at version {version} (status {status}), but the command expects \
         version {expected}"
    )]
    Conflict {
        /// The application.
        uuid: Uuid,
        /// The version that the caller has seen.
        expected: u64,
        /// The version that it has.
        version: u64,
        /// The state that it is in.
        status: Status,
    },
    /// The contract has no such transition.
    #[error(transparent)]
    Illegal(Box<IllegalTransition>),
    /// The given time lies before the application's last event.
    #[error("the command's time {at} lies before the application's last event at {last}")]
    Backwards {
        /// The time of the command.
        at: Timestamp,
        /// The time of the last event.
        last: Timestamp,
    },
    /// The key was used for another command of the institution.
    #[error(
        "this idempotency key was used for another command: {operation} of application {uuid}; {}",
        what_differs(differing)
    )]
    IdempotencyMismatch {
        /// The key.
        key: IdempotencyKey,
        /// What was done with it, such as `approve`.
        operation: &'static str,
        /// To which application.
        uuid: Uuid,
        /// By whom.
        actor: Actor,
        /// The fields in which the two commands differ, by the names of `certlife apply` and of the
        /// contract, such as `application_id`. Empty if the first command was refused and differs
        /// in none of `command`, `uuid` and `actor`: of a refused command, the rest is not kept.
        differing: Vec<&'static str>,
    },
    /// The same command was refused before under the same key, and so it stays: a key's command is
    /// decided once. To have it decided anew, take a new key, or none.
    #[error("{message} (as decided when its idempotency key was first used)")]
    Repeated {
        /// The [`code`](Self::code) of the refusal at the time.
        code: &'static str,
        /// The message of the refusal at the time.
        message: String,
        /// What the application was at the time, where the refusal says it: a conflict, or an
        /// illegal transition.
        then: Option<RefusedAt>,
    },
}

/// What an application was when a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedAt {
    /// The state that it was in.
    pub status: Status,
    /// The version that it had.
    pub version: u64,
    /// Its source, where the refusal was for an illegal transition.
    pub source: Option<Source>,
}

impl RefusedAt {
    /// The actions that were legal, where the refusal was for an illegal transition.
    #[must_use]
    pub fn legal_actions(&self) -> Option<&'static [Action]> {
        let source = self.source?;
        Some(rules::legal_actions(self.status, source))
    }
}

fn names(kinds: &[ActorKind]) -> String {
    let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    names.join(", ")
}

/// Fields are named and never quoted: a title or an address does not belong into a log.
fn what_differs(fields: &[&str]) -> String {
    if fields.is_empty() {
        return "it was refused, and is kept only as a digest, which differs".to_owned();
    }
    format!("what differs: {}", fields.join(", "))
}

impl Refusal {
    /// The kind of refusal, for programs: a word that stays the same, whatever the message says.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "forbidden",
            Self::UnknownApplication { .. } => "unknown_application",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Conflict { .. } => "conflict",
            Self::Illegal(_) => "illegal_transition",
            // It is the command that is wrong: with another time, or none, it would be carried out.
            Self::Backwards { .. } => "invalid_command",
            Self::IdempotencyMismatch { .. } => "idempotency_mismatch",
            Self::Repeated { code, .. } => code,
        }
    }
}

impl From<IllegalTransition> for Refusal {
    fn from(illegal: IllegalTransition) -> Self {
        Self::Illegal(Box::new(illegal))
    }
}

/// What a store answers, or the error that it ran into.
pub(in crate::store) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What the store itself ran into.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached or is at its limits. Nothing was changed: try again later.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// The error below it, unless the reason has all of it that may be repeated.
        #[source]
        cause: Option<Cause>,
    },
    /// Something is wrong with how the store was opened or set up: an address that cannot be read,
    /// a database, a role, a password or a right that is missing, a server that is too old, a file
    /// that cannot be opened. In PostgreSQL also while the store is in use: a right that is
    /// withdrawn, a table or a column that is dropped. Nothing was changed, and trying again does
    /// not help: a person has to put it right.
    #[error("the store is not set up right: {reason}")]
    Misconfigured {
        /// What is wrong.
        reason: String,
        /// The error below it, unless the reason has all of it that may be repeated.
        #[source]
        cause: Option<Cause>,
    },
    /// The connection was lost after the command was sent: it may or may not have been carried out.
    ///
    /// Load the application to see; a command with an idempotency key can simply be repeated.
    #[error("it is unknown whether the command was carried out: {reason}")]
    UnknownOutcome {
        /// What happened.
        reason: String,
        /// The error below it, unless the reason has all of it that may be repeated.
        #[source]
        cause: Option<Cause>,
    },
    /// The database does not keep it, by a constraint, an index or a trigger that is not this
    /// crate's. Nothing was changed, and the same again is refused again; other commands are not.
    #[error("the database refuses to keep it: {reason}")]
    RefusedByDatabase {
        /// What the database says; of a value that does not fit, only the SQLSTATE.
        reason: String,
    },
    /// Something stored belongs to no legal application. It was left as it is.
    #[error("{row} is corrupt: {problem}")]
    Corrupt {
        /// The table and the key of the row.
        row: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer version of this crate has upgraded the database.
    #[error(
        "the database has schema version {found}, but this program knows versions up to {known}; \
         use a newer program"
    )]
    NewerSchema {
        /// The version of the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The tables are those of an earlier version, and were to be left as they are
    /// ([`Setup::Keep`](super::Setup::Keep)).
    #[error(
        "the database has schema version {found}, but this program needs version {needed}; it is upgraded when \
         it is opened for writing"
    )]
    OlderSchema {
        /// The version of the database.
        found: i64,
        /// The version that this program reads.
        needed: i64,
    },
    /// A cursor lies behind the end of the feed. It comes from another store, or from a
    /// history that was lost: in a failover to a standby that had not received all, or when a
    /// backup was restored. Where that was just now, the feed goes on behind the cursor as soon as
    /// a program writes; otherwise begin after an earlier cursor, or at the end.
    #[error(
        "the cursor {cursor} lies beyond the end of the feed, which is {end}: it comes from another store, or from a \
         history that was lost in a failover or when a backup was restored; begin after an earlier cursor, or at the end"
    )]
    CursorBeyondEnd {
        /// The cursor that was given.
        cursor: Cursor,
        /// The end of the feed ([`Store::feed_end`](super::Store::feed_end)).
        end: Cursor,
    },
    /// There are no tables of a store where it was opened, and none were to be made
    /// ([`Setup`](super::Setup)). Nothing was changed.
    #[error("there is no store in {place}")]
    NoStore {
        /// What was opened.
        place: String,
    },
    /// What was opened is something else.
    #[error("{place} is not a store of certificate applications: {problem}")]
    NotAStore {
        /// What was opened.
        place: String,
        /// What it is instead.
        problem: String,
    },
}

/// The error of a database, shared by all whom it befell.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

impl StoreError {
    /// The kind of error, for programs: a word that stays the same, whatever the message says.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Misconfigured { .. } => "misconfigured",
            Self::UnknownOutcome { .. } => "unknown_outcome",
            Self::RefusedByDatabase { .. } => "refused_by_database",
            Self::Corrupt { .. } => "corrupt",
            Self::NewerSchema { .. } => "newer_schema",
            Self::OlderSchema { .. } => "older_schema",
            Self::CursorBeyondEnd { .. } => "cursor_beyond_end",
            Self::NoStore { .. } => "no_store",
            Self::NotAStore { .. } => "not_a_store",
        }
    }

    /// Whether the store cannot be used until something is put right: waiting does not help, and
    /// everything that is asked of it meets the same. What concerns one row, command or cursor
    /// alone ([`Corrupt`](Self::Corrupt), [`RefusedByDatabase`](Self::RefusedByDatabase),
    /// [`CursorBeyondEnd`](Self::CursorBeyondEnd)) is not lasting in this sense, though it stays as
    /// it is: go on with the others.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::UnknownOutcome { .. }
            | Self::RefusedByDatabase { .. }
            | Self::Corrupt { .. }
            | Self::CursorBeyondEnd { .. } => false,
            Self::Misconfigured { .. }
            | Self::NewerSchema { .. }
            | Self::OlderSchema { .. }
            | Self::NoStore { .. }
            | Self::NotAStore { .. } => true,
        }
    }

    pub(crate) fn misconfigured(reason: impl Into<String>) -> Self {
        let (reason, cause) = (reason.into(), None);
        Self::Misconfigured { reason, cause }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl StoreError {
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        let (reason, cause) = (reason.into(), None);
        Self::Unavailable { reason, cause }
    }

    /// What keeps from using the store: until a person has put it right, or for now.
    pub(crate) fn unusable(is_lasting: bool, reason: String) -> Self {
        if is_lasting {
            Self::misconfigured(reason)
        } else {
            Self::unavailable(reason)
        }
    }

    pub(crate) fn unknown_outcome(reason: impl Into<String>) -> Self {
        let (reason, cause) = (reason.into(), None);
        Self::UnknownOutcome { reason, cause }
    }

    pub(crate) fn corrupt(row: impl Into<String>, problem: impl Into<String>) -> Self {
        let (row, problem) = (row.into(), problem.into());
        Self::Corrupt { row, problem }
    }

    /// The same, with the error below it.
    pub(crate) fn caused_by(self, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.with_cause(Some(Arc::new(error)))
    }

    /// The same, with a reason that is made of its own.
    pub(crate) fn with_reason(mut self, of: impl FnOnce(&str) -> String) -> Self {
        if let Self::Unavailable { reason, .. }
        | Self::Misconfigured { reason, .. }
        | Self::UnknownOutcome { reason, .. } = &mut self
        {
            *reason = of(reason);
        }
        self
    }

    pub(crate) fn with_cause(mut self, below: Option<Cause>) -> Self {
        if let Self::Unavailable { cause, .. }
        | Self::Misconfigured { cause, .. }
        | Self::UnknownOutcome { cause, .. } = &mut self
        {
            *cause = below;
        }
        self
    }
}

/// Why a command has no event.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The command was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another command of the same all-or-nothing call was refused.
    #[error("not carried out, because command no. {} of the same call was refused", index.saturating_add(1))]
    Abandoned {
        /// The place in the call, from 0, of the first command that was refused. Its answer says
        /// why.
        index: usize,
    },
    /// The store could not carry it out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExecuteError {
    /// Of the answers to an all-or-nothing call, makes every success [`Abandoned`](Self::Abandoned)
    /// if one is not; says whether that was so.
    pub(crate) fn abandon<T>(answers: &mut [Result<T, Self>]) -> bool {
        let Some(index) = answers.iter().position(Result::is_err) else {
            return false;
        };
        for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
            *answer = Err(Self::Abandoned { index });
        }
        true
    }

    /// The kind of error, for programs: a word that stays the same, whatever the message says.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Abandoned { .. } => "abandoned",
            Self::Store(error) => error.code(),
        }
    }

    /// The refusal, if it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
