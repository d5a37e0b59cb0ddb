//! What only a server can do to background work: transactions that stay open, deadlocks, rules of
//! its administrator, and databases of before.

use std::collections::BTreeSet;

use certificate_lifecycle::store::{
    Append, Cursor, ExecuteError, InstitutionId, LeasedWork, PostgresStore, Request, StoreError,
    WorkClaim, WorkOutcome, WorkQueue, WorkSettled, WorkSettlement,
};
use certificate_lifecycle::{Action, AnyApplication, Command, Status};

use super::edit;
use crate::harness::{Harness, Postgres};
use crate::outbox_world::{LEASE, number_of};
use crate::server::client;
use crate::support::at;
use crate::world::{TestClock, act, check, engine_on, id, ours, submit, upload, worker};

const PLENTY: u32 = 10_000;

/// Looks until all was looked at.
async fn look(store: &PostgresStore) {
    while store.due_work(None).await.unwrap().has_more {}
}

async fn claim(store: &PostgresStore, seconds: i64, room: u32) -> Vec<LeasedWork> {
    let claim = WorkClaim::new(at(seconds), LEASE, vec![(ours(), room)]);
    store.claim_work(claim).await.unwrap()
}

/// What is found, and its numbers.
async fn found(store: &PostgresStore) -> Vec<u64> {
    look(store).await;
    let leased = claim(store, 0, PLENTY).await;
    leased
        .iter()
        .map(|it| number_of(it.lease.application))
        .collect()
}

fn approval(leased: &LeasedWork) -> WorkSettlement {
    let version = leased.application.as_ref().unwrap().version();
    let uuid = leased.lease.application;
    let request = Request::transition(ours(), worker(), uuid, Command::Approve).expecting(version);
    let append = Box::new(Append::new(request, at(0)));
    WorkSettlement::new(leased.lease, WorkOutcome::Done(append))
}

