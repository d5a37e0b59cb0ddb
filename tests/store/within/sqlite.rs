//! Transactions of `rusqlite`.

use std::path::Path;

use certificate_lifecycle::engine::{Engine, ScopedCommand};
use certificate_lifecycle::store::within::Joins;
use certificate_lifecycle::store::{AnyStore, MemoryStore, SqliteStore, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Call, is_to_be_repeated};
use crate::receipts::{are_in, several};
use crate::world::*;

fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(60))
        .unwrap();
    connection
}

fn begin(connection: &mut Connection) -> Transaction<'_> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap()
}

pub(super) fn serve(path: &Path, store: &SqliteStore, mut waiting: mpsc::UnboundedReceiver<Call>) {
    let mut connection = connect(path);
    while let Some(call) = waiting.blocking_recv() {
        let transaction = begin(&mut connection);
        let answers = transaction.append_to(store, &call);
        // An error may have befallen the file, and then it befalls each try.
        if is_to_be_repeated(&answers) {
            transaction.rollback().unwrap();
        } else {
            transaction.commit().unwrap();
            certificate_lifecycle::store::Store::wake(store);
        }
        let _ = call.answers.send(answers);
    }
}

trait AppendTo {
    fn append_to(&self, store: &SqliteStore, call: &Call) -> super::Answers;
}

impl AppendTo for Transaction<'_> {
    fn append_to(&self, store: &SqliteStore, call: &Call) -> super::Answers {
        let (store, batch) = (store.clone(), call.batch.clone());
        Joins::append(self, store, batch, call.atomicity, |answers| answers)
    }
}

/// A file with a table of the backend's, an engine on it, and a connection of the backend's.
fn issuer() -> (TempDir, Engine<SqliteStore>, Connection) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("issuer.db");
    let engine = engine_on(SqliteStore::open(&path).unwrap(), &TestClock::default());
    let connection = connect(&path);
    connection
        .execute("CREATE TABLE certificate (uuid TEXT, serial INTEGER)", [])
        .unwrap();
    (folder, engine, connection)
}

