//! What opening makes, upgrades, refuses and leaves alone.

use std::fs;
use std::path::Path;

use certificate_lifecycle::store::{
    Cursor, Outbox, Setup, SqliteOptions, SqliteStore, Store, StoreError,
};

use super::files::folder_of;
use super::{edit, engine, file_with_every_kind, no_file};
use crate::outbox_world::of_ours;
use crate::world::{TestClock, engine_on, id, ours, submit};

#[tokio::test]
async fn tables_of_another_program_that_have_our_names_are_left_alone() {
    for sql in [
        "CREATE TABLE certlife_application (no INTEGER PRIMARY KEY)",
        "CREATE TABLE certlife_delivery_new (text TEXT)",
        "CREATE TABLE certlife_schema (text TEXT)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES ('five')",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (NULL)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (1)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (-5)",
        "CREATE TABLE certlife_schema (version)",
        // As if it were ours, but for the tables.
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (5)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (6)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (7)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (8)",
        "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (10)",
        "CREATE VIEW certlife_schema AS SELECT 5 AS version",
        "PRAGMA application_id = 1667592820; CREATE TABLE notes (text TEXT)",
        "PRAGMA application_id = 1667592820; PRAGMA user_version = 2",
        "PRAGMA application_id = 1667592820; PRAGMA user_version = 99",
    ] {
        let file = no_file().await;
        edit(&file.path(), sql);
        let before = folder_of(&file.path());
        for setup in [Setup::Create, Setup::Upgrade, Setup::Keep] {
            let error = open(&file.path(), setup).err();
            let is_ours = matches!(
                (setup, &error),
                (
                    Setup::Upgrade | Setup::Keep,
                    Some(StoreError::NoStore { .. })
                ) | (Setup::Keep, Some(StoreError::OlderSchema { .. }))
            );
            // It says that it is ours, and has nothing of it.
            let is_stripped = sql.ends_with("user_version = 2")
                && matches!(error, Some(StoreError::Misconfigured { .. }));
            assert!(
                is_ours || is_stripped || matches!(error, Some(StoreError::NotAStore { .. })),
                "{sql}: {error:?}"
            );
            assert_eq!(folder_of(&file.path()), before, "{sql}");
        }
    }
}

fn open(path: &Path, setup: Setup) -> Result<SqliteStore, StoreError> {
    let options = SqliteOptions::default().with_setup(setup);
    SqliteStore::open_with(path, options)
}

