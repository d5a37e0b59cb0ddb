//! SQLite's errors in the store's terms.

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::{Result, StoreError};

/// At first, a file that cannot be opened is the wrong path or lacks a right. Later on, the process
/// may have too many files open.
pub(super) fn misconfigured(path: &Path, error: StoreError) -> StoreError {
    let StoreError::Unavailable { reason, cause } = &error else {
        return error;
    };
    match code_below(&error) {
        // The file itself has been opened for writing.
        Some(ErrorCode::ReadOnly) => {
            let path = path.display();
            let reason = format!(
                "the folder of {path} may not be written to, in which SQLite keeps its log"
            );
            StoreError::misconfigured(reason).with_cause(cause.clone())
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            let hint = "is it a file, may its folder be written to, and is there room?";
            StoreError::misconfigured(format!("{reason} ({hint})")).with_cause(cause.clone())
        }
        _ => error,
    }
}

/// What kind of failure of SQLite's it is.
fn code_below(error: &StoreError) -> Option<ErrorCode> {
    let (StoreError::Unavailable { cause, .. } | StoreError::Misconfigured { cause, .. }) = error
    else {
        return None;
    };
    code_of(cause.as_ref()?.downcast_ref::<rusqlite::Error>()?)
}

/// Whether a file cannot be opened because nothing may be written to it or beside it, or because
/// there is no room: it may be read all the same. Not where others keep it locked.
pub(super) fn may_be_read(error: &StoreError) -> bool {
    let is_denied = matches!(error, StoreError::Misconfigured { .. });
    let is_full = matches!(
        code_below(error),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
        )
    );
    is_denied || is_full
}

/// Why SQLite has not opened a file. Its own words may have the name under which it was opened, and
/// say little more than that.
pub(super) fn not_opened(path: &Path, flags: OpenFlags, error: rusqlite::Error) -> StoreError {
    if path.is_dir() {
        return cannot_open(path, io::ErrorKind::IsADirectory.into());
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotAStore {
            place: path.display().to_string(),
            problem: "it is not a SQLite database".to_owned(),
        },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            // What the system says to the same question.
            let mut question = File::options();
            let writes = flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE);
            match question.read(true).write(writes).open(path) {
                Err(said)
                    if said.kind() == io::ErrorKind::NotFound
                        && flags.contains(OpenFlags::SQLITE_OPEN_CREATE)
                        && path.parent().is_some_and(Path::is_dir) =>
                {
                    StoreError::misconfigured(format!(
                        "cannot create {} in its folder",
                        path.display()
                    ))
                    .caused_by(error)
                }
                Err(said) => cannot_open(path, said),
                Ok(_) => StoreError::unavailable(format!(
                    "cannot open {}: {}",
                    path.display(),
                    in_short(&error)
                ))
                .caused_by(error),
            }
        }
        _ => unavailable(error).with_reason(|it| format!("cannot open {}: {it}", path.display())),
    }
}

/// What SQLite says of a failure, without the name of the file.
fn in_short(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.to_string(),
        error => text_of(error),
    }
}

/// What SQLite says of a failure, without the statement.
pub(super) fn text_of(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    }
}

/// How many characters are kept of a message that a trigger has written.
const LONGEST_MESSAGE: usize = 200;

/// A message of a trigger, which is not this crate's.
fn harmless(message: &str) -> String {
    let mut shown = String::new();
    for character in message.chars().take(LONGEST_MESSAGE) {
        if character.is_control() {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// What kind of failure it is, where it was SQLite's.
pub(super) fn code_of(error: &rusqlite::Error) -> Option<ErrorCode> {
    match error {
        rusqlite::Error::SqlInputError { error, .. } => Some(error.code),
        error => error.sqlite_error_code(),
    }
}

/// Why the system has not opened a file, and whether a person has to put that right.
pub(super) fn cannot_open(path: &Path, error: io::Error) -> StoreError {
    let reason = format!("cannot open {}: {error}", path.display());
    let is_lasting = matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
    );
    StoreError::unusable(is_lasting, reason).caused_by(error)
}

/// The value of a pragma.
pub(super) fn pragma<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<T> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(unavailable)
}

/// An error before anything was committed.
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    let reason = match code_of(&error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another process keeps the database busy ({error})")
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            return StoreError::corrupt("the database file", text_of(&error));
        }
        // A constraint or a trigger of the administrator's: ours are never broken.
        Some(ErrorCode::ConstraintViolation) => {
            return StoreError::RefusedByDatabase {
                reason: harmless(&text_of(&error)),
            };
        }
        _ => text_of(&error),
    };
    StoreError::unavailable(reason).caused_by(error)
}

/// An error of the commit itself.
pub(super) fn commit_failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // What SQLite could not write to disk may yet be found there after a crash.
        Some(ErrorCode::SystemIoFailure) => {
            StoreError::unknown_outcome(error.to_string()).caused_by(error)
        }
        _ => unavailable(error),
    }
}
