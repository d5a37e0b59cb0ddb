//! What the store really did, as the judge of the processors sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use certificate_lifecycle::store::*;
use certificate_lifecycle::{AnyApplication, Status};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::claims::Claimed;
use super::life::Life;

/// The actor of the processors.
pub const PROCESSOR: &str = "processor";

/// An application, by its events and by the effects of claims and settlements.
pub struct App {
    pub institution: InstitutionId,
    pub version: u64,
    pub status: Status,
    pub is_in_progress: bool,
    /// When it is due again, or its lease ends; none if this version was never claimed.
    pub at: Option<DateTime<Utc>>,
    /// Since when it has been due, by the true time.
    pub since: DateTime<Utc>,
    /// The newest token, of any version.
    pub newest: i64,
    /// How often this version was claimed without being released again.
    pub attempts: u32,
}

/// All that happened, and what was wrong with it.
pub struct Record {
    /// How far the feed was read.
    pub seen: Cursor,
    pub apps: BTreeMap<Uuid, App>,
    pub claims: BTreeMap<WorkLease, Claimed>,
    /// Transitions by processors: events in the feed, and receipts of settlements.
    transitions: BTreeSet<(Uuid, u64)>,
    receipts: BTreeSet<(Uuid, u64)>,
    /// Which processors are gone: what is left of them is not judged.
    pub gone: BTreeSet<usize>,
    /// What the store has answered each processor: approved, failed, again.
    pub tallies: BTreeMap<usize, (u64, u64, u64)>,
    /// How many events there are.
    pub events: u64,
    violations: Vec<String>,
    pub counts: BTreeMap<&'static str, u64>,
    /// A digest of all that happened.
    pub digest: u64,
}

impl Record {
    pub fn new() -> Self {
        Self {
            seen: Cursor::START,
            apps: BTreeMap::new(),
            claims: BTreeMap::new(),
            transitions: BTreeSet::new(),
            receipts: BTreeSet::new(),
            gone: BTreeSet::new(),
            tallies: BTreeMap::new(),
            events: 0,
            violations: Vec::new(),
            counts: BTreeMap::new(),
            digest: 0,
        }
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub fn trace(&mut self, what: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        (self.digest, what).hash(&mut hasher);
        self.digest = hasher.finish();
    }

    pub fn check(&mut self, holds: bool, violated: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(violated());
        }
    }

    /// What was violated first.
    pub fn verdict(&self) -> Result<(), String> {
        let some: Vec<_> = self.violations.iter().take(3).cloned().collect();
        if some.is_empty() {
            return Ok(());
        }
        let all = self.violations.len();
        Err(format!("{} ({all} violations)", some.join("\n")))
    }

    /// An event is in the feed.
    pub fn committed(&mut self, recorded: &RecordedEvent, now: DateTime<Utc>) {
        self.seen = recorded.cursor;
        self.events += 1;
        let event = &recorded.event;
        let (uuid, version, left) = (event.uuid(), event.version(), event.application());
        self.trace(&(uuid, version, event.kind().name(), now));
        if recorded.actor.id.as_str() == PROCESSOR {
            let is_first = self.transitions.insert((uuid, version));
            self.check(is_first, || {
                format!("{uuid} {version} is twice in the feed")
            });
        }
        let before = self.apps.remove(&uuid);
        let newest = before.as_ref().map_or(i64::MIN, |it| it.newest);
        self.check(before.map_or(0, |it| it.version) + 1 == version, || {
            format!("{uuid}: version {version} is out of order")
        });
        let app = App {
            institution: recorded.institution.clone(),
            version,
            status: left.status(),
            is_in_progress: left.is_in_progress(),
            at: None,
            since: now,
            newest,
            attempts: 0,
        };
        self.apps.insert(uuid, app);
    }

    /// A claim has taken effect.
    pub fn claimed(
        &mut self,
        by: usize,
        claim: &WorkClaim,
        leased: &[LeasedWork],
        now: DateTime<Utc>,
    ) {
        for (institution, room) in &claim.wanted {
            let of = leased.iter().filter(|it| it.institution == *institution);
            let got = of.count();
            self.check(got <= *room as usize, || {
                format!("{got} were claimed where there was room for {room}")
            });
        }
        for it in leased {
            let (uuid, token) = (it.lease.application, it.lease.token);
            self.trace(&(by, uuid, token, it.attempt));
            let Some(app) = self.apps.get_mut(&uuid) else {
                self.check(false, || format!("{uuid} is claimed, and unknown"));
                continue;
            };
            let version = it.application.as_ref().map_or(0, AnyApplication::version);
            let is_current = app.is_in_progress && app.version == version;
            let is_due = app.at.is_none_or(|at| at <= claim.now);
            let is_new = token > app.newest;
            app.newest = token;
            app.attempts += 1;
            app.at = Some(claim.now + claim.lease);
            app.since = now;
            let attempts = app.attempts;
            self.check(is_current && is_due && is_new, || {
                format!("{uuid}: current {is_current}, due {is_due}, new token {is_new}")
            });
            self.check(it.attempt == attempts, || {
                format!("{uuid}: attempt {} is the {attempts}.", it.attempt)
            });
            let claimed = Claimed::new(by, version, it.attempt, it.institution.clone());
            self.claims.insert(it.lease, claimed);
        }
    }

