//! A database of every earlier version is upgraded, and goes on.

use std::path::Path;
use std::time::Duration;

use certificate_lifecycle::store::{
    Claim, DeliveryFilter, DeliveryId, DeliveryStatus, Migration, MigrationKind, MigrationStep,
    Outbox, Setup, SqliteOptions, SqliteStore, StoreError,
};

use super::{edit, engine, file_with_every_kind, no_file};
use crate::outbox_world::{at_ms, endpoint, hook};
use crate::support::at;
use crate::world::{TestClock, check, engine_on, goes_on, ours, submit};

/// The databases that earlier versions left: each with one of every kind of application, as
/// `file_with_every_kind` makes them.
pub const EARLIER: [&str; 9] = [
    include_str!("../migrations/sqlite-1.sql"),
    include_str!("../migrations/sqlite-2.sql"),
    include_str!("../migrations/sqlite-3.sql"),
    include_str!("../migrations/sqlite-4.sql"),
    include_str!("../migrations/sqlite-5.sql"),
    include_str!("../migrations/sqlite-6.sql"),
    include_str!("../migrations/sqlite-7.sql"),
    include_str!("../migrations/sqlite-8.sql"),
    include_str!("../migrations/sqlite-9.sql"),
];

/// The newest version.
const NEWEST: i64 = 10;

/// The version of the tables: in a table of its own, or in the header as up to version 4.
fn version(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT version FROM certlife_schema";
    let version = connection.query_row(sql, [], |row| row.get(0));
    version.unwrap_or_else(|_| {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    })
}

/// The tables and indexes as they are, however they came to be so.
fn shape(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT t.name || ' ' || t.type || ' ' || t.wr || t.strict || ' ' || group_concat(c.name || ' ' || \
                   c.type || ' ' || c.\"notnull\" || c.pk || c.hidden || ifnull(c.dflt_value, '')) \
               FROM pragma_table_list t, pragma_table_xinfo(t.name) c \
               WHERE t.schema = 'main' GROUP BY t.name UNION ALL \
               SELECT m.name || ' ' || i.origin || i.\"unique\" || i.partial || ' ' || \
                   group_concat(c.name || ' ' || c.coll || c.desc || c.key) || ' ' || \
                   ifnull(substr(m.sql, instr(m.sql, ' WHERE ')), '') \
               FROM sqlite_schema m, pragma_index_list(m.tbl_name) i, pragma_index_xinfo(m.name) c \
               WHERE m.type = 'index' AND i.name = m.name GROUP BY m.name ORDER BY 1";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0));
    rows.unwrap()
        .map(|it| it.unwrap().unwrap_or_default())
        .collect()
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
        // And its tables are those of a new store
        assert_eq!(shape(&file.path()), shape(&today.path()), "{earlier}");
        assert!(shape(&file.path()).len() > 15);
        // And the header is free for the tools of others
        let connection = rusqlite::Connection::open(file.path()).unwrap();
        for pragma in ["user_version", "application_id"] {
            let value: i64 = connection
                .pragma_query_value(None, pragma, |row| row.get(0))
                .unwrap();
            assert_eq!(value, 0, "{pragma}");
        }
    }
}

#[tokio::test]
async fn no_opening_upgrades_that_was_not_to() {
    for (sql, earlier) in EARLIER.iter().zip(1..) {
        let file = no_file().await;
        edit(&file.path(), sql);
        let options = |setup| SqliteOptions::default().with_setup(setup);
        let kept = SqliteStore::open_with(file.path(), options(Setup::Keep));
        for refused in [kept, SqliteStore::open_read_only(file.path())] {
            let error = refused.unwrap_err();
            let said = matches!(error, StoreError::OlderSchema { found, needed: NEWEST } if found == earlier);
            assert!(said, "{error:?}");
            assert!(error.is_lasting());
        }
        assert_eq!(version(&file.path()), earlier);
        let upgraded = SqliteStore::open_with(file.path(), options(Setup::Upgrade));
        drop(upgraded.unwrap());
        assert_eq!(version(&file.path()), NEWEST);
    }
}

