//! Many processors at the same time: each application ends once, by the newest lease.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    InstitutionId, LeasedWork, Request, WorkClaim, WorkQueue, WorkSettled, WorkSettlement,
};
use certificate_lifecycle::{Action, Command, Status};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::harness::Harness;
use crate::outbox_world::LEASE;
use crate::random::Random;
use crate::support::{at, command};
use crate::work_world::{Desk, again, application, attempts, done, is_due, released, third};
use crate::world::{act, engine_on, id, ours, theirs, upload};

const PROCESSORS: usize = 8;
const APPLICATIONS: u64 = 400;
/// How many handles take part, besides their clones.
const HANDLES: usize = 3;

async fn handles<H: Harness<Store: WorkQueue>>(desk: &Desk<H>) -> Vec<H::Store> {
    let mut handles = vec![desk.store.clone()];
    while handles.len() < HANDLES {
        handles.push(desk.harness.open().await);
    }
    handles
}

fn of(number: u64) -> InstitutionId {
    [ours(), theirs(), third()][usize::try_from(number % 3).unwrap()].clone()
}

/// The request in the institution of the application.
fn in_its_institution(number: u64, mut request: Request) -> Request {
    request.institution = of(number);
    request
}

pub async fn two_who_claim_at_once_never_get_the_same<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::new().await;
    let handles = handles(&desk).await;
    for round in 0..30_u64 {
        // Given twelve applications, some of which had a lease that has ended
        let now = i64::try_from(round).unwrap() * 1_000;
        desk.given((0..12).map(|it| upload(round * 12 + it))).await;
        desk.look().await;
        if round % 2 == 1 {
            let claimed = desk.claim_of(now - 500, &[(ours(), 5)]).await;
            assert_eq!(claimed.len(), 5);
        }
        // When eight claim at once, who have more room than there is, and look as well
        let calls: Vec<_> = (0..8)
            .map(|caller: usize| {
                let store = handles[caller % HANDLES].clone();
                let claim = WorkClaim::new(at(now), LEASE * 60 * 24 * 365, vec![(ours(), 3)]);
                tokio::spawn(async move {
                    let _ = store.due_work(None).await.unwrap();
                    store.claim_work(claim).await.unwrap()
                })
            })
            .collect();
        let mut claimed = Vec::new();
        for call in calls {
            claimed.extend(call.await.unwrap());
        }
        // Then no application goes to two, and none is lost
        claimed.extend(desk.claim(now).await);
        let numbers: BTreeSet<_> = attempts(&claimed).iter().map(|it| it.0).collect();
        assert_eq!(numbers, (round * 12..round * 12 + 12).collect());
        assert_eq!(claimed.len(), 12, "one went to two");
        let tries = attempts(&claimed).into_iter().map(|it| it.1);
        assert_eq!(tries.sum::<u32>(), if round % 2 == 1 { 12 + 5 } else { 12 });
    }
}

pub async fn of_two_leases_one_settles<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::new().await;
    let handles = handles(&desk).await;
    for round in 0..60_u64 {
        desk.given([upload(round)]).await;
        // Given a lease that has ended, and a new one
        let now = i64::try_from(round).unwrap() * 1_000;
        let old = desk.claim_one(now).await;
        let new = desk.claim_one(now + 60).await;
        // When both settle at once, each twice
        let calls: Vec<_> = [&old, &new, &old, &new]
            .into_iter()
            .enumerate()
            .map(|(caller, leased)| {
                let store = handles[caller % HANDLES].clone();
                let outcome = done(leased, now, Command::Approve);
                let settlements = vec![WorkSettlement::new(leased.lease, outcome)];
                tokio::spawn(async move { store.settle_work(settlements).await.remove(0) })
            })
            .collect();
        let mut are_done = Vec::new();
        for call in calls {
            match call.await.unwrap().unwrap() {
                WorkSettled::Done(_) => are_done.push(true),
                WorkSettled::Lost => are_done.push(false),
                WorkSettled::PutOff | WorkSettled::MovedOn => panic!("nothing was put off"),
            }
        }
        // Then the new one does, once
        assert!(!are_done[0] && !are_done[2], "{are_done:?}");
        assert!(are_done[1] != are_done[3], "{are_done:?}");
        assert_eq!(desk.load(&new).await.version(), 2);
    }
    desk.is_empty().await;
}