fn is_done(answer: &Result<WorkSettled, ExecuteError>) -> bool {
    matches!(answer, Ok(WorkSettled::Done(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_behind_a_transaction_that_stays_open() {
    let schema = Postgres::fresh().await;
    let store = schema.open().await;
    let engine = engine_on(store.clone(), &TestClock::default());
    // Given a transaction that has moved on an application, and stays open
    let mut other = client(schema.url()).await;
    let mut open = other.transaction().await.unwrap();
    let late = engine.within(&mut open).execute(upload(0)).await;
    assert!(late.is_ok(), "{late:?}");
    // When work is committed behind it, then it is found, although the feed does not show it yet
    let _ = engine.execute(upload(1)).await.unwrap();
    assert_eq!(found(&store).await, [1]);
    assert_eq!(engine.feed(Cursor::START, 10).await.unwrap(), []);
    // And so is what comes behind more of it than one look takes
    let many: Vec<_> = (2..5_002).map(upload).collect();
    for answer in engine.execute_many(many).await {
        let _ = answer.unwrap();
    }
    assert!(store.due_work(None).await.unwrap().has_more);
    assert_eq!(found(&store).await.len(), 5_000);
    let _ = engine.execute(upload(6_000)).await.unwrap();
    assert_eq!(found(&store).await, [6_000]);
    assert!(found(&store).await.is_empty());
    // When it commits, then its work is found as well, and nothing a second time
    open.commit().await.unwrap();
    assert_eq!(found(&store).await, [0]);
    assert!(found(&store).await.is_empty());
    let end = engine.feed_end().await.unwrap();
    let row = other.query_one("SELECT transaction, place FROM certlife_work_seen", &[]);
    let row = row.await.unwrap();
    let (transaction, place) = (row.get::<_, i64>(0), row.get::<_, i32>(1));
    let seen = Cursor::new(
        u64::try_from(transaction).unwrap(),
        u32::try_from(place).unwrap(),
    );
    assert_eq!(seen, end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_settle_the_same_in_opposite_orders_do_not_wait_for_each_other_for_ever() {
    let schema = Postgres::fresh().await;
    let store = schema.open().await;
    let other = schema.open().await;
    let engine = engine_on(store.clone(), &TestClock::default());
    for round in 0..5 {
        let numbers = round * 100..round * 100 + 60;
        for answer in engine.execute_many(numbers.map(upload).collect()).await {
            let _ = answer.unwrap();
        }
        look(&store).await;
        let leased = claim(&store, 0, PLENTY).await;
        assert_eq!(leased.len(), 60);
        let there: Vec<_> = leased.iter().map(approval).collect();
        // (others are put off, which is another statement's way to the same rows)
        let back = leased.iter().rev().enumerate().map(|(nth, it)| {
            if nth % 2 == 0 {
                return approval(it);
            }
            let outcome = WorkOutcome::Released {
                at: at(1_000_000),
                reason: None,
            };
            WorkSettlement::new(it.lease, outcome)
        });
        let back: Vec<_> = back.collect();
        let (mut there, back) = tokio::join!(store.settle_work(there), other.settle_work(back));
        there.reverse();
        for answers in there.iter().zip(&back) {
            let lost = |it: &Result<WorkSettled, ExecuteError>| matches!(it, Ok(WorkSettled::Lost));
            assert!(lost(answers.0) != lost(answers.1), "{answers:?}");
        }
    }
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_of_the_administrator_holds_up_its_own_settlement_alone() {
    let schema = Postgres::fresh().await;
    let store = schema.open().await;
    let engine = engine_on(store.clone(), &TestClock::default());
    for answer in engine.execute_many((0..20).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    let rule = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE 'not this one'; END$$; \
         CREATE TRIGGER dba BEFORE INSERT ON certlife_event FOR EACH ROW \
         WHEN (new.uuid = '{}') EXECUTE FUNCTION refuse()",
        id(7)
    );
    edit(&schema, &rule).await;
    look(&store).await;
    let leased = claim(&store, 0, PLENTY).await;
    let answers = store
        .settle_work(leased.iter().map(approval).collect())
        .await;
    for (leased, answer) in leased.iter().zip(&answers) {
        if leased.lease.application == id(7) {
            let is_refused = matches!(
                answer,
                Err(ExecuteError::Store(StoreError::RefusedByDatabase { .. }))
            );
            assert!(is_refused, "{answer:?}");
        } else {
            assert!(is_done(answer), "{answer:?}");
        }
    }
    // Its claim stays
    let held = leased.iter().find(|it| it.lease.application == id(7));
    let held = held.unwrap();
    let renewed = store.renew_work(vec![held.lease], at(1_000)).await;
    assert_eq!(renewed.unwrap(), [true]);
    edit(&schema, "DROP TRIGGER dba ON certlife_event").await;
    let answers = store.settle_work(vec![approval(held)]).await;
    assert!(is_done(&answers[0]), "{answers:?}");
    let again = store.settle_work(vec![approval(held)]).await;
    assert_eq!(again[0].as_ref().unwrap(), &WorkSettled::Lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn details_that_were_edited_by_hand_are_looked_at_before_work_is_settled() {
    let schema = Postgres::fresh().await;
    let store = schema.open().await;
    let engine = engine_on(store.clone(), &TestClock::default());
    for answer in engine.execute_many((0..4).map(upload).collect()).await {
        let _ = answer.unwrap();
    }
    look(&store).await;
    let leased = claim(&store, 0, PLENTY).await;
    // Given one whose details were edited well, and one whose details are none
    let edits = format!(
        "UPDATE certlife_application SET certificate_title = 'Master' WHERE uuid = '{}'; \
         UPDATE certlife_application SET applicant_email = 'none' WHERE uuid = '{}'",
        id(1),
        id(2)
    );
    edit(&schema, &edits).await;
    let answers = store
        .settle_work(leased.iter().map(approval).collect())
        .await;
    // Then only that one is not settled, and its claim stays
    for (leased, answer) in leased.iter().zip(&answers) {
        let is_corrupt = matches!(answer, Err(ExecuteError::Store(StoreError::Corrupt { .. })));
        let is_bad = leased.lease.application == id(2);
        assert_eq!(
            (is_bad, !is_bad),
            (is_corrupt, is_done(answer)),
            "{answer:?}"
        );
        let renewed = store.renew_work(vec![leased.lease], at(1_000)).await;
        assert_eq!(renewed.unwrap(), [is_bad]);
    }
    // And the next claim reports it
    let again = claim(&store, 2_000, PLENTY).await;
    assert_eq!(again.len(), 1);
    assert!(matches!(
        again[0].application,
        Err(StoreError::Corrupt { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_before_has_its_work() {
    let schema = Postgres::fresh().await;
    edit(&schema, include_str!("../migrations/postgres-6.sql")).await;
    let store = schema.open().await;
    let engine = engine_on(store.clone(), &TestClock::default());
    let _ = engine.execute(submit(100)).await.unwrap();
    let _ = engine
        .execute(act(100, Action::BeginProcessing))
        .await
        .unwrap();
    look(&store).await;
    let leased = claim(&store, 0, PLENTY).await;
    let seen = check(&engine).await;
    let in_progress = seen.lists[0].iter();
    let in_progress = in_progress.filter(|it| it.is_in_progress());
    let expected: BTreeSet<_> = in_progress.map(AnyApplication::uuid).collect();
    let claimed: BTreeSet<_> = leased.iter().map(|it| it.lease.application).collect();
    assert_eq!(claimed, expected);
    assert!(expected.len() > 2);
    let backlog = store.work_backlog(None).await.unwrap();
    let counted: Vec<(&InstitutionId, u64, u64)> = backlog
        .iter()
        .map(|it| (&it.institution, it.waiting, it.under_way))
        .collect();
    let under_way = u64::try_from(expected.len()).unwrap();
    assert_eq!(counted, [(&ours(), 0, under_way)]);
    for answer in store
        .settle_work(leased.iter().map(approval).collect())
        .await
    {
        assert!(is_done(&answer), "{answer:?}");
    }
    let loaded = engine.load(&ours(), id(100)).await.unwrap().unwrap();
    assert_eq!(loaded.status(), Status::Approved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_on_an_earlier_version_is_over_although_nothing_is_left_of_it() {
    let schema = Postgres::fresh().await;
    let store = schema.open().await;
    let engine = engine_on(store.clone(), &TestClock::default());
    let _ = engine.execute(upload(0)).await.unwrap();
    look(&store).await;
    let first = claim(&store, 0, PLENTY).await;
    // Given that the application has moved on, a claim has noticed, and it is in progress again
    let _ = engine.execute(act(0, Action::Fail)).await.unwrap();
    assert!(claim(&store, 1_000, PLENTY).await.is_empty());
    let _ = engine.execute(act(0, Action::Retry)).await.unwrap();
    look(&store).await;
    let second = claim(&store, 1_000, PLENTY).await;
    assert_eq!((first.len(), second.len(), second[0].attempt), (1, 1, 1));
    // Then the old lease holds nothing
    assert!(first[0].lease.token < second[0].lease.token);
    let renewed = store.renew_work(vec![first[0].lease, second[0].lease], at(2_000));
    assert_eq!(renewed.await.unwrap(), [false, true]);
    let settled = store.settle_work(vec![approval(&first[0])]).await;
    assert_eq!(settled[0].as_ref().unwrap(), &WorkSettled::Lost);
}
