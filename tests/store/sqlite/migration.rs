//! A database of every earlier version is upgraded, and goes on.

use std::path::Path;

use certificate_lifecycle::store::SqliteStore;

use super::{edit, engine, file_with_every_kind, no_file};
use crate::world::{check, goes_on};

/// The databases that earlier versions left: each with one of every kind of application, as
/// `file_with_every_kind` makes them.
const EARLIER: [&str; 3] = [
    include_str!("../migrations/sqlite-1.sql"),
    include_str!("../migrations/sqlite-2.sql"),
    include_str!("../migrations/sqlite-3.sql"),
];

fn version(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn every_earlier_version_is_upgraded_and_goes_on() {
    let today = file_with_every_kind().await;
    let expected = check(&engine(&today.path())).await;
    let newest = version(&today.path());
    assert_eq!(
        i64::try_from(EARLIER.len()).unwrap() + 1,
        newest,
        "a version has no database to try"
    );
    for (sql, earlier) in EARLIER.iter().zip(1..) {
        // Given a database of an earlier version
        let file = no_file().await;
        edit(&file.path(), sql);
        assert_eq!(version(&file.path()), earlier);
        // When it is opened
        let engine = engine(&file.path());
        // Then it is of the newest version, with everything in it
        assert_eq!(version(&file.path()), newest);
        assert_eq!(check(&engine).await, expected);
        goes_on(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_upgrade_at_once() {
    for _ in 0..10 {
        let file = no_file().await;
        edit(&file.path(), EARLIER[0]);
        let stores: Vec<_> = (0..8)
            .map(|_| file.path())
            .map(|path| std::thread::spawn(move || SqliteStore::open(path)))
            .collect();
        for store in stores {
            store.join().unwrap().unwrap();
        }
        assert_eq!(check(&engine(&file.path())).await.lists[0].len(), 10);
    }
}
