//! Upgrades of the file as a step of their own.

use std::path::Path;

use rusqlite::OpenFlags;

use super::connection::{absolute, open, open_and_migrate};
use super::failure::{may_be_read, misconfigured};
use super::{SqliteOptions, SqliteStore, read_only, schema};
use crate::store::{Migration, Result, StoreError};

impl SqliteStore {
    /// Brings the file to the newest schema that this program knows, in one transaction: `certlife
    /// migrate` does this. Where [`SqliteOptions::setup`] is
    /// [`Setup::Create`](crate::store::Setup::Create), as by default, the file and its tables are
    /// made where there are none. An older program that has the file open meanwhile fails
    /// afterwards: stop it before.
    ///
    /// # Errors
    /// Those of [`open_with`](Self::open_with).
    #[expect(clippy::needless_pass_by_value, reason = "as `open_with` takes them")]
    pub fn migrate(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Migration, StoreError> {
        let path = absolute(path.as_ref())?;
        open_and_migrate(&path, &options).map(|(_, migration)| migration)
    }

    /// What [`migrate`](Self::migrate) would do now. Nothing is changed, and the file need not be
    /// writable.
    ///
    /// # Errors
    /// Those of [`open_with`](Self::open_with), but an older schema is no error;
    /// [`StoreError::NoStore`] where there are no tables and [`SqliteOptions::setup`] is not
    /// [`Setup::Create`](crate::store::Setup::Create).
    #[expect(clippy::needless_pass_by_value, reason = "as `open_with` takes them")]
    pub fn pending_migration(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Migration, StoreError> {
        let path = absolute(path.as_ref())?;
        pending(&path, &options)
    }
}

/// What is to be done to the tables of a file. Nothing is changed, where nothing may be written
/// either.
fn pending(path: &Path, options: &SqliteOptions) -> Result<Migration> {
    let place = path.display().to_string();
    if !path.try_exists().unwrap_or(true) {
        return schema::pending_creation(&place, options.setup);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let pending = open(path, flags, options)
        .and_then(|it| schema::pending(&it, &place, options.setup))
        .map_err(|error| misconfigured(path, error));
    match pending {
        Err(error) if may_be_read(&error) => {
            let read = read_only::resolve(path).and_then(|path| {
                read_only::ask(&path, options, |reader| {
                    schema::pending(reader, &place, options.setup)
                })
            });
            read.map_err(|_| error)
        }
        pending => pending,
    }
}
