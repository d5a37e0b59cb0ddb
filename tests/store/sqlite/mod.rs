//! What only a file can do to a store.

mod corrupt;
mod damaged;
mod faults;
mod files;
mod migration;
#[cfg(unix)]
mod moved;
mod opening;
mod outbox;
mod places;
mod read_only;
mod work;

use std::path::Path;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::SqliteStore;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use crate::harness::{Harness, Sqlite};
use crate::world::{TestClock, World, engine_on};

/// An engine on this file, at the time of the reference payloads.
fn engine(path: &Path) -> Engine<SqliteStore> {
    engine_on(SqliteStore::open(path).unwrap(), &TestClock::default())
}

/// A file with one of each of the ten kinds of application, closed again. Every command had a key:
/// the number of the application and of the version.
async fn file_with_every_kind() -> Sqlite {
    let world = World::<Sqlite>::new().await;
    world.every_kind_with_keys().await;
    world.harness
}

/// Everything that the file says, row by row.
fn dump(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut rows = Vec::new();
    for name in names {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {name} ORDER BY 1"))
            .unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values = (0..columns).map(|it| match row.get_ref(it).unwrap() {
                // A test may have written one that is no text.
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                other => other.try_into().unwrap(),
            });
            let values: Vec<Value> = values.collect();
            rows.push(format!("{name} {values:?}"));
        }
    }
    rows
}

/// Edits the file by hand.
fn edit(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// A place for a file, and none there.
async fn no_file() -> Sqlite {
    Sqlite::fresh().await
}
