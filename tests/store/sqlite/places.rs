//! A path is a path: it leads to one file, wherever the process goes and whatever the file is
//! called.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use certificate_lifecycle::store::{SqliteStore, StoreError};
use tempfile::TempDir;

use super::engine;
use crate::world::{check, submit};

/// Set for the process that [`in_a_folder`] starts.
const ALONE: &str = "CERTLIFE_TEST_ALONE";

/// Whether this process is the one that may change its folder. Otherwise it runs this test once
/// more, in a process and a folder of its own: a process has but one folder, and the other tests
/// are in it.
fn in_a_folder(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let folder = TempDir::new().unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("sqlite::places::{test}"), "--nocapture"])
        .env(ALONE, "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let reported = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{reported}{run:?}");
    assert!(reported.contains("1 passed"), "{reported}");
    false
}

#[tokio::test]
async fn a_process_that_goes_elsewhere_takes_its_store_along() {
    if !in_a_folder("a_process_that_goes_elsewhere_takes_its_store_along") {
        return;
    }
    for folder in ["one", "two"] {
        std::fs::create_dir(folder).unwrap();
    }
    // Given stores of the same relative name in two folders
    let start = std::env::current_dir().unwrap();
    std::env::set_current_dir(start.join("two")).unwrap();
    let _ = engine(Path::new("a.db")).execute(submit(7)).await.unwrap();
    std::env::set_current_dir(start.join("one")).unwrap();
    let engine = engine(Path::new("a.db"));
    let _ = engine.execute(submit(1)).await.unwrap();
    // When the process goes to the other folder before it reads
    std::env::set_current_dir(start.join("two")).unwrap();
    // Then it reads what it wrote
    let seen = check(&engine).await;
    let numbers: Vec<_> = seen.feed.iter().map(|it| it.event.details()).collect();
    assert_eq!(numbers.len(), 1);
    assert_eq!(numbers[0].application_id().get(), 2);
}

#[tokio::test]
async fn names_that_are_special_to_sqlite_are_names_of_files() {
    if !in_a_folder("names_that_are_special_to_sqlite_are_names_of_files") {
        return;
    }
    for name in [
        "file:x.db?mode=memory",
        "file:x.db?mode=ro",
        "file::memory:",
        "file:",
        "x.db?immutable=1",
        "%41.db",
        "./:memory:",
        " ",
    ] {
        // Given what was acknowledged and then closed
        let _ = engine(Path::new(name)).execute(submit(0)).await.unwrap();
        // Then it is in the file of this name
        assert!(Path::new(name).is_file(), "{name}");
        assert_eq!(check(&engine(Path::new(name))).await.feed.len(), 1);
    }
    assert!(!Path::new("x.db").exists() && !Path::new("A.db").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_name_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;

    let folder = TempDir::new().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"not \xff utf-8.db"));
    let _ = engine(&path).execute(submit(0)).await.unwrap();
    assert!(path.is_file());
    assert_eq!(check(&engine(&path)).await.feed.len(), 1);
}

#[test]
fn what_names_no_file_is_refused() {
    for (name, word) in [
        ("", "names no file"),
        (":memory:", "MemoryStore"),
        ("a\0b.db", "U+0000"),
        ("\0", "U+0000"),
    ] {
        let error = SqliteStore::open(name).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        let sentence = error.to_string();
        assert!(sentence.contains(word), "{sentence}");
        assert!(!sentence.contains('\0'));
    }
}
