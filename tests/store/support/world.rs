//! Who acts in these tests, on what, and how a test looks at all that a store knows.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, Count, Cursor, ExecuteError, Filter, IdempotencyKey, InstitutionId, ListOrder,
    ListQuery, Queries, Receipt, RecordedEvent, Refusal, Request, Store,
};
use certificate_lifecycle::{
    Action, AnyApplication, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle,
    Command, EventPayload, Source, Status, VaultUpload,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::harness::Harness;
use super::{WEBHOOK, at, command, contract};

/// The same as [`ours`], for what borrows it.
pub static OURS: LazyLock<InstitutionId> = LazyLock::new(ours);

pub fn ours() -> InstitutionId {
    InstitutionId::new("our-university").unwrap()
}

pub fn theirs() -> InstitutionId {
    InstitutionId::new("their-university").unwrap()
}

pub fn john() -> Actor {
    Actor::customer("john").unwrap()
}

pub fn jane() -> Actor {
    Actor::administrator("jane").unwrap()
}

pub fn worker() -> Actor {
    Actor::system("worker-1").unwrap()
}

pub fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

/// Who usually does this (CONTRACT.md, "Events", column *who acts*).
pub fn actor_of(action: Action) -> Actor {
    match action {
        Action::BeginProcessing | Action::Reject | Action::Retry => jane(),
        Action::Approve | Action::Fail => worker(),
    }
}

/// The identity of the application with this number.
pub fn id(number: u64) -> Uuid {
    Uuid::from_u128(0x9e78_60f0_05d1_4fd0_b3e0_0000_0000_0000 | u128::from(number))
}

pub fn details(number: u64) -> ApplicationDetails {
    ApplicationDetails::new(
        ApplicationId::new(number + 1).unwrap(),
        id(number),
        CertificateTitle::new(format!("Certificate no. {number}")).unwrap(),
        ApplicantEmail::new(format!("applicant-{}@example.com", number % 3)).unwrap(),
    )
}

/// A customer submits the application with this number.
pub fn submit(number: u64) -> Request {
    Request::submit(ours(), john(), details(number))
}

/// An administrator uploads the application with this number.
pub fn upload(number: u64) -> Request {
    Request::upload(ours(), jane(), details(number), VaultUpload::Single)
}

pub fn create(number: u64, source: Source) -> Request {
    match source {
        Source::Customer => submit(number),
        Source::Vault => upload(number),
    }
}

/// Who usually does this does it to the application with this number.
pub fn act(number: u64, action: Action) -> Request {
    order(number, command(action))
}

pub fn order(number: u64, command: Command) -> Request {
    let actor = actor_of(command.action());
    Request::transition(ours(), actor, id(number), command)
}

/// The shortest way from creation to this state, where the contract has one.
pub fn way_to(status: Status, source: Source) -> Option<&'static [Action]> {
    use Action::{Approve, BeginProcessing, Fail, Reject, Retry};
    Some(match (status, source) {
        (Status::Created, _) => &[],
        (Status::Processing, Source::Customer) => &[BeginProcessing],
        (Status::Rejected, Source::Customer) => &[Reject],
        (Status::Processing | Status::Rejected, Source::Vault) => return None,
        (Status::Approved, Source::Customer) => &[BeginProcessing, Approve],
        (Status::Approved, Source::Vault) => &[Approve],
        (Status::Failed, Source::Customer) => &[BeginProcessing, Fail],
        (Status::Failed, Source::Vault) => &[Fail],
        (Status::Retried, Source::Customer) => &[BeginProcessing, Fail, Retry],
        (Status::Retried, Source::Vault) => &[Fail, Retry],
    })
}

/// The requests that create an application and bring it to this state.
pub fn bring(number: u64, status: Status, source: Source) -> Option<Vec<Request>> {
    let way = way_to(status, source)?;
    let steps = way.iter().map(|action| act(number, *action));
    Some(
        std::iter::once(create(number, source))
            .chain(steps)
            .collect(),
    )
}

/// A clock that stands still until a test moves it: seconds after the reference payloads'.
#[derive(Clone, Default)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> DateTime<Utc> {
        at(self.0.load(Ordering::SeqCst))
    }
}

