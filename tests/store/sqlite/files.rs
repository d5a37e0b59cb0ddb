//! Files that are there, that are not there, and that are something else.

use std::fs;
use std::path::Path;

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{Durability, SqliteOptions, SqliteStore, StoreError};

use super::{engine, file_with_every_kind, no_file};
use crate::world::{TestClock, act, check, engine_on, id, ours, submit};

/// What the folder has, to the byte.
pub fn folder_of(path: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn opened_again_everything_is_there_and_goes_on() {
    let file = file_with_every_kind().await;
    let seen = check(&engine(&file.path())).await;
    assert_eq!(seen.lists[0].len(), 10);
    for number in 100..103 {
        let engine = engine(&file.path());
        let _ = engine.execute(submit(number)).await.unwrap();
        let _ = engine.execute(act(number, Action::Reject)).await.unwrap();
    }
    let now = check(&engine(&file.path())).await;
    assert_eq!(now.feed[..seen.feed.len()], seen.feed);
    assert_eq!(now.lists[0].len(), 13);
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let file = file_with_every_kind().await;
    let names: Vec<_> = folder_of(&file.path()).into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["applications.db"]);
}

#[tokio::test]
async fn what_was_handed_over_is_committed_before_the_file_is_closed() {
    use std::task::{Context, Waker};

    let file = no_file().await;
    {
        let engine = engine(&file.path());
        for number in 0..100 {
            let mut call = Box::pin(engine.execute(submit(number)));
            let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }
    assert_eq!(check(&engine(&file.path())).await.feed.len(), 100);
}

#[tokio::test]
async fn normal_durability_keeps_what_a_process_leaves() {
    let file = no_file().await;
    let options = SqliteOptions::default().with_durability(Durability::Normal);
    {
        let store = SqliteStore::open_with(file.path(), options).unwrap();
        let engine = engine_on(store, &TestClock::default());
        let _ = engine.execute(submit(0)).await.unwrap();
    }
    assert_eq!(check(&engine(&file.path())).await.feed.len(), 1);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let file = no_file().await;
    fs::write(file.path(), "").unwrap();
    let engine = engine(&file.path());
    let _ = engine.execute(submit(0)).await.unwrap();
    check(&engine).await;
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    for contents in [
        &b"hello"[..],
        &[0; 4096],
        &[b'x'; 10_000],
        b"SQLite format 3\0 and then?",
    ] {
        let file = no_file().await;
        fs::write(file.path(), contents).unwrap();
        let before = folder_of(&file.path());
        let error = SqliteStore::open(file.path()).unwrap_err();
        let named = matches!(&error, StoreError::NotAStore { place, .. }
            if *place == file.path().display().to_string());
        assert!(named, "{error:?}");
        assert_eq!(folder_of(&file.path()), before);
    }
}

#[tokio::test]
async fn where_no_file_can_be_the_path_is_wrong() {
    let file = no_file().await;
    let folder = file.path().parent().unwrap().to_owned();
    fs::write(folder.join("file"), "").unwrap();
    for path in [
        folder.clone(),
        folder.join("missing/applications.db"),
        folder.join("file/below"),
    ] {
        let error = SqliteStore::open(&path).unwrap_err();
        let StoreError::Misconfigured { reason, .. } = error else {
            panic!("{error:?}");
        };
        assert!(reason.contains(&path.display().to_string()), "{reason}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_read_few_files_are_open() {
    let file = file_with_every_kind().await;
    let engine = engine(&file.path());
    // Given more callers at once than a process may have files
    let callers = (0..3000).map(|caller| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.history(&ours(), id(caller % 10)).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert!(!caller.await.unwrap().unwrap().is_empty());
    }
    // Then at most eight connections and the writer's are open, each with the file and its log, and
    // all with one index
    let is_ours = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|it| it.starts_with(file.path().parent().unwrap()))
    };
    let open = fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
    let open = open.filter(is_ours).count();
    assert!((2..=19).contains(&open), "{open} files are open");
}

#[tokio::test]
async fn a_caller_that_stops_waiting_for_an_answer_gives_back_its_turn() {
    let file = file_with_every_kind().await;
    let engine = engine(&file.path());
    let ours = ours();
    for caller in 0..100 {
        let asked = engine.history(&ours, id(caller % 10));
        let _ = tokio::time::timeout(std::time::Duration::ZERO, asked).await;
    }
    assert_eq!(engine.history(&ours, id(9)).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_and_create_at_once() {
    for _ in 0..10 {
        let file = no_file().await;
        let path = file.path();
        let stores: Vec<_> = (0..8)
            .map(|_| path.clone())
            .map(|path| std::thread::spawn(move || SqliteStore::open(path)))
            .collect();
        for (number, store) in (0..).zip(stores) {
            let store = store.join().unwrap().unwrap();
            let engine = engine_on(store, &TestClock::default());
            let _ = engine.execute(submit(number)).await.unwrap();
        }
        assert_eq!(check(&engine(&path)).await.feed.len(), 8);
    }
}
