//! Connections to one file.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::failure::{misconfigured, not_opened, unavailable};
use super::options::{Durability, SqliteOptions};
use crate::store::{Migration, Result, Setup, StoreError};

/// The writer's page cache, in KiB: enough that the upper levels of large tables stay in memory.
const WRITER_CACHE: i64 = 64 << 10;

/// How large the log may grow before it is copied into the database, in pages of 4 KiB: 64 MiB. The
/// larger, the more changes of one page become one.
const CHECKPOINT: i64 = 16 << 10;

/// The path of a file, wherever the process goes meanwhile: readers are opened later.
///
/// An absolute path has no meaning beyond itself to SQLite, which would take `file:x?mode=memory`
/// for a URI, and would forget at the end what it acknowledged.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    let no_file = |problem: &str| StoreError::NotAStore {
        place: format!("{:?}", path.to_string_lossy()),
        problem: problem.to_owned(),
    };
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        let problem =
            "it names no file; what is to be forgotten at the end belongs into a MemoryStore";
        return Err(no_file(problem));
    }
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(no_file("no file can have U+0000 in its path"));
    }
    let absolute = std::path::absolute(path).map_err(|error| {
        StoreError::unavailable(format!("cannot tell where {} is: {error}", path.display()))
            .caused_by(error)
    })?;
    check_length(&absolute)?;
    Ok(absolute)
}

/// The longest name of a file, in bytes: SQLite adds `-journal` to it, and file systems take 255.
const LONGEST_NAME: usize = 247;

/// The longest path, in bytes, of which SQLite takes 512 with what it adds.
const LONGEST_PATH: usize = 504;

/// That SQLite can name what it keeps beside the file. It finds out late, when it has made an empty
/// file, and then says only that it cannot open it.
fn check_length(path: &Path) -> Result<()> {
    // SQLite follows links first.
    let resolved = path.canonicalize().or_else(|error| {
        let folder = path.parent().ok_or(error)?.canonicalize()?;
        Ok::<_, io::Error>(folder.join(path.file_name().unwrap_or_default()))
    });
    let path = resolved.as_deref().unwrap_or(path);
    let name = path.file_name().map_or(0, |it| it.as_encoded_bytes().len());
    let whole = path.as_os_str().as_encoded_bytes().len();
    let (what, length, longest) = if name > LONGEST_NAME {
        ("name", name, LONGEST_NAME)
    } else if whole > LONGEST_PATH {
        ("path", whole, LONGEST_PATH)
    } else {
        return Ok(());
    };
    Err(StoreError::misconfigured(format!(
        "the {what} of the file has {length} bytes, but SQLite takes at most {longest}: {}",
        path.display()
    )))
}

/// Opens the file for the one writer; creates it where there is none. What was done to the tables.
pub(super) fn open_and_migrate(
    path: &Path,
    options: &SqliteOptions,
) -> Result<(Connection, Migration)> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let place = path.display().to_string();
    if options.setup == Setup::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    } else if !path.try_exists().unwrap_or(true) {
        return Err(StoreError::NoStore { place });
    }
    let at_first = |error| misconfigured(path, error);
    let mut connection = open(path, flags, options).map_err(at_first)?;
    let migration = super::schema::set_up(&mut connection, &place, options.setup);
    let migration = migration.map_err(at_first)?;
    let set = |name, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value);
    // How the file is written belongs to it.
    let switched = match options.setup {
        Setup::Keep => Ok(()),
        Setup::Create | Setup::Upgrade => write_ahead(&connection, options.busy_timeout),
    };
    switched
        .and_then(|()| set_durability(&connection, options.durability))
        .and_then(|()| set("cache_size", &-WRITER_CACHE))
        .and_then(|()| set("wal_autocheckpoint", &CHECKPOINT))
        // With the first look, the log is there.
        .and_then(|()| connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())))
        .map_err(unavailable)?;
    Ok((connection, migration))
}

/// What the commits of a connection survive from now on.
pub(super) fn set_durability(
    connection: &Connection,
    durability: Durability,
) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "full",
        Durability::Normal => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

/// Switches to the log. Where others do so at the same time, SQLite does not wait for them; this
/// does.
fn write_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < patience =>
            {
                thread::sleep(Duration::from_millis(1));
            }
            switched => return switched,
        }
    }
}

/// Opens the file, which a writer has opened before, for reading.
pub(super) fn open_reader(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, options)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(unavailable)?;
    Ok(connection)
}

/// The longest time that SQLite can wait: 24 days.
const LONGEST_WAIT: Duration = Duration::from_millis(i32::MAX.cast_unsigned() as u64);

/// Opens the file for reading, with the log that stands beside it, where it may not be written.
pub(super) fn open_beside_log(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(path, flags, options)
}

/// Opens the file for reading as one that does not change, and that is all there is.
pub(super) fn open_alone(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    // There is no other way to say it.
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        // Nothing fails to be written to memory.
        let _ = write!(uri, "%{byte:02X}");
    }
    uri.push_str("?immutable=1");
    connect(Path::new(&uri), path, flags, options)
}

pub(super) fn open(path: &Path, flags: OpenFlags, options: &SqliteOptions) -> Result<Connection> {
    connect(path, path, flags, options)
}

/// Opens what SQLite knows by the name, and people by the path.
fn connect(
    name: &Path,
    path: &Path,
    flags: OpenFlags,
    options: &SqliteOptions,
) -> Result<Connection> {
    let not_opened = |error: rusqlite::Error| not_opened(path, flags, error);
    let connection = Connection::open_with_flags(name, flags).map_err(not_opened)?;
    // SQLite opens for reading what it may not write, and would say so at the first command.
    if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE)
        && connection.is_readonly(MAIN_DB).map_err(not_opened)?
    {
        return Err(StoreError::misconfigured(format!(
            "{} may not be written to",
            path.display()
        )));
    }
    connection
        .busy_timeout(options.busy_timeout.min(LONGEST_WAIT))
        .map_err(not_opened)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without it, SQLite as it is bundled parses a statement anew for every new parameter, in case
    // a better plan suits it.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(not_opened)?;
    // The first look at the file: is it a database at all?
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(not_opened)?;
    Ok(connection)
}