/// An empty store with an engine on it.
pub struct World<H: Harness> {
    pub harness: H,
    pub engine: Engine<H::Store>,
    pub clock: TestClock,
}

impl<H: Harness> World<H> {
    pub async fn new() -> Self {
        let harness = H::fresh().await;
        let clock = TestClock::default();
        let engine = engine_on(harness.open().await, &clock);
        Self {
            harness,
            engine,
            clock,
        }
    }

    /// An engine on a handle of its own.
    pub async fn another(&self) -> Engine<H::Store> {
        engine_on(self.harness.open().await, &self.clock)
    }

    /// So many engines, each on a handle of its own.
    pub async fn several(&self, count: usize) -> Vec<Engine<H::Store>> {
        let mut engines = Vec::new();
        for _ in 0..count {
            engines.push(self.another().await);
        }
        engines
    }

    /// Carries out one request, which is expected to be granted.
    pub async fn done(&self, request: Request) -> Receipt {
        self.engine.execute(request).await.unwrap()
    }

    /// Carries out one request, so that something else can be tried.
    pub async fn given(&self, request: Request) {
        let _ = self.done(request).await;
    }

    /// Carries out requests one after the other, so that something else can be tried.
    pub async fn all_given(&self, requests: impl IntoIterator<Item = Request>) {
        self.all_done(requests).await;
    }

    /// Carries out one request, which is expected to be refused.
    pub async fn refused(&self, request: Request) -> Refusal {
        refusal(self.engine.execute(request).await)
    }

    /// Carries out requests one after the other, each of which is expected to be granted.
    pub async fn all_done(&self, requests: impl IntoIterator<Item = Request>) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for request in requests {
            receipts.push(self.done(request).await);
        }
        receipts
    }

    /// One of each of the ten kinds of application, numbered from 0, created and moved on.
    pub async fn every_kind(&self) -> Vec<(Status, Source)> {
        let mut kinds = Vec::new();
        for (status, source) in every_cell() {
            let number = u64::try_from(kinds.len()).unwrap();
            if let Some(requests) = bring(number, status, source) {
                self.all_done(requests).await;
                kinds.push((status, source));
            }
        }
        kinds
    }

    /// The same, and every command had a key: the number of the application and of the version.
    pub async fn every_kind_with_keys(&self) {
        for request in every_kind_with_keys() {
            self.given(request).await;
        }
    }
}

/// What brings one of each of the ten kinds of application about, numbered from 0.
pub fn every_kind_with_keys() -> Vec<Request> {
    let ways = every_cell()
        .filter_map(|(status, source)| bring(0, status, source).map(|_| (status, source)));
    let mut requests = Vec::new();
    for (number, (status, source)) in (0..).zip(ways) {
        let way = bring(number, status, source).into_iter().flatten();
        let keyed = (1..)
            .zip(way)
            .map(|(version, request)| request.with_key(key(&format!("{number}-{version}"))));
        requests.extend(keyed);
    }
    requests
}

/// Of one of each kind, with keys: the keys are known, and every application moves on.
pub async fn goes_on<S: Queries>(engine: &Engine<S>) {
    for request in every_kind_with_keys() {
        assert!(engine.execute(request).await.unwrap().replayed);
    }
    let cells = every_cell().filter(|(status, source)| bring(0, *status, *source).is_some());
    for (number, (status, source)) in (0..).zip(cells) {
        for action in Action::ALL {
            if contract(status, source, action).is_some() {
                let receipt = engine.execute(act(number, action)).await.unwrap();
                assert_eq!(receipt.event.timestamp(), at(0));
                break;
            }
        }
    }
    let _ = engine.execute(submit(100)).await.unwrap();
    check(engine).await;
}

/// The twelve combinations of state and source, of which two cannot be reached.
pub fn every_cell() -> impl Iterator<Item = (Status, Source)> {
    let statuses = Status::ALL.into_iter();
    statuses.flat_map(|status| Source::ALL.map(|source| (status, source)))
}

pub fn engine_on<S: Store>(store: S, clock: &TestClock) -> Engine<S> {
    let clock = clock.clone();
    Engine::new(store).with_clock(move || clock.now())
}

