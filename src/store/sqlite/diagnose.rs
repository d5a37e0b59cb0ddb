//! What a file is, and how it does: `certlife doctor`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::connection::{absolute, open};
use super::failure::{may_be_read, misconfigured, pragma, unavailable};
use super::{SqliteOptions, SqliteStore, read_only, schema};
use crate::store::diagnosis::{
    Diagnosis, FileReport, Finding, FindingCode, SchemaReport, Severity,
};
use crate::store::{Migration, Result, Setup, StoreError};

/// How large a log may be until that is worth a word, in bytes: it is copied into the file at
/// 64 MiB, unless a reader keeps it.
const LARGE_LOG: u64 = 1 << 30;

/// How many faults of a damaged file are reported.
const FAULTS: usize = 3;

impl SqliteStore {
    /// Looks at a file: its schema, whether it is whole, how its transactions are kept, and who may
    /// read and write it. A file that is missing, damaged or another program's is a
    /// [finding](crate::store::diagnosis::Finding) and no error. Nothing is changed.
    ///
    /// It reads the whole file (`PRAGMA quick_check`), on the thread of the caller. Others may
    /// write to it meanwhile; where they keep it locked, it waits for
    /// [`SqliteOptions::busy_timeout`].
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] and [`StoreError::Misconfigured`] for a path that can be that of
    /// no file.
    pub fn diagnose(
        path: impl AsRef<Path>,
        options: &SqliteOptions,
    ) -> Result<Diagnosis, StoreError> {
        let path = absolute(path.as_ref())?;
        let mut look = Look {
            report: FileReport {
                path: path.display().to_string(),
                ..FileReport::default()
            },
            findings: Vec::new(),
        };
        look.at(&path, options);
        let Look { report, findings } = look;
        Ok(Diagnosis::new("sqlite", findings, Vec::new(), Some(report)))
    }
}

/// What was seen.
struct Look {
    report: FileReport,
    findings: Vec<Finding>,
}

/// What is read of the file.
struct Seen {
    migration: Migration,
    journal_mode: String,
    faults: Vec<String>,
}

impl Look {
    fn find(&mut self, code: FindingCode, severity: Severity, found: impl Into<String>) {
        self.findings.push(Finding::new(code, severity, found));
    }

    fn at(&mut self, path: &Path, options: &SqliteOptions) {
        if !path.try_exists().unwrap_or(true) {
            let error = StoreError::NoStore {
                place: self.report.path.clone(),
            };
            return self.is_none(&error);
        }
        self.size(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let place = self.report.path.clone();
        let written = open(path, flags, options)
            .and_then(|it| see(&it, &place))
            .map_err(|error| misconfigured(path, error));
        self.report.is_writable = Some(written.is_ok());
        let seen = match written {
            Err(error) if may_be_read(&error) => {
                let read = read_only::resolve(path)
                    .and_then(|path| read_only::ask(&path, options, |it| see(it, &place)));
                if read.is_ok() {
                    self.find(FindingCode::ReadOnly, Severity::Note, error.to_string());
                }
                read.map_err(|_| error)
            }
            Err(error) => {
                self.report.is_writable = None;
                Err(error)
            }
            seen => seen,
        };
        match seen {
            Ok(seen) => self.judge(seen),
            Err(error) => self.is_none(&error),
        }
        self.others(path);
    }

    /// The file, and the log beside it.
    fn size(&mut self, path: &Path) {
        let length = |path: &Path| path.metadata().ok().map(|it| it.len());
        let mut log = OsString::from(path);
        log.push("-wal");
        self.report.bytes = length(path);
        self.report.log_bytes = length(Path::new(&log));
        if let Some(bytes) = self.report.log_bytes.filter(|it| *it > LARGE_LOG) {
            let found = format!("the log beside the file (-wal) has {bytes} bytes");
            self.find(FindingCode::LargeLog, Severity::Warning, found);
        }
    }

    fn judge(&mut self, seen: Seen) {
        let Migration { from, to, steps } = seen.migration;
        self.report.journal_mode = Some(seen.journal_mode.clone());
        if let Some(fault) = seen.faults.first() {
            let found = format!("the file is damaged: {fault}");
            self.find(FindingCode::Integrity, Severity::Wrong, found);
        } else {
            self.find(FindingCode::Integrity, Severity::Ok, "the file is whole");
        }
        let Some(version) = from else {
            let place = self.report.path.clone();
            return self.is_none(&StoreError::NoStore { place });
        };
        self.report.schema = Some(SchemaReport {
            version,
            expanded: version,
            needed: to,
            newest: to,
        });
        if steps.is_empty() {
            let found = format!("the tables have schema version {version}");
            self.find(FindingCode::Schema, Severity::Ok, found);
        } else {
            let found =
                format!("the tables have schema version {version}, and this program needs {to}");
            self.find(FindingCode::Schema, Severity::Wrong, found);
        }
        if self.report.is_writable == Some(true) && seen.journal_mode != "wal" {
            let found = format!("journal_mode is {}", seen.journal_mode);
            self.find(FindingCode::JournalMode, Severity::Note, found);
        }
    }

    /// Why there is no store.
    fn is_none(&mut self, error: &StoreError) {
        let code = match error {
            StoreError::NoStore { .. } => FindingCode::NoStore,
            StoreError::NotAStore { .. } => FindingCode::NotAStore,
            StoreError::NewerSchema { .. } => FindingCode::Schema,
            StoreError::Corrupt { .. } => FindingCode::Integrity,
            StoreError::Unavailable { .. } => FindingCode::Unreachable,
            _ => FindingCode::Misconfigured,
        };
        self.find(code, Severity::Wrong, error.to_string());
    }

    /// Who else may read it.
    #[cfg(unix)]
    fn others(&mut self, path: &Path) {
        use std::os::unix::fs::PermissionsExt;

        let may = |path: &Path, mode: u32| {
            let metadata = fs::metadata(path);
            metadata.is_ok_and(|it| it.permissions().mode() & mode == mode)
        };
        // Without the right to enter one of its folders, the file is out of reach.
        if may(path, 0o004) && path.ancestors().skip(1).all(|it| may(it, 0o001)) {
            let found = "every user of this machine may read the file";
            self.find(FindingCode::ReadableByOthers, Severity::Note, found);
        }
    }

    #[cfg(not(unix))]
    fn others(&mut self, _: &Path) {}
}

/// Reads what there is to know of a store, and then all of the file.
fn see(connection: &Connection, place: &str) -> Result<Seen> {
    let migration = schema::pending(connection, place, Setup::Create)?;
    let journal_mode = pragma(connection, "journal_mode")?;
    let mut faults = Vec::new();
    let sql = format!("PRAGMA quick_check({FAULTS})");
    let mut statement = connection.prepare(&sql).map_err(unavailable)?;
    let mut rows = statement.query([]).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        let fault: String = row.get(0).map_err(unavailable)?;
        if fault != "ok" {
            faults.push(fault);
        }
    }
    Ok(Seen {
        migration,
        journal_mode,
        faults,
    })
}