    /// Whether this lease may renew and settle.
    pub fn is_held(&self, lease: WorkLease) -> bool {
        let (claimed, app) = (self.claims.get(&lease), self.apps.get(&lease.application));
        let (Some(claimed), Some(app)) = (claimed, app) else {
            return false;
        };
        app.newest == lease.token
            && !claimed.is_settled
            && app.is_in_progress
            && app.version == claimed.version
    }

    /// A renewal has taken effect.
    pub fn renewed(
        &mut self,
        lease: WorkLease,
        until: DateTime<Utc>,
        is_held: bool,
        now: DateTime<Utc>,
    ) {
        let expected = self.is_held(lease);
        self.check(is_held == expected, || {
            format!("{lease:?} is held: {expected}, and its renewal says {is_held}")
        });
        if let Some(app) = self.apps.get_mut(&lease.application).filter(|_| is_held) {
            app.at = Some(until);
            app.since = now;
        }
    }

    /// A settlement has taken effect. `was_held`: what [`is_held`](Self::is_held) said before it.
    pub fn settled(
        &mut self,
        by: usize,
        settlement: &WorkSettlement,
        was_held: bool,
        answer: &Result<WorkSettled, ExecuteError>,
        now: DateTime<Utc>,
    ) {
        let lease = settlement.lease;
        let uuid = lease.application;
        let is_effective = matches!(answer, Ok(WorkSettled::Done(_) | WorkSettled::PutOff));
        self.trace(&(by, uuid, lease.token, is_effective, now));
        let is_newest = self
            .apps
            .get(&uuid)
            .is_some_and(|it| it.newest == lease.token);
        self.check(is_newest || !is_effective, || {
            format!("{lease:?} settles, and is not the newest")
        });
        self.check(is_effective == was_held, || {
            format!("{lease:?} was held: {was_held}, and its settlement says {answer:?}")
        });
        if !matches!(answer, Ok(_) | Err(ExecuteError::Refused(_))) {
            self.check(false, || format!("the store says {answer:?}"));
        }
        let Some(claimed) = self.claims.get_mut(&lease) else {
            self.check(false, || format!("{lease:?} was never claimed"));
            return;
        };
        let (twice, version) = (claimed.is_settled && is_effective, claimed.version);
        claimed.is_settled |= is_effective
            || matches!(
                answer,
                Ok(WorkSettled::MovedOn) | Err(ExecuteError::Refused(_))
            );
        self.check(!twice, || format!("{lease:?} settles twice"));
        if let Ok(WorkSettled::Done(receipt)) = answer {
            let event = receipt.event.version();
            let is_first = self.receipts.insert((uuid, event));
            self.check(is_first && event == version + 1, || {
                format!("{uuid} moved on twice from version {version}")
            });
        }
        let (at, counts) = match &settlement.outcome {
            WorkOutcome::Again { at, .. } => (*at, true),
            WorkOutcome::Released { at, .. } => (*at, false),
            WorkOutcome::Done(_) => return,
        };
        if let Some(app) = self
            .apps
            .get_mut(&uuid)
            .filter(|_| is_effective && was_held)
        {
            app.at = Some(at);
            app.since = now;
            app.attempts -= u32::from(!counts);
        }
    }

    /// The end of the world.
    pub fn end(&mut self) {
        let (events, receipts) = (self.transitions.clone(), self.receipts.clone());
        self.check(events == receipts, || {
            format!("the feed has {events:?}, and the settlements were {receipts:?}")
        });
        self.idle();
    }

    /// Nothing is in progress.
    pub fn idle(&mut self) {
        let left = self.apps.iter().filter(|(_, it)| it.is_in_progress);
        let left: Vec<Uuid> = left.map(|(uuid, _)| *uuid).collect();
        self.check(left.is_empty(), || {
            format!("{left:?} are still in progress")
        });
    }

    /// Whether this processor has something under way, or to be recorded.
    pub fn has_something(&self, by: usize) -> bool {
        let mut its = self.claims.values().filter(|it| it.by == by);
        its.any(Claimed::is_open)
    }

    /// What is due for this processor, and since when, by the true time.
    pub fn due_since(&self, life: &Life) -> Vec<(Uuid, DateTime<Utc>)> {
        let (now, by_its_clock) = (life.world.now(), life.now());
        let only = life.options.institution.as_ref();
        let its = self
            .apps
            .iter()
            .filter(|(_, it)| it.is_in_progress && only.is_none_or(|only| it.institution == *only));
        let due = its.filter(|(_, it)| it.at.is_none_or(|at| at <= by_its_clock));
        let since = |at: Option<DateTime<Utc>>| at.map(|at| at + (now - by_its_clock));
        due.map(|(uuid, it)| (*uuid, since(it.at).map_or(it.since, |at| at.max(it.since))))
            .collect()
    }
}