#[track_caller]
pub fn refusal(answer: Result<Receipt, ExecuteError>) -> Refusal {
    match answer {
        Err(ExecuteError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, but it was {other:?}"),
    }
}

/// How long an event may take to appear in the feed: it waits for transactions that are under way,
/// such as those of other tests on the same server.
pub const FEED: Duration = Duration::from_secs(60);

/// The whole feed, read in pages as soon as it has so many events.
pub async fn whole_feed<S: Store>(engine: &Engine<S>, events: usize) -> Vec<RecordedEvent> {
    let (mut all, mut cursor) = (Vec::new(), Cursor::START);
    let start = Instant::now();
    loop {
        let page = engine.feed(cursor, 1000).await.unwrap();
        if let Some(last) = page.last() {
            cursor = last.cursor;
            all.extend(page);
        } else if all.len() >= events {
            return all;
        } else {
            let found = all.len();
            assert!(
                start.elapsed() < FEED,
                "the feed has {found} of {events} events"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// A whole list, in pages of this size.
pub async fn whole_list<S: Queries>(
    engine: &Engine<S>,
    institution: &InstitutionId,
    filter: &Filter,
    order: ListOrder,
    limit: u32,
) -> Vec<AnyApplication> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = ListQuery {
            institution: institution.clone(),
            filter: filter.clone(),
            order,
            after,
            limit,
            origins: false,
        };
        let page = engine.list(query).await.unwrap();
        assert!(page.applications.len() <= limit as usize);
        // A page that is not the last is full.
        assert!(page.next.is_none() || page.applications.len() == limit as usize);
        all.extend(page.applications);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// All that can be known of a store's contents.
#[derive(Debug, PartialEq)]
pub struct Snapshot {
    pub feed: Vec<RecordedEvent>,
    pub lists: Vec<Vec<AnyApplication>>,
    pub counts: Vec<Vec<Count>>,
}

pub async fn snapshot<S: Queries>(engine: &Engine<S>) -> Snapshot {
    let (mut lists, mut counts) = (Vec::new(), Vec::new());
    for institution in [ours(), theirs()] {
        let all = Filter::all();
        lists.push(whole_list(engine, &institution, &all, ListOrder::OldestFirst, 1000).await);
        counts.push(engine.counts(&institution).await.unwrap());
    }
    // Each version is an event.
    let events: u64 = lists.iter().flatten().map(AnyApplication::version).sum();
    Snapshot {
        feed: whole_feed(engine, usize::try_from(events).unwrap()).await,
        lists,
        counts,
    }
}

/// Checks all that must hold whatever happened: every history is legal, versions have no gap, and
/// the feed, the histories, the applications and the lists tell the same.
pub async fn check<S: Queries>(engine: &Engine<S>) -> Snapshot {
    let seen = snapshot(engine).await;
    assert!(seen.feed.is_sorted_by(|one, next| one.cursor < next.cursor));
    let mut histories = std::collections::HashMap::<Uuid, Vec<RecordedEvent>>::new();
    for recorded in &seen.feed {
        let history = histories.entry(recorded.event.uuid()).or_default();
        history.push(recorded.clone());
        assert_eq!(recorded.event.version(), history.len() as u64);
    }
    let mut last = std::collections::HashMap::new();
    for (uuid, history) in &histories {
        let institution = &history[0].institution;
        let payloads: Vec<_> = history.iter().map(|it| it.event.to_json(WEBHOOK)).collect();
        let payloads: Vec<_> = payloads
            .iter()
            .map(|it| EventPayload::parse(it.as_bytes()).unwrap())
            .collect();
        let replayed = AnyApplication::replay(&payloads).unwrap();
        let loaded = engine.load(institution, *uuid).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(&replayed));
        assert_eq!(engine.history(institution, *uuid).await.unwrap(), *history);
        last.insert(*uuid, (institution.clone(), replayed));
    }
    let listed: usize = seen.lists.iter().map(Vec::len).sum();
    assert_eq!(
        listed,
        last.len(),
        "lists and feed know as many applications"
    );
    for (institution, list) in [ours(), theirs()].iter().zip(&seen.lists) {
        for listed in list {
            let known = &last[&listed.details().uuid()];
            assert_eq!((institution, listed), (&known.0, &known.1));
        }
    }
    seen
}
