//! What `WorkQueue` promises, in a few lines.

use std::collections::{BTreeMap, BTreeSet};

use certificate_lifecycle::store::LeasedWork;
use certificate_lifecycle::{Event, Source, Status};

use crate::outbox_world::number_of;
use crate::support::at;
use crate::work_world::application;

/// Applications by number, and what was found of them.
#[derive(Debug, Default)]
pub struct Model {
    applications: BTreeMap<u64, Application>,
    /// What is in progress, as far as it was found.
    work: BTreeMap<u64, Work>,
    /// What was found and has moved on since: a store may still have it.
    remains: BTreeMap<u64, Work>,
    /// The largest token that each application had.
    tokens: BTreeMap<u64, i64>,
    /// Tokens that were settled.
    settled: BTreeSet<(u64, i64)>,
    events: u64,
}

#[derive(Debug)]
struct Application {
    is_theirs: bool,
    is_in_progress: bool,
    version: u64,
    /// Seconds.
    since: i64,
    /// The place of its last event in the feed.
    place: u64,
}

#[derive(Debug, Clone)]
struct Work {
    is_theirs: bool,
    version: u64,
    since: i64,
    place: u64,
    /// When it is due again, or its lease ends.
    at: Option<i64>,
    /// Of the lease, unless it was settled.
    token: Option<i64>,
    attempts: u32,
}

/// What a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Held by the newest token.
    Held,
    /// Held until its application has moved on: a settlement changes nothing, whatever it says.
    MovedOn,
    Lost,
}

impl Model {
    pub fn knows(&self, number: u64) -> bool {
        self.applications.contains_key(&number)
    }

    /// The application is where this event has left it.
    pub fn moves_on(&mut self, number: u64, is_theirs: bool, event: &Event) {
        self.events += 1;
        let it = event.application();
        let is_in_progress = match (it.status(), it.source()) {
            (Status::Created, source) => source == Source::Vault,
            (Status::Processing | Status::Retried, _) => true,
            (Status::Approved | Status::Rejected | Status::Failed, _) => false,
        };
        let application = Application {
            is_theirs,
            is_in_progress,
            version: it.version(),
            since: (event.timestamp() - at(0)).num_seconds(),
            place: self.events,
        };
        self.applications.insert(number, application);
        if let Some(work) = self.work.remove(&number) {
            self.remains.insert(number, work);
        }
    }

    pub fn look(&mut self) {
        for (number, it) in &self.applications {
            if !it.is_in_progress || self.work.contains_key(number) {
                continue;
            }
            self.remains.remove(number);
            let work = Work {
                is_theirs: it.is_theirs,
                version: it.version,
                since: it.since,
                place: it.place,
                at: None,
                token: None,
                attempts: 0,
            };
            self.work.insert(*number, work);
        }
    }

    /// Whether a store may still have something that has moved on.
    pub fn has_remains(&self, is_theirs: bool) -> bool {
        self.remains.values().any(|it| it.is_theirs == is_theirs)
    }

    fn of(&self, is_theirs: bool) -> impl Iterator<Item = (u64, &Work)> {
        let of = self
            .work
            .iter()
            .filter(move |(_, it)| it.is_theirs == is_theirs);
        of.map(|(number, it)| (*number, it))
    }

    /// Whether something is new, and when the first of the others is due.
    pub fn due(&self, is_theirs: bool) -> (bool, Option<i64>) {
        let has_new = self.of(is_theirs).any(|(_, it)| it.at.is_none());
        (
            has_new,
            self.of(is_theirs).filter_map(|(_, it)| it.at).min(),
        )
    }

    pub fn all_due(&self, now: i64) -> BTreeSet<u64> {
        let due = self
            .work
            .iter()
            .filter(|(_, it)| it.at.is_none_or(|at| at <= now));
        due.map(|(number, _)| *number).collect()
    }

    /// A store that says that nothing is due has nothing that is, not even remains.
    pub fn nothing_is_due(&mut self, now: i64) {
        self.remains
            .retain(|_, it| it.at.is_some_and(|at| at > now));
    }