#[tokio::test]
async fn webhooks_deliveries_and_attempts_are_kept() {
    for sql in &EARLIER[3..] {
        let file = no_file().await;
        edit(&file.path(), sql);
        let store = SqliteStore::open(file.path()).unwrap();
        let [webhook] = &store.webhooks(None).await.unwrap()[..] else {
            panic!("one is there, and one was removed");
        };
        assert_eq!((webhook.id, &webhook.institution), (hook(1), &ours()));
        assert_eq!(webhook.endpoint, endpoint(1));
        assert_eq!(webhook.health.failing_since, Some(at_ms(500)));
        let page = store.deliveries(None, DeliveryFilter::default(), None, 100);
        let deliveries = page.await.unwrap().deliveries;
        let states: Vec<_> = deliveries
            .iter()
            .map(|it| (it.id.0, it.status, it.version, it.attempts))
            .collect();
        let pending = DeliveryStatus::Pending;
        assert_eq!(
            states,
            [
                (1, DeliveryStatus::Delivered, 1, 1),
                (2, DeliveryStatus::Dead, 1, 1),
                (3, pending, 1, 1),
                (4, pending, 2, 0),
            ]
        );
        assert_eq!(deliveries[1].reason.as_deref(), Some("it was refused"));
        for it in &deliveries {
            let attempts = store.attempts(&ours(), it.id).await.unwrap();
            assert_eq!(attempts.len(), usize::try_from(it.attempts).unwrap());
        }
        // What is claimed is what is due, and numbers go on where they were.
        let claim = Claim::new(at(10), Duration::from_secs(60), vec![(hook(1), 10)]);
        let claimed = store.claim(claim).await.unwrap().deliveries;
        assert_eq!(claimed.iter().map(|it| it.id.0).collect::<Vec<_>>(), [3]);
        let engine = engine_on(store.clone(), &TestClock::default());
        let _ = engine.execute(submit(100)).await.unwrap();
        let page = store.deliveries(None, DeliveryFilter::default(), Some(DeliveryId(4)), 100);
        assert_eq!(page.await.unwrap().deliveries[0].id, DeliveryId(13));
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

#[tokio::test]
async fn what_is_in_the_way_of_an_upgrade_is_named() {
    let file = no_file().await;
    edit(&file.path(), EARLIER[3]);
    // Given a view of a backend's own that is broken: SQLite renames no table beside it
    edit(&file.path(), "CREATE VIEW broken AS SELECT * FROM gone");
    let error = SqliteStore::open(file.path()).unwrap_err();
    assert_eq!(error.code(), "misconfigured", "{error}");
    let words = "cannot be upgraded to schema version 10";
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.to_string().contains("view broken"), "{error}");
    assert_eq!(version(&file.path()), 4);
    // When that is put right, it is
    edit(&file.path(), "DROP VIEW broken");
    drop(SqliteStore::open(file.path()).unwrap());
    assert_eq!(version(&file.path()), NEWEST);
}

#[tokio::test]
async fn a_migration_says_what_it_does() {
    let step = |version| MigrationStep::new(version, MigrationKind::Contraction, version);
    for (sql, earlier) in EARLIER.iter().zip(1..) {
        let file = no_file().await;
        edit(&file.path(), sql);
        let before = std::fs::read(file.path()).unwrap();
        let expected = Migration::new(
            Some(earlier),
            NEWEST,
            (earlier + 1..=NEWEST).map(step).collect(),
        );
        let options = SqliteOptions::default();
        let pending = SqliteStore::pending_migration(file.path(), options.clone());
        assert_eq!(pending.unwrap(), expected);
        assert_eq!(std::fs::read(file.path()).unwrap(), before);
        let done = SqliteStore::migrate(file.path(), options.clone());
        assert_eq!(done.unwrap(), expected);
        let again = SqliteStore::migrate(file.path(), options.clone()).unwrap();
        assert_eq!(
            (again.from, again.to, again.steps.len()),
            (Some(NEWEST), NEWEST, 0)
        );
        let pending = SqliteStore::pending_migration(file.path(), options).unwrap();
        assert_eq!(pending, again);
        check(&engine(&file.path())).await;
    }
}

#[tokio::test]
async fn a_file_is_made_by_who_wants_one() {
    let file = no_file().await;
    for setup in [Setup::Upgrade, Setup::Keep] {
        let options = SqliteOptions::default().with_setup(setup);
        for answer in [
            SqliteStore::pending_migration(file.path(), options.clone()),
            SqliteStore::migrate(file.path(), options),
        ] {
            assert!(
                matches!(answer, Err(StoreError::NoStore { .. })),
                "{answer:?}"
            );
        }
    }
    let options = SqliteOptions::default();
    let pending = SqliteStore::pending_migration(file.path(), options.clone()).unwrap();
    assert!(!file.path().exists());
    let [step] = pending.steps[..] else {
        panic!("{pending:?}")
    };
    assert_eq!((pending.from, pending.to), (None, NEWEST));
    assert_eq!((step.version, step.kind), (NEWEST, MigrationKind::Creation));
    let done = SqliteStore::migrate(file.path(), options).unwrap();
    assert_eq!(done, pending);
    let _ = SqliteStore::open_read_only(file.path()).unwrap();
}
