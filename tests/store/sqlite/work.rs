//! Background work in a file: what only SQLite does.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Append, DueWork, ExecuteError, Filter, LeasedWork, ListOrder, Request, SqliteStore, Store,
    StoreError, WorkClaim, WorkOutcome, WorkQueue, WorkSettled, WorkSettlement,
};
use certificate_lifecycle::{Action, AnyApplication, Command, Source, Status};
use rusqlite::Connection;
use uuid::Uuid;

use super::migration::EARLIER;
use super::{edit, file_with_every_kind, no_file};
use crate::harness::Sqlite;
use crate::support::at;
use crate::world::{
    OURS, TestClock, act, bring, check, engine_on, id, key, ours, submit, theirs, upload,
    whole_list, worker,
};

const LEASE: Duration = Duration::from_secs(60);

/// A file with so many applications in progress, and an engine on it.
async fn in_progress(applications: u64) -> (Sqlite, Engine<SqliteStore>) {
    let file = no_file().await;
    let engine = super::engine(&file.path());
    for number in 0..applications {
        let _ = engine.execute(upload(number)).await.unwrap();
    }
    (file, engine)
}

fn claim(room: u32) -> WorkClaim {
    WorkClaim::new(at(10), LEASE, vec![(ours(), room), (theirs(), room)])
}

/// Finds and claims all that is due.
async fn claimed(store: &SqliteStore) -> Vec<LeasedWork> {
    assert!(!store.due_work(None).await.unwrap().has_more);
    store.claim_work(claim(100)).await.unwrap()
}

fn approval(leased: &LeasedWork) -> WorkSettlement {
    let version = leased.application.as_ref().unwrap().version();
    let request = Request::transition(
        leased.institution.clone(),
        worker(),
        leased.lease.application,
        Command::Approve,
    );
    let append = Append::new(request.expecting(version), at(20));
    WorkSettlement::new(leased.lease, WorkOutcome::Done(Box::new(append)))
}

fn is_of_the_database<T: std::fmt::Debug>(answer: Result<T, impl Into<ExecuteError>>) -> String {
    match answer.map_err(Into::into) {
        Err(ExecuteError::Store(
            StoreError::Unavailable { reason, .. } | StoreError::RefusedByDatabase { reason },
        )) => reason,
        other => panic!("expected the database's reason, but it was {other:?}"),
    }
}

#[tokio::test]
async fn what_was_in_progress_in_a_file_of_an_earlier_version_is_found() {
    // Version 6 is the first that has found it itself.
    for sql in &EARLIER[..5] {
        let file = no_file().await;
        edit(&file.path(), sql);
        let store = SqliteStore::open(file.path()).unwrap();
        let engine = engine_on(store.clone(), &TestClock::default());
        let all = Filter::all();
        let list = whole_list(&engine, &ours(), &all, ListOrder::OldestFirst, 100).await;
        let is_in_progress = |it: &&AnyApplication| it.legal_actions().contains(&Action::Approve);
        let expected: BTreeSet<Uuid> = list
            .iter()
            .filter(is_in_progress)
            .map(AnyApplication::uuid)
            .collect();
        assert!(expected.len() > 2);
        let claimed = claimed(&store).await;
        let found: BTreeSet<Uuid> = claimed.iter().map(|it| it.lease.application).collect();
        assert_eq!(found, expected);
        assert!(
            claimed
                .iter()
                .all(|it| it.attempt == 1 && it.application.is_ok())
        );
        let settlements = claimed.iter().map(approval).collect();
        for settled in store.settle_work(settlements).await {
            assert!(matches!(settled, Ok(WorkSettled::Done(_))), "{settled:?}");
        }
        check(&engine).await;
    }
}

