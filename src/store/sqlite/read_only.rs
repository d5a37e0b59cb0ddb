//! Reading a file that may not be written.
//!
//! A writer keeps a log beside the file (`-wal`), with an index to it (`-shm`), which readers
//! share. While they are there, SQLite reads both without writing either. But the last who closes
//! the store takes them away, and then SQLite would have to create them before it reads, which
//! takes the permission to write the folder. The file is all there is then, so it is read alone, as
//! one that does not change (`immutable`). If it is changed all the same, that shows
//! afterwards: there is a log again, or the file has another time or length. Such an answer is
//! thrown away, and the question asked again.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::anchor::identity;
use super::connection::{open_alone, open_beside_log};
use super::failure::cannot_open;
use super::options::SqliteOptions;
use crate::store::{Result, StoreError};

/// How often a question is asked while others open, change and close the file.
const ATTEMPTS: u32 = 100;

/// A file that was changed so lately may be changed again without showing another time.
const TICK: Duration = Duration::from_millis(20);

/// Where the path leads: logs stand beside the file, not beside a link to it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| cannot_open(path, error))
}

/// Asks on a connection of its own. It leaves no trace in the file's folder.
pub(super) fn ask<T>(
    path: &Path,
    options: &SqliteOptions,
    question: impl Fn(&mut Connection) -> Result<T>,
) -> Result<T> {
    for _ in 0..ATTEMPTS {
        if has_log(path)? {
            match open_beside_log(path, options) {
                Ok(mut reader) => return question(&mut reader),
                // It may have been taken away meanwhile.
                Err(error @ StoreError::Unavailable { .. }) if has_log(path)? => {
                    return Err(error.with_reason(|reason| {
                        format!(
                            "{reason}; what stands beside it (-wal, -shm, -journal) cannot be read \
                             without the permission to write: open it once with that permission"
                        )
                    }));
                }
                Err(StoreError::Unavailable { .. }) => {}
                Err(error) => return Err(error),
            }
        } else {
            let before = state(path)?;
            let answer = open_alone(path, options).and_then(|mut reader| question(&mut reader));
            if !has_log(path)? && state(path)? == before {
                return answer;
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(StoreError::unavailable(format!(
        "others keep opening and closing {}",
        path.display()
    )))
}

/// Whether there is more to the file than itself: a log, or what takes back a transaction that a
/// crash has cut short. An empty one has nothing: it is what is left where the disk was full.
fn has_log(path: &Path) -> Result<bool> {
    let is_there = |suffix: &str| {
        let mut name = OsString::from(path);
        name.push(suffix);
        match Path::new(&name).metadata() {
            Ok(found) => Ok(found.len() > 0),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(cannot_open(path, error)),
        }
    };
    Ok(is_there("-wal")? || is_there("-journal")?)
}

/// What changes with the file. Another change after this looks different.
fn state(path: &Path) -> Result<impl PartialEq> {
    loop {
        let look = path
            .metadata()
            .and_then(|it| Ok((it.modified()?, it.len(), identity(path)?)));
        let seen = look.map_err(|error| cannot_open(path, error))?;
        match seen.0.elapsed() {
            Ok(age) if age < TICK => thread::sleep(TICK),
            _ => return Ok(seen),
        }
    }
}
