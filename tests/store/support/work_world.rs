//! Applications in progress and who has claims on them, as the tests of background work see them.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Append, DueInstitution, ExecuteError, Filter, InstitutionId, LeasedWork, ListOrder, Receipt,
    Refusal, Request, WorkClaim, WorkLease, WorkOutcome, WorkQueue, WorkSettled, WorkSettlement,
};
use certificate_lifecycle::{AnyApplication, Command, Status};

use super::at;
use super::harness::Harness;
use super::outbox_world::{LEASE, PLENTY, number_of};
use super::world::{TestClock, World, engine_on, ours, theirs, whole_feed, whole_list, worker};

/// A third institution.
pub fn third() -> InstitutionId {
    InstitutionId::new("third-university").unwrap()
}

/// The application under a lease, as it was when it was claimed.
pub fn application(leased: &LeasedWork) -> &AnyApplication {
    leased.application.as_ref().unwrap()
}

/// The number of the application, and which attempt it is.
pub fn attempt(leased: &LeasedWork) -> (u64, u32) {
    (number_of(leased.lease.application), leased.attempt)
}

/// The numbers of the applications, in the order in which they were claimed.
pub fn numbers(leased: &[LeasedWork]) -> Vec<u64> {
    leased.iter().map(|it| attempt(it).0).collect()
}

/// The numbers of the applications in the order of their numbers, each with its attempt.
pub fn attempts(leased: &[LeasedWork]) -> Vec<(u64, u32)> {
    let mut attempts: Vec<_> = leased.iter().map(attempt).collect();
    attempts.sort_unstable();
    attempts
}

/// The transition of this application that expects the version of the claim.
pub fn transition(leased: &LeasedWork, command: Command) -> Request {
    let uuid = leased.lease.application;
    let request = Request::transition(leased.institution.clone(), worker(), uuid, command);
    request.expecting(application(leased).version())
}

pub fn done(leased: &LeasedWork, seconds: i64, command: Command) -> WorkOutcome {
    let request = transition(leased, command);
    WorkOutcome::Done(Box::new(Append::new(request, at(seconds))))
}

pub fn again(seconds: i64) -> WorkOutcome {
    WorkOutcome::Again {
        at: at(seconds),
        reason: "the printer is out of \u{0}'paper'".to_owned(),
    }
}

pub fn released(seconds: i64) -> WorkOutcome {
    WorkOutcome::Released {
        at: at(seconds),
        reason: None,
    }
}

/// Whether there is something to claim at this time.
pub fn is_due(due: &DueInstitution, seconds: i64) -> bool {
    due.has_new || due.at.is_some_and(|time| time <= at(seconds))
}

/// The end of a refused transition: the application is at this version and in this state.
#[track_caller]
pub fn is_conflict(
    settled: Result<WorkSettled, ExecuteError>,
    leased: &LeasedWork,
    (is_version, is_status): (u64, Status),
) {
    match settled {
        Err(ExecuteError::Refused(Refusal::Conflict {
            uuid,
            expected,
            version,
            status,
        })) => {
            assert_eq!(uuid, leased.lease.application);
            assert_eq!(expected, application(leased).version());
            assert_eq!((version, status), (is_version, is_status));
        }
        other => panic!("expected a conflict, but it was {other:?}"),
    }
}

/// A store with an engine on the same handle, and all that is asked of background work.
pub struct Desk<H: Harness> {
    pub harness: H,
    pub store: H::Store,
    pub engine: Engine<H::Store>,
    pub clock: TestClock,
}

impl<H: Harness<Store: WorkQueue>> Desk<H> {
    pub async fn new() -> Self {
        let World { harness, clock, .. } = World::<H>::new().await;
        let store = harness.open().await;
        let engine = engine_on(store.clone(), &clock);
        Self {
            harness,
            store,
            engine,
            clock,
        }
    }

    /// One where these commands were carried out.
    pub async fn with(requests: impl IntoIterator<Item = Request>) -> Self {
        let desk = Self::new().await;
        desk.given(requests).await;
        desk
    }

    /// Carries out commands one after the other, each of which is expected to be granted.
    pub async fn given(&self, requests: impl IntoIterator<Item = Request>) {
        for request in requests {
            let _ = self.engine.execute(request).await.unwrap();
        }
    }

    /// The application, whosever it is.
    pub async fn load(&self, leased: &LeasedWork) -> AnyApplication {
        let loaded = self
            .engine
            .load(&leased.institution, leased.lease.application);
        loaded.await.unwrap().unwrap()
    }