    /// What was claimed is due, and those of each kind that were first.
    pub fn are_first(&self, is_theirs: bool, now: i64, claimed: &[&LeasedWork]) {
        let number = |it: &&LeasedWork| number_of(it.lease.application);
        let claimed: Vec<_> = claimed.iter().map(number).collect();
        let taken: BTreeSet<_> = claimed.iter().copied().collect();
        assert_eq!(taken.len(), claimed.len(), "one was claimed twice");
        let due = self
            .of(is_theirs)
            .filter(|(_, it)| it.at.is_none_or(|at| at <= now));
        let (mut new, mut again) = (BTreeMap::new(), Vec::new());
        for (number, it) in due {
            match it.at {
                None => assert_eq!(new.insert(it.place, number), None),
                Some(at) => again.push((at, taken.contains(&number))),
            }
        }
        // New ones come in the order of the feed.
        let new: Vec<_> = new.into_values().collect();
        let taken_new: Vec<_> = claimed
            .iter()
            .copied()
            .filter(|it| new.contains(it))
            .collect();
        assert_eq!(taken_new, new[..taken_new.len()]);
        // Of the others, none that was left was due before one that was taken.
        let last_taken = again.iter().filter(|it| it.1).map(|it| it.0).max();
        let first_left = again.iter().filter(|it| !it.1).map(|it| it.0).min();
        assert!(first_left.is_none() || last_taken <= first_left);
        // And there are no others.
        let taken_again = again.iter().filter(|it| it.1).count();
        assert_eq!(
            taken_new.len() + taken_again,
            claimed.len(),
            "one was not due"
        );
    }

    pub fn is_leased(&mut self, leased: &LeasedWork, now: i64, end: i64) {
        let number = number_of(leased.lease.application);
        let work = self.work.get_mut(&number).expect("it is in progress");
        assert!(work.at.is_none_or(|at| at <= now));
        work.attempts += 1;
        assert_eq!(leased.attempt, work.attempts);
        assert_eq!(leased.since, at(work.since));
        assert_eq!(application(leased).version(), work.version);
        let before = self.tokens.insert(number, leased.lease.token);
        assert!(before < Some(leased.lease.token), "tokens grow");
        work.token = Some(leased.lease.token);
        work.at = Some(end);
    }

    /// What the lease is; with what has moved on only as long as its work was not found again.
    fn lease(&self, leased: &LeasedWork) -> Settled {
        let (number, token) = (number_of(leased.lease.application), leased.lease.token);
        let holds = |work: Option<&Work>| work.is_some_and(|it| it.token == Some(token));
        if holds(self.work.get(&number)) {
            Settled::Held
        } else if holds(self.remains.get(&number)) {
            Settled::MovedOn
        } else {
            Settled::Lost
        }
    }

    pub fn renew(&mut self, leased: &LeasedWork, until: i64) -> bool {
        let number = number_of(leased.lease.application);
        let is_held = self.lease(leased) == Settled::Held;
        if is_held {
            self.work.get_mut(&number).unwrap().at = Some(until);
        }
        is_held
    }

    /// Ends the lease: the work is put off to this time, if it is, and whether the attempt counts.
    pub fn settle(&mut self, leased: &LeasedWork, put_off: Option<(i64, bool)>) -> Settled {
        let (number, token) = (number_of(leased.lease.application), leased.lease.token);
        let lease = self.lease(leased);
        if lease == Settled::Lost {
            return lease;
        }
        assert!(
            self.settled.insert((number, token)),
            "it has settled already"
        );
        let found = match lease {
            Settled::Held => &mut self.work,
            _ => &mut self.remains,
        };
        match put_off {
            None => {
                found.remove(&number);
            }
            Some((at, counts)) => {
                let work = found.get_mut(&number).unwrap();
                work.at = Some(at);
                work.token = None;
                work.attempts -= u32::from(!counts);
            }
        }
        lease
    }

    /// How many wait, since when the oldest, and how many are under a lease.
    pub fn backlog(&self, is_theirs: bool) -> (u64, Option<i64>, u64) {
        let (mut waiting, mut oldest, mut under_way) = (0, None, 0);
        for (_, it) in self.of(is_theirs) {
            if it.token.is_some() {
                under_way += 1;
            } else {
                waiting += 1;
                oldest = Some(oldest.map_or(it.since, |oldest: i64| oldest.min(it.since)));
            }
        }
        (waiting, oldest, under_way)
    }

    /// The applications in progress, and their versions.
    pub fn in_progress(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = self.applications.iter().filter(|it| it.1.is_in_progress);
        all.map(|(number, it)| (*number, it.version))
    }
}
