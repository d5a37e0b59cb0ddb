//! A file that may not be written is read all the same, without a trace, also if another writes it
//! meanwhile.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use certificate_lifecycle::Action;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, ExecuteError, Filter, ListOrder, ListQuery, SqliteStore, StoreError,
};

use super::files::folder_of;
use super::{edit, engine, file_with_every_kind, no_file};
use crate::world::{TestClock, act, check, engine_on, id, ours, submit};

fn reader(path: &Path) -> Engine<SqliteStore> {
    let store = SqliteStore::open_read_only(path).unwrap();
    engine_on(store, &TestClock::default())
}

#[tokio::test]
async fn a_file_is_read_without_a_trace_and_commands_are_refused() {
    let file = file_with_every_kind().await;
    let expected = check(&engine(&file.path())).await;
    let before = folder_of(&file.path());
    let reader = reader(&file.path());
    assert_eq!(check(&reader).await, expected);
    for request in [submit(100), act(0, Action::Reject)] {
        let answer = reader.execute(request).await;
        let Err(ExecuteError::Store(StoreError::Unavailable { reason, .. })) = answer else {
            panic!("{answer:?}");
        };
        assert!(reason.contains("for reading only"), "{reason}");
    }
    assert_eq!(folder_of(&file.path()), before);
}