/// What was claimed of one version of an application: by token, which attempt it was, and whether
/// it was given back.
type Claims = BTreeMap<i64, (u32, bool)>;

/// What the processors share.
struct Office {
    /// Each claim is a second later.
    now: AtomicI64,
    /// How many applications have not ended.
    left: AtomicUsize,
    claims: Mutex<HashMap<(Uuid, u64), Claims>>,
    /// The tokens that have settled.
    settled: Mutex<HashSet<(Uuid, i64)>>,
    /// By which token each version came to which end.
    ends: Mutex<HashMap<(Uuid, u64), (i64, Status)>>,
    /// Leases whose work takes longer than they last.
    late: Mutex<Vec<LeasedWork>>,
}

impl Office {
    fn claimed(&self, leased: &LeasedWork) {
        let version = application(leased).version();
        let mut claims = self.claims.lock().unwrap();
        let of = claims
            .entry((leased.lease.application, version))
            .or_default();
        let before = of.insert(leased.lease.token, (leased.attempt, false));
        assert_eq!(before, None, "a token was given twice");
    }

    /// A settlement has counted: it is the only one with this token.
    fn settles(&self, leased: &LeasedWork) {
        let it = (leased.lease.application, leased.lease.token);
        assert!(
            self.settled.lock().unwrap().insert(it),
            "a token has settled twice"
        );
    }

    fn gave_back(&self, leased: &LeasedWork) {
        let it = (leased.lease.application, application(leased).version());
        let mut claims = self.claims.lock().unwrap();
        claims
            .get_mut(&it)
            .unwrap()
            .get_mut(&leased.lease.token)
            .unwrap()
            .1 = true;
    }
}

struct Processor<S: WorkQueue> {
    store: S,
    engine: Engine<S>,
    office: Arc<Office>,
    random: Random,
}

impl<S: WorkQueue> Processor<S> {
    async fn work(mut self) {
        let start = Instant::now();
        while self.office.left.load(Ordering::SeqCst) > 0 {
            assert!(
                start.elapsed() < Duration::from_secs(240),
                "there is no end"
            );
            let now = self.office.now.fetch_add(1, Ordering::SeqCst);
            let due = self
                .store
                .due_work(None)
                .await
                .unwrap()
                .institutions
                .into_iter();
            let wanted = due.filter(|it| is_due(it, now));
            let wanted = wanted.map(|it| (it.institution, 3)).collect();
            let lease = Duration::from_secs(1 + self.random.below(20));
            let claim = WorkClaim::new(at(now), lease, wanted).with_turn(self.random.next() % 4);
            let claimed = self.store.claim_work(claim).await.unwrap();
            let mut mine = Vec::new();
            for leased in claimed {
                self.office.claimed(&leased);
                if self.random.one_in(5) {
                    self.office.late.lock().unwrap().push(leased);
                } else {
                    mine.push(leased);
                }
            }
            // Others have their turn: a store in memory never waits.
            tokio::task::yield_now().await;
            if self.random.one_in(3) {
                let late = self.office.late.lock().unwrap().pop();
                mine.extend(late);
            }
            if mine.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.settle(mine, now).await;
        }
    }