fn count(connection: &Connection) -> i64 {
    let sql = "SELECT count(*) FROM certificate";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn both_are_committed_or_neither_is() {
    let (_folder, engine, mut connection) = issuer();
    engine.execute(upload(1)).await.unwrap();
    let worker = worker();
    let background = engine.scope(&OURS, &worker);
    for is_committed in [false, true] {
        let transaction = begin(&mut connection);
        let approval = background.approve(id(1));
        let receipt = approval.within(&transaction).unwrap();
        assert_eq!(receipt.event.version(), 2);
        let row = (id(1).to_string(), 7);
        transaction
            .execute("INSERT INTO certificate VALUES (?1, ?2)", row)
            .unwrap();
        if is_committed {
            transaction.commit().unwrap();
        } else {
            transaction.rollback().unwrap();
        }
        let application = engine.load(&OURS, id(1)).await.unwrap().unwrap();
        assert_eq!(application.version(), 1 + u64::from(is_committed));
        assert_eq!(count(&connection), i64::from(is_committed));
    }
    // The store's own writer sees what was committed beside it.
    let again = background.approve(id(1)).await;
    assert_eq!(again.unwrap_err().code(), "illegal_transition");
}

#[tokio::test]
async fn what_is_refused_leaves_the_transaction_as_it_was() {
    let (_folder, engine, mut connection) = issuer();
    engine.execute(upload(1)).await.unwrap();
    let transaction = begin(&mut connection);
    let row = (id(1).to_string(), 7);
    transaction
        .execute("INSERT INTO certificate VALUES (?1, ?2)", row)
        .unwrap();
    let (jane, worker) = (jane(), worker());
    let office = engine.scope(&OURS, &jane);
    let forbidden = office.approve(id(1)).within(&transaction);
    assert_eq!(forbidden.unwrap_err().code(), "forbidden");
    let illegal = office.retry(id(1)).within(&transaction);
    assert_eq!(illegal.unwrap_err().code(), "illegal_transition");
    let all = vec![
        office.upload(details(2), certificate_lifecycle::VaultUpload::Single),
        office.retry(id(1)),
    ];
    let all = all.into_iter().map(ScopedCommand::into_request).collect();
    let codes = engine.within(&transaction).execute_all(all);
    let codes: Vec<_> = codes.into_iter().map(|it| it.unwrap_err().code()).collect();
    assert_eq!(codes, ["abandoned", "illegal_transition"]);
    let approval = engine.scope(&OURS, &worker).approve(id(1));
    approval.within(&transaction).unwrap();
    transaction.commit().unwrap();
    assert_eq!(count(&connection), 1);
    assert!(engine.load(&OURS, id(2)).await.unwrap().is_none());
    assert_eq!(engine.history(&OURS, id(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_receipt_has_the_place_that_the_feed_gives_after_the_commit() {
    let (_folder, engine, mut connection) = issuer();
    let mut receipts = vec![engine.execute(upload(100)).await.unwrap()];
    // What is rolled back leaves its places to others.
    let transaction = begin(&mut connection);
    engine.within(&transaction).execute(upload(101)).unwrap();
    transaction.rollback().unwrap();
    let transaction = begin(&mut connection);
    receipts.push(engine.within(&transaction).execute(upload(102)).unwrap());
    for (number, all) in [(0, false), (10, true)] {
        let call = engine.within(&transaction);
        let answers = if all {
            call.execute_all(several(number))
        } else {
            call.execute_many(several(number))
        };
        receipts.extend(answers.into_iter().map(Result::unwrap));
    }
    transaction.commit().unwrap();
    let feed = whole_feed(&engine, 22).await;
    assert_eq!((feed.len(), receipts.len()), (22, 22));
    are_in(&feed, &receipts);
}

#[tokio::test]
async fn a_savepoint_takes_its_commands_back() {
    let (_folder, engine, mut connection) = issuer();
    engine.execute(upload(1)).await.unwrap();
    let mut transaction = begin(&mut connection);
    for number in [2, 3, 4] {
        let mut savepoint = transaction.savepoint().unwrap();
        engine.within(&savepoint).execute(upload(number)).unwrap();
        if number == 3 {
            savepoint.rollback().unwrap();
        }
        savepoint.commit().unwrap();
    }
    transaction.commit().unwrap();
    let feed = engine.feed(certificate_lifecycle::store::Cursor::START, 10);
    let uuids: Vec<_> = feed
        .await
        .unwrap()
        .iter()
        .map(|it| it.event.uuid())
        .collect();
    assert_eq!(uuids, [id(1), id(2), id(4)]);
}

#[tokio::test]
async fn a_transaction_elsewhere_is_refused_with_both_places() {
    let (_folder, engine, _) = issuer();
    let (_other_folder, _, mut other) = issuer();
    let mut memory = Connection::open_in_memory().unwrap();
    for connection in [&mut other, &mut memory] {
        let place = connection.path().unwrap_or_default().to_owned();
        let transaction = begin(connection);
        let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
        assert_eq!(refused.code(), "misconfigured");
        assert!(refused.to_string().contains(&place), "{refused}");
        assert!(refused.to_string().contains("issuer.db"), "{refused}");
    }
    assert!(engine.load(&OURS, id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_file_by_another_name_is_refused_where_it_would_have_another_log() {
    let (folder, engine, _) = issuer();
    let path = folder.path().join("issuer.db");
    let (link, hard) = (folder.path().join("link.db"), folder.path().join("hard.db"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    std::fs::hard_link(&path, &hard).unwrap();
    let mut connection = connect(&link);
    let transaction = begin(&mut connection);
    engine.within(&transaction).execute(upload(1)).unwrap();
    transaction.commit().unwrap();
    let mut connection = Connection::open(&hard).unwrap();
    let transaction = connection.transaction().unwrap();
    let refused = engine.within(&transaction).execute(upload(2)).unwrap_err();
    assert_eq!(refused.code(), "misconfigured", "{refused}");
}

#[tokio::test]
async fn a_log_that_was_moved_is_noticed() {
    let (folder, engine, mut connection) = issuer();
    let log = folder.path().join("issuer.db-wal");
    std::fs::rename(&log, folder.path().join("elsewhere")).unwrap();
    let transaction = begin(&mut connection);
    let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
    assert!(refused.to_string().contains("issuer.db-wal"), "{refused}");
    drop(transaction);
    std::fs::rename(folder.path().join("elsewhere"), &log).unwrap();
    let transaction = begin(&mut connection);
    engine.within(&transaction).execute(upload(1)).unwrap();
}

#[tokio::test]
async fn a_temporary_table_of_a_name_of_the_stores_hides_nothing() {
    let (_folder, engine, mut connection) = issuer();
    for kind in [
        "TABLE CertLife_Event (seq)",
        "VIEW certlife_head AS SELECT 1",
    ] {
        connection
            .execute_batch(&format!("CREATE TEMPORARY {kind}"))
            .unwrap();
        let transaction = begin(&mut connection);
        let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
        assert_eq!(refused.code(), "misconfigured", "{refused}");
        assert!(refused.to_string().contains("hides"), "{refused}");
        drop(transaction);
        let _ = connection.execute_batch("DROP TABLE temp.certlife_event");
    }
}

#[tokio::test]
async fn a_savepoint_of_the_same_name_is_the_backends_own() {
    let (_folder, engine, mut connection) = issuer();
    let transaction = begin(&mut connection);
    transaction
        .execute_batch("SAVEPOINT certlife_within; INSERT INTO certificate VALUES ('a', 1)")
        .unwrap();
    // While a statement writes, SQLite opens no savepoint.
    let sql = "INSERT INTO certificate VALUES ('b', 2), ('c', 3) RETURNING serial";
    let mut statement = transaction.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap().unwrap();
    let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
    assert_eq!(refused.code(), "unavailable", "{refused}");
    while rows.next().unwrap().is_some() {}
    drop(rows);
    drop(statement);
    assert_eq!(count(&transaction), 3);
    engine.within(&transaction).execute(upload(1)).unwrap();
    transaction.commit().unwrap();
    assert!(engine.load(&OURS, id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_of_any_kind_takes_transactions_of_its_own_kind_only() {
    let (folder, _, mut connection) = issuer();
    let store = SqliteStore::open(folder.path().join("issuer.db")).unwrap();
    let transaction = begin(&mut connection);
    let engine = Engine::new(AnyStore::Sqlite(store));
    engine.within(&transaction).execute(upload(1)).unwrap();
    let engine = Engine::new(AnyStore::Memory(MemoryStore::new()));
    let refused = engine.within(&transaction).execute(upload(2)).unwrap_err();
    assert_eq!(refused.code(), "misconfigured");
}

#[tokio::test]
async fn a_transaction_that_is_over_takes_no_commands() {
    let (_folder, engine, mut connection) = issuer();
    let transaction = begin(&mut connection);
    transaction.execute_batch("COMMIT").unwrap();
    let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
    assert!(refused.to_string().contains("is over"), "{refused}");
    assert!(engine.load(&OURS, id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_transaction_that_cannot_have_the_lock_learns_how_to_begin() {
    let (folder, engine, mut connection) = issuer();
    let mut other = connect(&folder.path().join("issuer.db"));
    // It has read, and another has written since.
    let transaction = connection.transaction().unwrap();
    assert_eq!(count(&transaction), 0);
    let written = begin(&mut other);
    written
        .execute("INSERT INTO certificate VALUES ('', 1)", [])
        .unwrap();
    written.commit().unwrap();
    let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
    assert!(matches!(
        refused,
        certificate_lifecycle::store::ExecuteError::Store(StoreError::Unavailable { .. })
    ));
    assert!(refused.to_string().contains("Immediate"), "{refused}");
    drop(transaction);
    let none: Option<i64> = connection
        .query_row(
            "SELECT serial FROM certificate WHERE uuid = 'x'",
            [],
            |row| row.get(0),
        )
        .optional()
        .unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn an_error_within_a_command_leaves_nothing_of_it() {
    let (_folder, engine, mut connection) = issuer();
    connection
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON certlife_head BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let transaction = begin(&mut connection);
    let row = (id(1).to_string(), 7);
    transaction
        .execute("INSERT INTO certificate VALUES (?1, ?2)", row)
        .unwrap();
    let refused = engine.within(&transaction).execute(upload(1)).unwrap_err();
    assert_eq!(refused.code(), "refused_by_database");
    transaction.execute_batch("DROP TRIGGER no").unwrap();
    engine.within(&transaction).execute(upload(1)).unwrap();
    transaction.commit().unwrap();
    assert_eq!(count(&connection), 1);
    assert_eq!(engine.history(&OURS, id(1)).await.unwrap().len(), 1);
}
