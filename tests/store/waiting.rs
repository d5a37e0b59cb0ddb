//! Waiting for the end of an application.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::{AnyApplication, Command, ProcessingError, RejectionReason, Status};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::harness::Harness;
use crate::world::*;

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(60);

/// So that a call waits by then.
const MOMENT: Duration = Duration::from_millis(30);

fn error() -> ProcessingError {
    ProcessingError::new("template not found").unwrap()
}

pub async fn each_end_is_waited_for<H: Harness>() {
    let world = World::<H>::new().await;
    let reason = RejectionReason::new("Duplicate certificate").unwrap();
    let ends = [
        (
            vec![Command::BeginProcessing, Command::Approve],
            Status::Approved,
        ),
        (vec![Command::Reject(reason)], Status::Rejected),
        (
            vec![Command::BeginProcessing, Command::Fail(error())],
            Status::Failed,
        ),
    ];
    for (number, (commands, status)) in (1..).zip(ends) {
        world.engine.execute(submit(number)).await.unwrap();
        let engine = world.engine.clone();
        let waiting = tokio::spawn(async move {
            engine
                .await_final(&OURS, id(number), LONG)
                .await
                .unwrap()
                .unwrap()
        });
        for command in commands {
            sleep(MOMENT).await;
            assert!(!waiting.is_finished());
            let actor = actor_of(command.action());
            let act = world.engine.scope(&OURS, &actor).act(id(number), command);
            act.await.unwrap();
        }
        let ended = timeout(LONG, waiting).await.unwrap().unwrap();
        let loaded = world.engine.load(&OURS, id(number)).await.unwrap().unwrap();
        assert_eq!((ended.status(), &ended), (status, &loaded));
    }
}

pub async fn what_has_ended_already_is_answered_at_once<H: Harness>() {
    let world = World::<H>::new().await;
    world.engine.execute(upload(1)).await.unwrap();
    let (worker, jane) = (worker(), jane());
    let (background, office) = (
        world.engine.scope(&OURS, &worker),
        world.engine.scope(&OURS, &jane),
    );
    background.fail(id(1), error()).await.unwrap();
    let failed = world.engine.await_final(&OURS, id(1), LONG).await.unwrap();
    assert_eq!(failed.unwrap().status(), Status::Failed);
    // Until it is retried.
    office.retry(id(1)).await.unwrap();
    let start = Instant::now();
    let retried = world
        .engine
        .await_final(&OURS, id(1), MOMENT)
        .await
        .unwrap();
    assert_eq!(retried.unwrap().status(), Status::Retried);
    assert!(start.elapsed() >= MOMENT);
}

pub async fn what_the_institution_does_not_have_is_not_waited_for<H: Harness>() {
    let world = World::<H>::new().await;
    world.engine.execute(upload(1)).await.unwrap();
    for (institution, number) in [(theirs(), 1), (ours(), 2)] {
        let none = world
            .engine
            .await_final(&institution, id(number), LONG)
            .await;
        assert_eq!(none.unwrap(), None);
    }
}