    async fn settle(&mut self, mine: Vec<LeasedWork>, now: i64) {
        let (mut settlements, mut ends) = (Vec::new(), Vec::new());
        for leased in &mine {
            let (outcome, end) = match self.random.below(6) {
                0 => (again(now), None),
                1 => (released(now), Some(Status::Retried)),
                2 => (again(now + 5), None),
                3 => (
                    done(leased, now, command(Action::Fail)),
                    Some(Status::Failed),
                ),
                _ => (done(leased, now, Command::Approve), Some(Status::Approved)),
            };
            settlements.push(WorkSettlement::new(leased.lease, outcome));
            ends.push(end);
        }
        let settled = self.store.settle_work(settlements).await;
        assert_eq!(settled.len(), mine.len());
        for ((leased, end), settled) in mine.iter().zip(ends).zip(settled) {
            match settled.unwrap() {
                WorkSettled::Lost => {}
                WorkSettled::MovedOn => panic!("by whom? {leased:?}"),
                WorkSettled::PutOff => {
                    self.office.settles(leased);
                    if end.is_some() {
                        self.office.gave_back(leased);
                    }
                }
                WorkSettled::Done(receipt) => {
                    self.office.settles(leased);
                    assert_eq!(Some(receipt.event.kind().status()), end);
                    self.ends(leased, end.unwrap()).await;
                }
            }
        }
    }

    async fn ends(&mut self, leased: &LeasedWork, end: Status) {
        let it = (leased.lease.application, application(leased).version());
        let before = self
            .office
            .ends
            .lock()
            .unwrap()
            .insert(it, (leased.lease.token, end));
        assert_eq!(before, None, "it has ended twice");
        if end == Status::Failed && self.random.one_in(2) {
            // It is retried, and is new work.
            let mut retry = act(0, Action::Retry);
            retry = Request::transition(
                leased.institution.clone(),
                retry.actor,
                leased.lease.application,
                Command::Retry,
            );
            let _ = self.engine.execute(retry).await.unwrap();
        } else {
            self.office.left.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

pub async fn each_application_ends_once<H: Harness<Store: WorkQueue>>() {
    let desk = Desk::<H>::new().await;
    let handles = handles(&desk).await;
    let mut random = Random::new("work race");
    // Given applications of three institutions
    let uploads = (0..APPLICATIONS).map(|it| in_its_institution(it, upload(it)));
    let answers = desk.engine.execute_many(uploads.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    let office = Arc::new(Office {
        now: AtomicI64::new(0),
        left: AtomicUsize::new(usize::try_from(APPLICATIONS).unwrap()),
        claims: Mutex::default(),
        settled: Mutex::default(),
        ends: Mutex::default(),
        late: Mutex::default(),
    });
    // When many processors work until nothing is left
    let mut processors = JoinSet::new();
    for processor in 0..PROCESSORS {
        let store = handles[processor % HANDLES].clone();
        let processor = Processor {
            engine: engine_on(store.clone(), &desk.clock),
            store,
            office: Arc::clone(&office),
            random: Random::from_seed(random.next()),
        };
        processors.spawn(processor.work());
    }
    // One that fails ends the test, and the others with it.
    while let Some(processor) = processors.join_next().await {
        processor.unwrap();
    }
    // Then nothing is left, and every application is where its last end has brought it
    desk.is_empty().await;
    let (claims, ends) = (
        office.claims.lock().unwrap().clone(),
        office.ends.lock().unwrap().clone(),
    );
    for number in 0..APPLICATIONS {
        let uuid = id(number);
        let loaded = desk.engine.load(&of(number), uuid).await.unwrap().unwrap();
        let mut version = 1;
        let last = loop {
            let (token, end) = ends[&(uuid, version)];
            let of = &claims[&(uuid, version)];
            // Each version was ended by its newest lease
            assert_eq!(of.last_key_value().map(|it| *it.0), Some(token));
            // And the attempts fit: only what was given back does not count
            let mut expected = 1;
            for (attempt, was_given_back) in of.values() {
                assert_eq!(*attempt, expected);
                expected += u32::from(!was_given_back);
            }
            if !ends.contains_key(&(uuid, version + 2)) {
                break (version + 1, end);
            }
            let next = claims[&(uuid, version + 2)].first_key_value();
            assert!(next.is_some_and(|it| *it.0 > token), "tokens grow");
            version += 2;
        };
        assert_eq!((loaded.version(), loaded.status()), last);
    }
    assert!(claims.keys().all(|it| ends.contains_key(it)));
    let late: Vec<_> = office.late.lock().unwrap().drain(..).take(20).collect();
    for late in late {
        desk.is_lost(&late).await;
    }
}