#[tokio::test]
async fn ours_stand_beside_the_tables_of_a_backend() {
    // Given a backend's own tables, of names that were once ours, and what its tools keep in the
    // header
    let file = no_file().await;
    let own = "CREATE TABLE application (id TEXT PRIMARY KEY, answers TEXT) STRICT; \
               CREATE TABLE event (text TEXT); CREATE TABLE institution (text TEXT); \
               CREATE TABLE webhook (text TEXT); CREATE INDEX delivery_new ON webhook (text); \
               INSERT INTO application VALUES ('a', 'b'); INSERT INTO event VALUES ('c'); \
               PRAGMA user_version = 3; PRAGMA application_id = 252006673";
    edit(&file.path(), own);
    // When it is not to become a store, it does not
    for setup in [Setup::Upgrade, Setup::Keep] {
        let before = folder_of(&file.path());
        let error = open(&file.path(), setup).unwrap_err();
        assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
        assert_eq!(folder_of(&file.path()), before);
    }
    // Otherwise it does, and all else stays
    let store = open(&file.path(), Setup::Create).unwrap();
    assert!(store.add_webhook(of_ours(1)).await.unwrap());
    let engine = engine_on(store, &TestClock::default());
    let _ = engine.execute(submit(1)).await.unwrap();
    drop(engine);
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    let number = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        number("SELECT count(*) FROM application WHERE answers = 'b'"),
        1
    );
    assert_eq!(number("SELECT count(*) FROM event WHERE text = 'c'"), 1);
    assert_eq!(number("PRAGMA user_version"), 3);
    assert_eq!(number("PRAGMA application_id"), 252_006_673);
    assert_eq!(number("SELECT count(*) FROM certlife_delivery"), 1);
    // And from then on, everybody may open it
    for setup in [Setup::Create, Setup::Upgrade, Setup::Keep] {
        let engine = engine_on(open(&file.path(), setup).unwrap(), &TestClock::default());
        assert_eq!(engine.history(&ours(), id(1)).await.unwrap().len(), 1);
    }
    let store = SqliteStore::open_read_only(file.path()).unwrap();
    assert_eq!(store.feed(Cursor::START, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_not_made_by_those_who_only_read() {
    let file = no_file().await;
    let folder = file.path().parent().unwrap().to_owned();
    for empty in [false, true] {
        if empty {
            fs::write(file.path(), "").unwrap();
        }
        for setup in [Setup::Upgrade, Setup::Keep] {
            let error = open(&file.path(), setup).unwrap_err();
            assert!(matches!(error, StoreError::NoStore { .. }), "{error:?}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), usize::from(empty));
    }
    assert_eq!(fs::metadata(file.path()).unwrap().len(), 0);
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let file = file_with_every_kind().await;
    let known = 10;
    for found in [known + 1, 99] {
        let sql = format!("UPDATE certlife_schema SET version = {found}");
        edit(&file.path(), &sql);
        let before = folder_of(&file.path());
        for setup in [Setup::Create, Setup::Upgrade, Setup::Keep] {
            let error = open(&file.path(), setup).unwrap_err();
            let said = matches!(error, StoreError::NewerSchema { found: it, known: to }
                if it == found && to == known);
            assert!(said, "{error:?}");
        }
        assert_eq!(folder_of(&file.path()), before);
    }
}

#[tokio::test]
async fn a_damaged_file_is_reported_as_corrupt() {
    let whole = file_with_every_kind().await;
    let bytes = fs::read(whole.path()).unwrap();
    assert!(bytes.len() > 16 << 10, "{} bytes", bytes.len());
    // Given a file of which the end is missing
    for length in [4096, 8192, 12_288] {
        let file = no_file().await;
        fs::write(file.path(), &bytes[..length]).unwrap();
        for opened in [
            SqliteStore::open(file.path()),
            SqliteStore::open_read_only(file.path()),
        ] {
            let error = match opened {
                // What is missing shows when it is asked for.
                Ok(store) => store.feed(Cursor::START, 100).await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.code(), "corrupt", "{length}: {error:?}");
        }
    }
}

#[tokio::test]
async fn names_and_paths_that_are_too_long_are_refused_before_anything_is_made() {
    let file = no_file().await;
    let folder = file.path().parent().unwrap().canonicalize().unwrap();
    let deep = |length: usize| {
        let mut path = folder.clone();
        while path.as_os_str().len() + 101 < length - 20 {
            path.push("d".repeat(100));
        }
        fs::create_dir_all(&path).unwrap();
        path.join("f".repeat(length - path.as_os_str().len() - 1))
    };
    for (path, words) in [
        (
            folder.join("n".repeat(248)),
            "the name of the file has 248 bytes",
        ),
        (folder.join("n".repeat(255)), "at most 247"),
        (
            folder.join("ü".repeat(124)),
            "the name of the file has 248 bytes",
        ),
        (deep(505), "the path of the file has 505 bytes"),
        (deep(600), "at most 504"),
    ] {
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(
            matches!(error, StoreError::Misconfigured { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(words), "{error}");
        assert!(!path.exists());
        let error = SqliteStore::open_read_only(&path).unwrap_err();
        assert!(
            matches!(error, StoreError::Misconfigured { .. }),
            "{error:?}"
        );
    }
    for path in [
        folder.join("n".repeat(247)),
        folder.join("ü".repeat(123)),
        deep(504),
    ] {
        let engine = engine(&path);
        let _ = engine.execute(submit(1)).await.unwrap();
    }
    // A short way to a long path is no way around it.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(deep(600).parent().unwrap(), folder.join("short")).unwrap();
        let name = "f".repeat(600 - deep(600).parent().unwrap().as_os_str().len());
        let error = SqliteStore::open(folder.join("short").join(name)).unwrap_err();
        assert!(
            error.to_string().contains("the path of the file has"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn who_only_reads_neither_switches_the_journal_nor_looks_past_a_lock() {
    let file = file_with_every_kind().await;
    edit(&file.path(), "PRAGMA journal_mode = delete");
    let before = folder_of(&file.path());
    let store = SqliteStore::open_to_read(file.path()).unwrap();
    assert_eq!(store.feed(Cursor::START, 100).await.unwrap().len(), 23);
    drop(store);
    assert_eq!(folder_of(&file.path()), before);
    // Given another program in the middle of a transaction, of which a part is in the file already
    let other = rusqlite::Connection::open(file.path()).unwrap();
    other
        .execute_batch("PRAGMA cache_size = 1; BEGIN EXCLUSIVE; DELETE FROM certlife_event")
        .unwrap();
    let options = SqliteOptions::default()
        .with_setup(Setup::Keep)
        .with_busy_timeout(std::time::Duration::from_millis(50));
    let error = SqliteStore::open_with(file.path(), options).unwrap_err();
    assert!(
        error.to_string().contains("keeps the database busy"),
        "{error}"
    );
    other.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test]
async fn a_table_of_versions_has_one_row() {
    let file = file_with_every_kind().await;
    edit(&file.path(), "INSERT INTO certlife_schema VALUES (5)");
    let error = SqliteStore::open(file.path()).unwrap_err();
    assert_eq!(error.code(), "not_a_store", "{error}");
}

#[tokio::test]
async fn what_a_trigger_says_is_escaped_and_cut() {
    let file = file_with_every_kind().await;
    let long = "x".repeat(1_000);
    edit(
        &file.path(),
        &format!(
            "CREATE TRIGGER rule BEFORE INSERT ON certlife_application \
             BEGIN SELECT RAISE(ABORT, 'no\u{1b}[31m{long}'); END"
        ),
    );
    let error = engine(&file.path()).execute(submit(500)).await.unwrap_err();
    assert_eq!(error.code(), "refused_by_database");
    let text = error.to_string();
    assert!(text.contains(r"no\u{1b}[31mxxx"), "{text}");
    assert!(!text.contains('\u{1b}') && text.len() < 300, "{text}");
}