pub async fn an_end_through_another_handle_is_noticed<H: Harness>() {
    let world = World::<H>::new().await;
    world.engine.execute(upload(1)).await.unwrap();
    let other = world.another().await;
    let waiting = tokio::spawn(async move { other.await_final(&OURS, id(1), LONG).await });
    sleep(MOMENT).await;
    let worker = worker();
    world
        .engine
        .scope(&OURS, &worker)
        .approve(id(1))
        .await
        .unwrap();
    let ended = timeout(LONG, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(ended.unwrap().status(), Status::Approved);
}

pub async fn calls_come_and_go<H: Harness>() {
    const CALLS: u64 = 40;
    let world = World::<H>::new().await;
    for number in 1..=CALLS {
        world.engine.execute(upload(number)).await.unwrap();
    }
    let mut waiting = Vec::new();
    for number in 1..=CALLS {
        let engine = world.engine.clone();
        waiting.push(tokio::spawn(async move {
            // Every third is dropped while it waits, or while it reads for the others.
            let wait = engine.await_final(&OURS, id(number), LONG);
            if number % 3 == 1 {
                let dropped = timeout(MOMENT * u32::try_from(number % 5).unwrap(), wait).await;
                assert!(dropped.is_err());
                return None;
            }
            wait.await.unwrap()
        }));
    }
    let worker = worker();
    for number in (1..=CALLS).rev() {
        sleep(MOMENT / 3).await;
        if number % 3 != 1 {
            let approval = world.engine.scope(&OURS, &worker).approve(id(number));
            approval.await.unwrap();
        }
    }
    for (number, call) in (1..=CALLS).zip(waiting) {
        let ended = timeout(LONG, call).await.unwrap().unwrap();
        let status = ended.map(|it| it.status());
        assert_eq!(status, (number % 3 != 1).then_some(Status::Approved));
    }
}

/// A store in memory that counts what it is asked, and whose feed cannot be read now and then.
#[derive(Clone, Default)]
struct Counted {
    store: MemoryStore,
    loads: Arc<AtomicU32>,
    feeds: Arc<AtomicU32>,
    /// The question to the feed that meets a corrupt event; none at zero.
    corrupt: Arc<AtomicU32>,
}

impl sealed::Sealed for Counted {}

impl Store for Counted {
    delegate!(append history feed_end wake);

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.store.load(institution, uuid).await
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        let question = self.feeds.fetch_add(1, Ordering::SeqCst) + 1;
        if question == self.corrupt.load(Ordering::SeqCst) {
            return Err(StoreError::Corrupt {
                row: "an event".to_owned(),
                problem: "it was edited".to_owned(),
            });
        }
        self.store.feed(after, limit).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_cost_one_reading_of_the_feed() {
    const CALLS: u32 = 10_000;
    let store = Counted::default();
    let engine = Engine::new(store.clone());
    let numbers = 1..=u64::from(CALLS);
    for answer in engine
        .execute_many(numbers.clone().map(upload).collect())
        .await
    {
        answer.unwrap();
    }
    let mut waiting = Vec::new();
    for number in numbers.clone() {
        let engine = engine.clone();
        waiting.push(tokio::spawn(async move {
            engine.await_final(&OURS, id(number), LONG).await
        }));
    }
    while store.loads.load(Ordering::SeqCst) < CALLS {
        sleep(MOMENT).await;
    }
    let before = store.feeds.load(Ordering::SeqCst);
    let approvals = numbers.map(|it| act(it, certificate_lifecycle::Action::Approve));
    for answer in engine.execute_many(approvals.collect()).await {
        answer.unwrap();
    }
    for call in waiting {
        let ended = timeout(LONG, call).await.unwrap().unwrap().unwrap();
        assert_eq!(ended.unwrap().status(), Status::Approved);
    }
    // Each was loaded once, and the feed was read page by page, with looks while it was idle.
    assert_eq!(store.loads.load(Ordering::SeqCst), CALLS);
    let feeds = store.feeds.load(Ordering::SeqCst) - before;
    assert!(feeds < CALLS / 100, "{feeds} questions to the feed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_read_keeps_no_call_waiting() {
    let store = Counted::default();
    let engine = Engine::new(store.clone());
    for number in 1..=20 {
        engine.execute(upload(number)).await.unwrap();
    }
    let mut waiting = Vec::new();
    for number in 1..=20 {
        let engine = engine.clone();
        waiting.push(tokio::spawn(async move {
            engine.await_final(&OURS, id(number), LONG).await
        }));
    }
    while store.loads.load(Ordering::SeqCst) < 20 {
        sleep(MOMENT).await;
    }
    for number in 1..=20 {
        // The next question, which may be the one about this approval.
        let next = store.feeds.load(Ordering::SeqCst) + 1;
        store.corrupt.store(next, Ordering::SeqCst);
        let approval = act(number, certificate_lifecycle::Action::Approve);
        engine.execute(approval).await.unwrap();
    }
    for call in waiting {
        let ended = timeout(LONG, call).await.unwrap().unwrap().unwrap();
        assert_eq!(ended.unwrap().status(), Status::Approved);
    }
}

/// A store in memory whose feed comes behind, as that of a server does on which another transaction
/// is open.
#[derive(Clone, Default)]
struct Behind {
    store: MemoryStore,
}

impl sealed::Sealed for Behind {}

impl Store for Behind {
    delegate!(append load history feed wake);

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        Ok(Cursor::START)
    }
}

#[tokio::test]
async fn a_failure_that_was_retried_before_is_no_end() {
    let engine = Engine::new(Behind::default());
    let (worker, jane) = (worker(), jane());
    let (background, office) = (engine.scope(&OURS, &worker), engine.scope(&OURS, &jane));
    engine.execute(upload(1)).await.unwrap();
    for _ in 0..2 {
        background.fail(id(1), error()).await.unwrap();
        office.retry(id(1)).await.unwrap();
    }
    let start = Instant::now();
    let retried = engine.await_final(&OURS, id(1), MOMENT).await.unwrap();
    assert_eq!(retried.unwrap().status(), Status::Retried);
    assert!(start.elapsed() >= MOMENT);
    // What comes after it is one
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.await_final(&OURS, id(1), LONG).await })
    };
    sleep(MOMENT).await;
    background.fail(id(1), error()).await.unwrap();
    let failed = waiting.await.unwrap().unwrap().unwrap();
    assert_eq!((failed.status(), failed.version()), (Status::Failed, 6));
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_reads_keeps_no_connection() {
    // Given a store with one connection that reads, and a call that waits
    let url = crate::server::server().url_of_new_schema().await;
    let options = PostgresOptions::default().with_readers(1);
    let store = PostgresStore::connect_with(&url, options).await.unwrap();
    let engine = engine_on(store, &TestClock::default());
    engine.execute(submit(1)).await.unwrap();
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { engine.await_final(&OURS, id(1), LONG).await }
    });
    sleep(10 * MOMENT).await;
    // When it is dropped while the server does not answer the question for the feed
    let admin = crate::server::client(&url).await;
    let sql = "BEGIN; LOCK TABLE certlife_event";
    admin.batch_execute(sql).await.unwrap();
    engine.wake();
    sleep(10 * MOMENT).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    admin.batch_execute("ROLLBACK").await.unwrap();
    // Then others can read
    let loaded = timeout(Duration::from_secs(10), engine.load(&OURS, id(1))).await;
    assert!(loaded.unwrap().unwrap().is_some());
}