#[tokio::test]
async fn claims_in_a_file_of_an_earlier_version_are_kept() {
    let file = no_file().await;
    edit(&file.path(), EARLIER[5]);
    let store = SqliteStore::open(file.path()).unwrap();
    let applications = |leased: &[LeasedWork]| -> BTreeSet<(Uuid, u32)> {
        let each = leased.iter().map(|it| (it.lease.application, it.attempt));
        each.collect()
    };
    // What was never claimed is due, what is leased or put off is not
    let first = claimed(&store).await;
    assert_eq!(
        applications(&first),
        BTreeSet::from([(id(0), 1), (id(9), 1)])
    );
    // Later it is, and its attempts go on
    let later = WorkClaim::new(at(60), LEASE, vec![(ours(), 100)]);
    let second = store.claim_work(later).await.unwrap();
    assert_eq!(
        applications(&second),
        BTreeSet::from([(id(2), 2), (id(8), 2)])
    );
}

#[tokio::test]
async fn a_store_for_reading_only_reports_what_is_due_and_claims_nothing() {
    let file = file_with_every_kind().await;
    let reader = || SqliteStore::open_read_only(file.path()).unwrap();
    // What is to be found first is written
    let reason = is_of_the_database(reader().due_work(None).await);
    assert!(reason.contains("for reading only"), "{reason}");
    assert_eq!(reader().work_backlog(None).await.unwrap(), []);
    // What was found is read
    let store = SqliteStore::open(file.path()).unwrap();
    let due = store.due_work(None).await.unwrap();
    assert!(due.institutions[0].has_new);
    let leased = store.claim_work(claim(1)).await.unwrap().remove(0);
    let backlog = store.work_backlog(None).await.unwrap();
    assert_eq!(backlog[0].under_way, 1);
    let due = store.due_work(None).await.unwrap();
    assert_eq!(reader().due_work(None).await.unwrap(), due);
    assert_eq!(reader().due_work(Some(&ours())).await.unwrap(), due);
    assert_eq!(reader().work_backlog(None).await.unwrap(), backlog);
    // And nothing is written
    let put_off = WorkOutcome::Released {
        at: at(0),
        reason: None,
    };
    let settlements = vec![
        approval(&leased),
        WorkSettlement::new(leased.lease, put_off),
    ];
    for settled in reader().settle_work(settlements).await {
        let reason = is_of_the_database(settled);
        assert!(reason.contains("for reading only"), "{reason}");
    }
    for reason in [
        is_of_the_database(reader().claim_work(claim(1)).await),
        is_of_the_database(reader().renew_work(vec![leased.lease], at(99)).await),
    ] {
        assert!(reason.contains("for reading only"), "{reason}");
    }
    assert_eq!(store.work_backlog(None).await.unwrap(), backlog);
    assert_eq!(
        store.renew_work(vec![leased.lease], at(99)).await.unwrap(),
        [true]
    );
}

