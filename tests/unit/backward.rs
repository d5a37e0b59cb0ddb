//! How SQLite reads the feed backward: asked of it.
//!
//! This is a module of `src/store/sqlite/read.rs`, since no public item leads to the statement.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;
use crate::store::SqliteStore;

#[test]
fn the_feed_backward_goes_along_the_events_and_sorts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("certlife.db");
    drop(SqliteStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {BACKWARD}");
    let parameters: [&dyn ToSql; 3] = [&i64::MAX, &1, &0];
    let steps = ask(&connection, &explain, &parameters, |row| {
        Ok(row.get::<_, String>(3).unwrap())
    });
    let steps = steps.unwrap().into_iter();
    let steps: Vec<_> = steps.map(|it| it.replace(" LEFT-JOIN", "")).collect();
    let expected = [
        "SEARCH e USING INTEGER PRIMARY KEY (rowid<?)",
        "SEARCH h USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH i USING INTEGER PRIMARY KEY (rowid=?)",
    ];
    assert_eq!(steps, expected);
}