#[tokio::test]
async fn a_reader_sees_what_others_write_while_they_have_it_open_and_after() {
    let file = file_with_every_kind().await;
    let reader = reader(&file.path());
    for number in 100..103 {
        let writer = engine(&file.path());
        let _ = writer.execute(submit(number)).await.unwrap();
        assert_eq!(check(&reader).await, check(&writer).await);
        drop(writer);
        let seen = check(&reader).await;
        assert!(reader.load(&ours(), id(number)).await.unwrap().is_some());
        assert_eq!(check(&engine(&file.path())).await, seen);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_leads_to_the_file_and_its_log() {
    let file = file_with_every_kind().await;
    let other = no_file().await;
    std::os::unix::fs::symlink(file.path(), other.path()).unwrap();
    let reader = reader(&other.path());
    let writer = engine(&file.path());
    let _ = writer.execute(submit(100)).await.unwrap();
    assert_eq!(check(&reader).await, check(&writer).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_torn_while_others_open_and_close() {
    let file = file_with_every_kind().await;
    let reader = reader(&file.path());
    let path = file.path();
    // Given a process that opens the file, writes and closes it, again and again
    let writing = tokio::spawn(async move {
        let start = Instant::now();
        let mut number = 100;
        while start.elapsed() < Duration::from_secs(3) {
            let engine = engine(&path);
            for answer in engine
                .execute_many((number..number + 50).map(submit).collect())
                .await
            {
                let _ = answer.unwrap();
            }
            let moves = (number..number + 50).map(|it| act(it, Action::Reject));
            for answer in engine.execute_many(moves.collect()).await {
                let _ = answer.unwrap();
            }
            number += 50;
            drop(engine);
            tokio::time::sleep(Duration::from_millis(number % 40)).await;
        }
    });
    // Then every answer is that of one moment
    let (mut answers, mut seen) = (0, 0);
    while !writing.is_finished() {
        let query = ListQuery {
            institution: ours(),
            filter: Filter::all(),
            order: ListOrder::OldestFirst,
            after: None,
            limit: 100_000,
            origins: false,
        };
        let page = reader.list(query).await.unwrap();
        assert_eq!(page.corrupt.len(), 0);
        // Fifty were created at once, and then moved on at once
        assert_eq!((page.applications.len() - 10) % 50, 0);
        let feed = reader.feed(Cursor::START, 100_000).await.unwrap();
        let mut versions = HashMap::new();
        for recorded in &feed {
            let version = versions.entry(recorded.event.uuid()).or_insert(0);
            *version += 1;
            assert_eq!(recorded.event.version(), *version);
        }
        assert!(feed.len() >= seen);
        seen = feed.len();
        answers += 1;
    }
    writing.await.unwrap();
    assert!(answers > 3, "{answers} answers");
}

#[tokio::test]
async fn what_is_no_store_or_not_of_this_version_is_refused_and_left_alone() {
    let older = include_str!("../migrations/sqlite-1.sql");
    for (sql, words) in [
        ("", "there is no store in"),
        ("CREATE TABLE notes (text TEXT)", "there is no store in"),
        (
            "CREATE TABLE certlife_schema (version); INSERT INTO certlife_schema VALUES (99)",
            "newer program",
        ),
        (older, "it is upgraded when it is opened for writing"),
    ] {
        let file = no_file().await;
        fs::write(file.path(), "").unwrap();
        edit(&file.path(), sql);
        let before = folder_of(&file.path());
        let error = SqliteStore::open_read_only(file.path()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(folder_of(&file.path()), before);
    }
    let file = no_file().await;
    let folder = file.path().parent().unwrap().to_owned();
    for path in [file.path(), folder.clone(), folder.join("missing/a.db")] {
        let error = SqliteStore::open_read_only(&path).unwrap_err();
        assert!(
            matches!(error, StoreError::Misconfigured { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(&path.display().to_string()));
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

/// What a process does that may write nothing.
#[cfg(unix)]
mod without_permission {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    /// Set for the process that may write nothing: the file that it reads.
    const FILE: &str = "CERTLIFE_TEST_FILE";

    /// A folder with a file that its readers may not write.
    struct Locked {
        folder: TempDir,
        reader: PathBuf,
    }

    impl Locked {
        fn new() -> Self {
            let folder = TempDir::new().unwrap();
            // Root may do everything, so another user reads: one who may not look into the build.
            let reader = folder.path().join("reader");
            fs::copy(std::env::current_exe().unwrap(), &reader).unwrap();
            Self { folder, reader }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("applications.db")
        }

        fn lock(&self, folder: u32, file: u32) {
            for entry in fs::read_dir(self.folder.path()).unwrap() {
                let path = entry.unwrap().path();
                if path != self.reader {
                    fs::set_permissions(path, fs::Permissions::from_mode(file)).unwrap();
                }
            }
            let permissions = fs::Permissions::from_mode(folder);
            fs::set_permissions(self.folder.path(), permissions).unwrap();
        }

        /// What a user reads who may not write: how many events, or why none.
        fn read(&self) -> String {
            self.lock(0o555, 0o444);
            let before = folder_of(&self.path());
            let mut reader = Command::new(&self.reader);
            reader
                .args(["--exact", "--ignored", "--nocapture"])
                .arg("sqlite::read_only::without_permission::reader")
                .current_dir("/")
                .env(FILE, self.path());
            if fs::metadata(self.folder.path()).unwrap().uid() == 0 {
                reader.uid(65534).gid(65534);
            }
            let run = reader.output().unwrap();
            let reported = String::from_utf8(run.stdout).unwrap();
            assert!(run.status.success(), "{reported}");
            assert!(folder_of(&self.path()) == before, "it leaves a trace");
            self.lock(0o755, 0o644);
            let (_, reported) = reported.split_once("reported: ").unwrap();
            reported.lines().next().unwrap().to_owned()
        }
    }

    /// Not a test, but the process that the tests start.
    #[tokio::test]
    #[ignore = "the process that reads for the tests of this module"]
    async fn reader() {
        let path = PathBuf::from(std::env::var_os(FILE).unwrap());
        let refused = SqliteStore::open(&path).unwrap_err();
        assert_eq!(refused.code(), "misconfigured", "{refused}");
        assert!(
            refused.to_string().contains("may not be written to"),
            "{refused}"
        );
        match SqliteStore::open_read_only(&path) {
            Ok(store) => {
                let engine = engine_on(store, &TestClock::default());
                println!("reported: {}", check(&engine).await.feed.len());
            }
            Err(error) => println!("reported: {error}"),
        }
    }

    #[tokio::test]
    async fn a_file_is_read() {
        let locked = Locked::new();
        // Given a file that is not open
        let _ = engine(&locked.path()).execute(submit(0)).await.unwrap();
        assert_eq!(locked.read(), "1");
        // Given one that is being written
        let writer = engine(&locked.path());
        let _ = writer.execute(submit(1)).await.unwrap();
        assert_eq!(locked.read(), "2");
        let _ = writer.execute(submit(2)).await.unwrap();
        assert_eq!(locked.read(), "3");
        drop(writer);
        assert_eq!(locked.read(), "3");
    }

    #[tokio::test]
    async fn what_a_crash_left_is_read_or_refused() {
        let (crashed, locked) = (no_file().await, Locked::new());
        let writer = engine(&crashed.path());
        let _ = writer.execute(submit(0)).await.unwrap();
        let leave = |suffix: &str| {
            let name = |path: PathBuf| format!("{}{suffix}", path.display());
            fs::copy(name(crashed.path()), name(locked.path())).unwrap();
        };
        // Given what a crash leaves, without the index of the log
        leave("");
        leave("-wal");
        let reported = locked.read();
        assert!(
            reported.contains("without the permission to write"),
            "{reported}"
        );
        // Given all of it
        leave("-shm");
        assert_eq!(locked.read(), "1");
    }
}