/// How many commits of others this connection has seen, in a number that changes with them.
fn commits_seen(connection: &Connection) -> i64 {
    connection
        .pragma_query_value(None, "data_version", |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn a_look_that_finds_nothing_new_writes_nothing() {
    let (file, engine) = in_progress(3).await;
    let other = Connection::open(file.path()).unwrap();
    let log = || {
        let mut log = file.path().into_os_string();
        log.push("-wal");
        std::fs::read(Path::new(&log)).unwrap()
    };
    let before = (commits_seen(&other), log());
    let store = engine.store();
    let due = store.due_work(None).await.unwrap();
    assert_ne!((commits_seen(&other), log()), before);
    // Idle, or with work that others have
    let _ = store.claim_work(claim(1)).await.unwrap();
    let before = (commits_seen(&other), log());
    for _ in 0..10 {
        let again = store.due_work(None).await.unwrap();
        assert_eq!(again.institutions.len(), due.institutions.len());
        let none = store.due_work(Some(&theirs())).await.unwrap();
        assert_eq!(none, DueWork::default());
    }
    assert_eq!((commits_seen(&other), log()), before);
    // An event of any kind is looked at once
    let _ = engine.execute(submit(100)).await.unwrap();
    let looked_at = || {
        let sql = "SELECT s.event, (SELECT max(seq) FROM certlife_event) FROM certlife_work_seen s";
        other
            .query_row(sql, [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .unwrap()
    };
    assert_eq!(looked_at(), (3, 4));
    let _ = store.due_work(None).await.unwrap();
    assert_eq!(looked_at(), (4, 4));
}

#[tokio::test]
async fn what_the_database_refuses_leaves_its_claim_and_the_others_alone() {
    let (file, engine) = in_progress(7).await;
    let store = engine.store();
    let all = claimed(store).await;
    assert_eq!(all.len(), 7);
    // Given a rule of the administrator's about two of them
    edit(
        &file.path(),
        "CREATE TRIGGER rule BEFORE INSERT ON certlife_event WHEN new.application IN (2, 5) AND new.version = 2 \
         BEGIN SELECT raise(ABORT, 'the rule'); END",
    );
    let mut commits = store.commits();
    // When all are settled at once
    let settled = store.settle_work(all.iter().map(approval).collect()).await;
    // Then only those are refused, and their claims stay
    let mut refused = Vec::new();
    for (settled, leased) in settled.into_iter().zip(&all) {
        match settled {
            Ok(WorkSettled::Done(receipt)) => {
                assert_eq!(receipt.event.uuid(), leased.lease.application);
            }
            settled => {
                assert!(is_of_the_database(settled).contains("the rule"));
                refused.push(leased);
            }
        }
    }
    let which: Vec<Uuid> = refused.iter().map(|it| it.lease.application).collect();
    assert_eq!(which, [id(1), id(4)]);
    let backlog = store.work_backlog(Some(&ours())).await.unwrap();
    assert_eq!((backlog[0].waiting, backlog[0].under_way), (0, 2));
    let leases = refused.iter().map(|it| it.lease).collect();
    assert_eq!(
        store.renew_work(leases, at(99)).await.unwrap(),
        [true, true]
    );
    check(&engine).await;
    // And followers are woken
    tokio::time::timeout(Duration::from_millis(200), commits.wait())
        .await
        .unwrap();
    // When the rule is gone, they are settled
    edit(&file.path(), "DROP TRIGGER rule");
    for settled in store
        .settle_work(refused.iter().map(|it| approval(it)).collect())
        .await
    {
        assert!(matches!(settled, Ok(WorkSettled::Done(_))), "{settled:?}");
    }
    assert_eq!(store.work_backlog(None).await.unwrap(), []);
    check(&engine).await;
}

#[tokio::test]
async fn a_claim_whose_end_the_database_refuses_leaves_no_event() {
    let (file, engine) = in_progress(2).await;
    let store = engine.store();
    let all = claimed(store).await;
    edit(
        &file.path(),
        "CREATE TRIGGER rule BEFORE DELETE ON certlife_work WHEN old.application = 1 \
         BEGIN SELECT raise(ABORT, 'the rule'); END",
    );
    let settled = store.settle_work(all.iter().map(approval).collect()).await;
    assert!(is_of_the_database(settled[0].clone()).contains("the rule"));
    assert!(
        matches!(settled[1], Ok(WorkSettled::Done(_))),
        "{settled:?}"
    );
    let versions = |number| engine.load(&OURS, id(number));
    assert_eq!(versions(0).await.unwrap().unwrap().version(), 1);
    assert_eq!(versions(1).await.unwrap().unwrap().version(), 2);
    check(&engine).await;
}

#[tokio::test]
async fn a_corrupt_application_is_claimed_and_keeps_its_lease() {
    let (file, engine) = in_progress(3).await;
    let store = engine.store();
    let sound = claimed(store).await.remove(1);
    // Given one that was damaged after it was claimed, and one before
    edit(
        &file.path(),
        "UPDATE certlife_head SET version = 9 WHERE application = 2; \
         UPDATE certlife_work SET state = 0, at = 0, token = token + 1 WHERE application = 1; \
         UPDATE certlife_application SET certificate_title = '' WHERE no = 1",
    );
    let [damaged] = &store.claim_work(claim(10)).await.unwrap()[..] else {
        panic!("one is due");
    };
    assert_eq!((damaged.lease.application, damaged.attempt), (id(0), 2));
    let application = damaged.application.clone();
    assert!(
        matches!(application, Err(StoreError::Corrupt { .. })),
        "{application:?}"
    );
    // Then what cannot be carried out leaves the claim
    let settled = store.settle_work(vec![approval(&sound)]).await;
    let corrupt = matches!(
        settled[..],
        [Err(ExecuteError::Store(StoreError::Corrupt { .. }))]
    );
    assert!(corrupt, "{settled:?}");
    let leases = vec![damaged.lease, sound.lease];
    assert_eq!(
        store.renew_work(leases, at(99)).await.unwrap(),
        [true, true]
    );
    // And one without identity is an error when there is nothing else
    edit(
        &file.path(),
        "UPDATE certlife_work SET state = 0, at = 0, token = token + 1 WHERE application IN (1, 3); \
         UPDATE certlife_application SET uuid = x'00' WHERE no = 1",
    );
    let claimed = store.claim_work(claim(10)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].lease.application, id(2));
    edit(
        &file.path(),
        "UPDATE certlife_work SET state = 0, at = 0 WHERE application = 1",
    );
    let error = store.claim_work(claim(10)).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn rows_of_what_has_moved_on_are_cleared_away_in_steps() {
    let (file, engine) = in_progress(1).await;
    let store = engine.store();
    let _ = store.due_work(None).await.unwrap();
    // Given more of them than one claim deletes, before the one that is in progress
    edit(
        &file.path(),
        "WITH RECURSIVE n (no) AS (SELECT 2 UNION ALL SELECT no + 1 FROM n WHERE no < 2001) \
         INSERT INTO certlife_work SELECT no, 1, 0, 1, 0, 0, 0, 0, 0, NULL FROM n",
    );
    let rows = || {
        let connection = Connection::open(file.path()).unwrap();
        let sql = "SELECT count(*) FROM certlife_work";
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(rows(), 2001);
    assert_eq!(store.claim_work(claim(1)).await.unwrap().len(), 0);
    assert_eq!(rows(), 2001 - 1024);
    assert_eq!(store.claim_work(claim(1)).await.unwrap().len(), 1);
    assert_eq!(rows(), 1);
}

#[tokio::test]
async fn a_refusal_is_remembered_by_its_key_and_ends_the_claim() {
    let file = no_file().await;
    let engine = super::engine(&file.path());
    for request in bring(0, Status::Processing, Source::Customer).unwrap() {
        let _ = engine.execute(request).await.unwrap();
    }
    let store = engine.store();
    let leased = claimed(store).await.remove(0);
    let _ = engine.execute(act(0, Action::Fail)).await.unwrap();
    let settlement = || {
        let mut settlement = approval(&leased);
        if let WorkOutcome::Done(append) = &mut settlement.outcome {
            append.request.idempotency_key = Some(key("processing"));
        }
        settlement
    };
    let settled = store.settle_work(vec![settlement()]).await;
    let refused = matches!(settled[..], [Err(ExecuteError::Refused(_))]);
    assert!(refused, "{settled:?}");
    assert_eq!(store.work_backlog(None).await.unwrap(), []);
    let settled = store.settle_work(vec![settlement()]).await;
    assert!(
        matches!(settled[..], [Ok(WorkSettled::Lost)]),
        "{settled:?}"
    );
    let connection = Connection::open(file.path()).unwrap();
    let sql = "SELECT refused IS NOT NULL FROM certlife_idempotency WHERE key = 'processing'";
    assert!(
        connection
            .query_row(sql, [], |row| row.get::<_, bool>(0))
            .unwrap()
    );
    check(&engine).await;
}
