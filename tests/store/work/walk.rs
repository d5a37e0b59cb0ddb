//! Whatever is done to the work of a store, in whatever order, it answers as a small model does,
//! which was written from the documentation of `WorkQueue`. A failure is shrunk to the fewest
//! steps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use certificate_lifecycle::Action;
use certificate_lifecycle::store::{
    ExecuteError, InstitutionId, LeasedWork, Request, WorkBacklog, WorkClaim, WorkOutcome,
    WorkQueue, WorkSettled, WorkSettlement,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use crate::harness::Harness;
use crate::outbox_world::{PLENTY, in_theirs, number_of};
use crate::support::{at, command};
use crate::work_world::{Desk, again, application, done, released};
use crate::world::{act, ours, submit, theirs, upload};

mod model;
use model::{Model, Settled};

const CASES: u32 = 32;

/// One step. Numbers stand for what is there at the time: of so many, the one at this place, and
/// from the first again after the last.
#[derive(Debug, Clone)]
enum Step {
    /// The clock goes on.
    Wait(i64),
    /// The application, whether it is uploaded or submitted, what happens to it, and whether all
    /// or none is.
    Write(u64, bool, Vec<Action>, bool),
    Look,
    /// How much for each institution, and for how long.
    Claim(u32, u32, u64),
    /// All that there is.
    ClaimAll,
    /// Which of those that were claimed lately, and for how long.
    Renew(Vec<usize>, i64),
    /// Which of those that were claimed lately, and what became of them.
    Settle(Vec<(usize, End)>),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Done(Action),
    Again(i64),
    Released(i64),
}

fn step() -> impl Strategy<Value = Step> {
    use Action::{Approve, BeginProcessing, Fail, Reject, Retry};
    let action = prop_oneof![
        4 => Just(Fail), 6 => Just(Retry), 6 => Just(BeginProcessing),
        1 => Just(Approve), 1 => Just(Reject),
    ];
    let end = prop_oneof![
        2 => Just(End::Done(Fail)),
        1 => Just(End::Done(Approve)),
        2 => (0..90_i64).prop_map(End::Again),
        2 => (0..90_i64).prop_map(End::Released),
    ];
    let picked = prop::collection::vec(any::<usize>(), 0..5);
    prop_oneof![
        4 => prop::sample::select(vec![0_i64, 1, 5, 30, 60, 100]).prop_map(Step::Wait),
        8 => (0..10_u64, any::<bool>(), prop::collection::vec(action, 0..4), prop::bool::weighted(0.2))
            .prop_map(|(number, is_upload, actions, all)| {
                Step::Write(number, is_upload, actions, all)
            }),
        3 => Just(Step::Look),
        6 => (0..6_u32, 0..6_u32, 0..70_u64)
            .prop_map(|(ours, theirs, lease)| Step::Claim(ours, theirs, lease)),
        3 => Just(Step::ClaimAll),
        3 => (picked, 0..100_i64).prop_map(|(picked, length)| Step::Renew(picked, length)),
        8 => prop::collection::vec((any::<usize>(), end), 0..6).prop_map(Step::Settle),
    ]
}

/// Whose application has this number: every fourth is theirs.
const fn is_theirs(number: u64) -> bool {
    number % 4 == 3
}

fn institution(is_theirs: bool) -> InstitutionId {
    if is_theirs { theirs() } else { ours() }
}

struct Walk<H: Harness> {
    desk: Desk<H>,
    model: Model,
    now: i64,
    claimed: Vec<LeasedWork>,
}

impl<H: Harness<Store: WorkQueue>> Walk<H> {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Wait(seconds) => {
                self.now += seconds;
                self.desk.clock.set(self.now);
            }
            Step::Write(number, is_upload, actions, all) => {
                self.write(number, is_upload, actions, all).await;
            }
            Step::Look => self.look().await,
            Step::Claim(ours, theirs, lease) => self.claim([ours, theirs], lease).await,
            Step::ClaimAll => self.claim_all().await,
            Step::Renew(picked, length) => self.renew(&picked, self.now + length).await,
            Step::Settle(ends) => self.settle(&ends).await,
        }
        self.counts().await;
    }

    async fn write(&mut self, number: u64, is_upload: bool, actions: Vec<Action>, all: bool) {
        let creation = if is_upload {
            upload(number)
        } else {
            submit(number)
        };
        let is_known = self.model.knows(number);
        let creation = (!is_known).then_some(creation);
        let actions = actions.into_iter().map(|action| act(number, action));
        let requests = creation.into_iter().chain(actions);
        let of = |it: Request| if is_theirs(number) { in_theirs(it) } else { it };
        let requests = requests.map(of).collect();
        let answers = if all {
            self.desk.engine.execute_all(requests).await
        } else {
            self.desk.engine.execute_many(requests).await
        };
        for receipt in answers.into_iter().flatten() {
            self.model
                .moves_on(number, is_theirs(number), &receipt.event);
        }
    }

    async fn look(&mut self) {
        let due = self.desk.look().await;
        self.model.look();
        for of in [false, true] {
            let found = due.iter().find(|it| it.institution == institution(of));
            let found = found.map(|it| (it.has_new, it.at));
            let (has_new, first) = self.model.due(of);
            let expected = (has_new || first.is_some()).then(|| (has_new, first.map(at)));
            if !self.model.has_remains(of) {
                assert_eq!(found, expected);
            } else if let Some((has_new, first)) = expected {
                // What has moved on may still be there.
                let found = found.expect("there is work");
                assert!(found.0 || !has_new);
                assert!(first.is_none() || (found.1.is_some() && found.1 <= first));
            }
        }
    }

    async fn claim(&mut self, rooms: [u32; 2], lease: u64) {
        self.look().await;
        let wanted = vec![(ours(), rooms[0]), (theirs(), rooms[1])];
        let claim = WorkClaim::new(at(self.now), Duration::from_secs(lease), wanted);
        let claimed = self.desk.store.claim_work(claim).await.unwrap();
        let end = self.now + i64::try_from(lease).unwrap();
        for (is_theirs, room) in [false, true].into_iter().zip(rooms) {
            let of: Vec<_> = claimed
                .iter()
                .filter(|it| it.institution == institution(is_theirs))
                .collect();
            assert!(of.len() <= room as usize, "there was no room for it");
            self.model.are_first(is_theirs, self.now, &of);
        }
        self.are_leased(claimed, end);
    }

    fn are_leased(&mut self, claimed: Vec<LeasedWork>, end: i64) {
        for leased in &claimed {
            self.model.is_leased(leased, self.now, end);
        }
        self.claimed.extend(claimed);
    }

    async fn claim_all(&mut self) {
        self.look().await;
        let expected: BTreeSet<_> = self.model.all_due(self.now);
        let claimed = self.desk.claim(self.now).await;
        let found: Vec<_> = claimed
            .iter()
            .map(|it| number_of(it.lease.application))
            .collect();
        assert_eq!(found.len(), expected.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
        self.are_leased(claimed, self.now + 60);
        self.model.nothing_is_due(self.now);
    }

    /// Of those that were claimed lately, the one at this place.
    fn lately(&self, place: usize) -> Option<LeasedWork> {
        let last = self.claimed.len().saturating_sub(15);
        let recent = &self.claimed[last..];
        (!recent.is_empty()).then(|| recent[place % recent.len()].clone())
    }

    async fn renew(&mut self, picked: &[usize], until: i64) {
        let leased: Vec<_> = picked.iter().filter_map(|it| self.lately(*it)).collect();
        let renewed = self
            .desk
            .renewed(&leased.iter().collect::<Vec<_>>(), until)
            .await;
        let expected = leased.iter().map(|it| self.model.renew(it, until));
        assert_eq!(renewed, expected.collect::<Vec<_>>());
    }

    async fn settle(&mut self, ends: &[(usize, End)]) {
        let now = self.now;
        let ends = ends
            .iter()
            .filter_map(|(place, end)| Some((self.lately(*place)?, *end)));
        let ends: Vec<_> = ends.collect();
        let settlements = ends.iter().map(|(leased, end)| {
            let outcome: WorkOutcome = match end {
                End::Done(action) => done(leased, now, command(*action)),
                End::Again(seconds) => again(now + seconds),
                End::Released(seconds) => released(now + seconds),
            };
            WorkSettlement::new(leased.lease, outcome)
        });
        let settled = self.desk.store.settle_work(settlements.collect()).await;
        assert_eq!(settled.len(), ends.len());
        for ((leased, end), settled) in ends.iter().zip(settled) {
            let put_off = match end {
                End::Done(_) => None,
                End::Again(seconds) => Some((now + seconds, true)),
                End::Released(seconds) => Some((now + seconds, false)),
            };
            let expected = self.model.settle(leased, put_off);
            match (&settled, expected) {
                (Ok(WorkSettled::Done(receipt)), Settled::Held) if put_off.is_none() => {
                    let number = number_of(leased.lease.application);
                    self.model
                        .moves_on(number, is_theirs(number), &receipt.event);
                }
                (Ok(WorkSettled::PutOff), Settled::Held)
                | (Ok(WorkSettled::MovedOn), Settled::MovedOn)
                    if put_off.is_some() => {}
                (Err(ExecuteError::Refused(_)), Settled::MovedOn) if put_off.is_none() => {}
                (Ok(WorkSettled::Lost), Settled::MovedOn | Settled::Lost) => {}
                _ => panic!("{settled:?} where it was {expected:?}: {leased:?}, {end:?}"),
            }
        }
    }

    async fn counts(&self) {
        for of in [false, true] {
            if self.model.has_remains(of) {
                continue;
            }
            let backlog = self
                .desk
                .store
                .work_backlog(Some(&institution(of)))
                .await
                .unwrap();
            let (waiting, oldest, under_way) = self.model.backlog(of);
            let expected = WorkBacklog::new(institution(of))
                .with_waiting(waiting)
                .with_oldest(oldest.map(at))
                .with_under_way(under_way);
            let expected = (waiting + under_way > 0).then_some(expected);
            assert_eq!(backlog, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

async fn walk<H: Harness<Store: WorkQueue>>(steps: Vec<Step>) {
    let desk = Desk::<H>::new().await;
    let mut walk = Walk {
        desk,
        model: Model::default(),
        now: 0,
        claimed: Vec::new(),
    };
    for step in steps {
        walk.take(step).await;
    }
    // In the end, each that is in progress is claimed.
    walk.take(Step::Wait(1_000)).await;
    walk.take(Step::ClaimAll).await;
    let applications: BTreeMap<_, _> = walk
        .claimed
        .iter()
        .map(|it| (number_of(it.lease.application), application(it).version()))
        .collect();
    assert!(
        walk.model
            .in_progress()
            .all(|it| applications.get(&it.0) == Some(&it.1))
    );
}

pub async fn a_random_walk_is_that_of_the_model<H: Harness<Store: WorkQueue>>() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 1..60);
    tokio::task::block_in_place(|| {
        let walked = TestRunner::new(config).run(&steps, |steps| {
            Handle::current().block_on(walk::<H>(steps));
            Ok(())
        });
        if let Err(failure) = walked {
            panic!("{failure}");
        }
    });
}

/// Of 9 that wait, all are claimed, whatever room there was before.
pub async fn a_walk_with_full_rooms_is_that_of_the_model<H: Harness<Store: WorkQueue>>() {
    let create = (0..9).map(|number| Step::Write(number, true, Vec::new(), false));
    let steps = [
        Step::Claim(4, 1, 0),
        Step::Claim(PLENTY, PLENTY, 30),
        Step::Settle(vec![
            (0, End::Again(10)),
            (1, End::Released(20)),
            (0, End::Again(5)),
        ]),
        Step::Wait(30),
        Step::Claim(5, 5, 60),
        Step::ClaimAll,
        Step::Settle(
            (0..9)
                .map(|place| (place, End::Done(Action::Fail)))
                .collect(),
        ),
        Step::Write(3, true, vec![Action::Retry], true),
        Step::ClaimAll,
    ];
    walk::<H>(create.chain(steps).collect()).await;
}