    /// Waits until the feed has all that was recorded: it waits for transactions that are under
    /// way, such as those of other tests on the same server.
    pub async fn feed_has_all(&self) {
        let mut events = 0;
        for institution in [ours(), theirs(), third()] {
            let (all, order) = (Filter::all(), ListOrder::OldestFirst);
            let list = whole_list(&self.engine, &institution, &all, order, 1000).await;
            events += list.iter().map(AnyApplication::version).sum::<u64>();
        }
        let _ = whole_feed(&self.engine, usize::try_from(events).unwrap()).await;
    }

    /// Finds all that has come into progress: who has work, in the order of the ids.
    pub async fn look(&self) -> Vec<DueInstitution> {
        self.feed_has_all().await;
        for _ in 0..1_000 {
            let due = self.store.due_work(None).await.unwrap();
            if !due.has_more {
                let mut institutions = due.institutions;
                institutions.sort_by(|one, other| one.institution.cmp(&other.institution));
                return institutions;
            }
        }
        panic!("there is no end of what is in progress");
    }

    /// Claims once.
    pub async fn claim_of(&self, seconds: i64, wanted: &[(InstitutionId, u32)]) -> Vec<LeasedWork> {
        let claim = WorkClaim::new(at(seconds), LEASE, wanted.to_vec());
        self.store.claim_work(claim).await.unwrap()
    }

    /// Claims all that there is at this time.
    pub async fn claim(&self, seconds: i64) -> Vec<LeasedWork> {
        let mut claimed = Vec::new();
        for _ in 0..1_000 {
            let due = self.look().await.into_iter();
            let due = due.filter(|it| is_due(it, seconds));
            let wanted: Vec<_> = due.map(|it| (it.institution, PLENTY)).collect();
            if wanted.is_empty() {
                return claimed;
            }
            claimed.extend(self.claim_of(seconds, &wanted).await);
        }
        panic!("something is due that cannot be claimed");
    }

    /// The only work that can be claimed.
    pub async fn claim_one(&self, seconds: i64) -> LeasedWork {
        let mut claimed = self.claim(seconds).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    /// Nothing can be claimed.
    pub async fn claims_nothing(&self, seconds: i64) {
        let claimed = self.claim(seconds).await;
        assert!(claimed.is_empty(), "{claimed:?}");
    }

    /// Of each lease, whether it is held, and ends at this time now.
    pub async fn renewed(&self, leased: &[&LeasedWork], until: i64) -> Vec<bool> {
        let held: Vec<WorkLease> = leased.iter().map(|it| it.lease).collect();
        self.store.renew_work(held, at(until)).await.unwrap()
    }

    pub async fn settled(
        &self,
        leased: &LeasedWork,
        outcome: WorkOutcome,
    ) -> Result<WorkSettled, ExecuteError> {
        let settlements = vec![WorkSettlement::new(leased.lease, outcome)];
        let mut settled = self.store.settle_work(settlements).await;
        assert_eq!(settled.len(), 1, "{settled:?}");
        settled.remove(0)
    }

    /// Settles a lease that is held, so that the work is tried again.
    pub async fn puts_off(&self, leased: &LeasedWork, outcome: WorkOutcome) {
        let settled = self.settled(leased, outcome).await;
        assert_eq!(settled.unwrap(), WorkSettled::PutOff);
    }

    /// Settles a lease that is held, by a transition.
    pub async fn moves_on(&self, leased: &LeasedWork, seconds: i64, command: Command) -> Receipt {
        match self.settled(leased, done(leased, seconds, command)).await {
            Ok(WorkSettled::Done(receipt)) => *receipt,
            other => panic!("expected a transition, but it was {other:?}"),
        }
    }

    /// The lease does nothing any more: whatever is tried, nothing changes.
    pub async fn is_lost(&self, leased: &LeasedWork) {
        let before = self.all().await;
        assert_eq!(self.renewed(&[leased], 1_000_000).await, [false]);
        for outcome in [
            again(0),
            released(0),
            done(leased, 0, Command::Approve),
            done(
                leased,
                0,
                super::command(certificate_lifecycle::Action::Fail),
            ),
        ] {
            let settled = self.settled(leased, outcome).await;
            assert_eq!(settled.unwrap(), WorkSettled::Lost, "{leased:?}");
        }
        assert_eq!(self.all().await, before);
    }

    /// All that can be known: the applications, who has work, and how much.
    async fn all(&self) -> impl PartialEq + std::fmt::Debug + use<H> {
        let mut applications = Vec::new();
        for institution in [ours(), theirs(), third()] {
            let (all, order) = (Filter::all(), ListOrder::OldestFirst);
            applications.extend(whole_list(&self.engine, &institution, &all, order, 1000).await);
        }
        let backlog = self.store.work_backlog(None).await.unwrap();
        (applications, self.look().await, backlog)
    }

    /// Nothing is in progress, and nothing is kept of what was.
    pub async fn is_empty(&self) {
        assert_eq!(self.look().await, []);
        assert_eq!(self.store.work_backlog(None).await.unwrap(), []);
    }
}
