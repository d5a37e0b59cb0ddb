//! A file that is moved, replaced or removed while a store has it open.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, ExecuteError, Outbox, SqliteStore, StoreError};

use super::{engine, file_with_every_kind, no_file};
use crate::outbox_world::of_ours;
use crate::world::{TestClock, engine_on, id, ours, submit};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// That a command has no effect, and why.
async fn is_refused(engine: &Engine<SqliteStore>, number: u64, place: &Path) {
    let error = engine.execute(submit(number)).await.unwrap_err();
    let ExecuteError::Store(StoreError::Unavailable { reason, .. }) = &error else {
        panic!("{error:?}");
    };
    let words = format!("{} is not the file any more", place.display());
    assert!(reason.starts_with(&words), "{reason}");
    // So is everything else that changes something.
    let error = engine
        .store()
        .add_webhook(of_ours(number))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "unavailable", "{error}");
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_moved() {
    let file = no_file().await;
    let path = file.path();
    let engine = engine(&path);
    let _ = engine.execute(submit(1)).await.unwrap();
    // When it is moved
    let elsewhere = path.with_extension("old");
    fs::rename(&path, &elsewhere).unwrap();
    // Then nothing is done, and nothing is made in its place
    is_refused(&engine, 2, &path).await;
    assert!(!path.exists());
    // And once it is back, all goes on
    fs::rename(&elsewhere, &path).unwrap();
    let _ = engine.execute(submit(3)).await.unwrap();
    assert_eq!(engine.load(&ours(), id(2)).await.unwrap(), None);
    assert!(engine.load(&ours(), id(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_or_log_that_was_removed() {
    for suffix in ["", "-wal"] {
        let file = no_file().await;
        let engine = engine(&file.path());
        let _ = engine.execute(submit(1)).await.unwrap();
        let gone = beside(&file.path().canonicalize().unwrap(), suffix);
        fs::remove_file(&gone).unwrap();
        let named = if suffix.is_empty() { file.path() } else { gone };
        for number in 2..5 {
            is_refused(&engine, number, &named).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_to_or_read_from_a_backup_that_was_put_in_its_place() {
    let (file, backup) = (no_file().await, file_with_every_kind().await);
    let path = file.path();
    let engine = engine(&path);
    let _ = engine.execute(submit(50)).await.unwrap();
    fs::rename(backup.path(), &path).unwrap();
    let before = fs::read(&path).unwrap();
    is_refused(&engine, 51, &path).await;
    // A reader, on connections that were open or are opened now, sees none of the other file
    let reading = (0..32).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.load(&ours(), id(0)).await })
    });
    for answer in reading.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(found) => assert_eq!(found, None),
            Err(error) => assert_eq!(error.code(), "unavailable", "{error}"),
        }
    }
    drop(engine);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_another_file() {
    let (file, other) = (no_file().await, file_with_every_kind().await);
    let link = file.path().with_extension("link");
    fs::write(file.path(), "").unwrap();
    symlink(file.path(), &link).unwrap();
    let store = SqliteStore::open(&link).unwrap();
    let engine = engine_on(store, &TestClock::default());
    let _ = engine.execute(submit(1)).await.unwrap();
    fs::remove_file(&link).unwrap();
    symlink(other.path(), &link).unwrap();
    is_refused(&engine, 2, &link).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_was_acknowledged_while_it_was_moved_nothing_is_missing() {
    for round in 0..20 {
        let file = no_file().await;
        let path = file.path();
        let engine = engine(&path);
        let _ = engine.execute(submit(0)).await.unwrap();
        let writer = engine.clone();
        let writing = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 1..400 {
                match writer.execute(submit(number)).await {
                    Ok(_) => acknowledged.push(number),
                    Err(error) => {
                        let code = error.code();
                        assert!(
                            ["unavailable", "unknown_outcome"].contains(&code),
                            "{error}"
                        );
                    }
                }
            }
            acknowledged
        });
        tokio::time::sleep(std::time::Duration::from_millis(round)).await;
        // When it is moved together with its log, as a backup would be
        let elsewhere = path.with_extension("old");
        fs::rename(&path, &elsewhere).unwrap();
        let acknowledged = writing.await.unwrap();
        drop(engine);
        // Then all that was acknowledged was so before, and is in the file
        let log = beside(
            &path.canonicalize().unwrap_or_else(|_| path.clone()),
            "-wal",
        );
        if log.exists() {
            fs::rename(&log, beside(&elsewhere, "-wal")).unwrap();
        }
        let moved = SqliteStore::open(&elsewhere).unwrap();
        let moved = engine_on(moved, &TestClock::default());
        for number in acknowledged {
            let found = moved.load(&ours(), id(number)).await.unwrap();
            assert!(found.is_some(), "{number} in round {round}");
        }
    }
}

#[tokio::test]
async fn a_reader_with_open_connections_notices_too() {
    let (file, other) = (no_file().await, file_with_every_kind().await);
    let engine = engine(&file.path());
    let _ = engine.execute(submit(50)).await.unwrap();
    assert!(engine.load(&ours(), id(50)).await.unwrap().is_some());
    // When a backup takes its place, and some time has passed
    fs::rename(other.path(), file.path()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    let error = engine.load(&ours(), id(50)).await.unwrap_err();
    assert_eq!(error.code(), "unavailable", "{error}");
    let error = engine.feed(Cursor::START, 10).await.unwrap_err();
    assert!(
        error.to_string().contains("is not the file any more"),
        "{error}"
    );
}
