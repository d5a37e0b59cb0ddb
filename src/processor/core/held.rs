//! The leases that a processor holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::super::work::Cancelled;
use crate::backoff::Backoff;
use crate::instants::Instants;
use crate::store::{InstitutionId, WorkLease};

/// Work under a lease.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) institution: InstitutionId,
    pub(super) attempt: u32,
    /// The version that the application moves on from.
    pub(super) version: u64,
    /// Whether the work is still going on; otherwise its outcome is to be recorded.
    pub(super) is_running: bool,
    /// Whether the work has said that it moved the application on.
    pub(super) is_done: bool,
    /// Why the work is to end, if it is.
    pub(super) cancelled: Option<Cancelled>,
}

/// All leases, and when they are renewed.
#[derive(Debug)]
pub(super) struct Held {
    all: BTreeMap<WorkLease, Holding>,
    running: u32,
    /// When the leases are renewed next.
    renew_at: Option<Instant>,
    is_renewing: bool,
    failures: Backoff,
}

impl Held {
    pub(super) const fn new() -> Self {
        Self {
            all: BTreeMap::new(),
            running: 0,
            renew_at: None,
            is_renewing: false,
            failures: Backoff::after_failure(),
        }
    }

    /// How many applications are worked on.
    pub(super) const fn running(&self) -> u32 {
        self.running
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many applications are worked on for each institution.
    pub(super) fn running_of(&self) -> BTreeMap<&InstitutionId, u32> {
        let mut count = BTreeMap::new();
        for it in self.all.values().filter(|it| it.is_running) {
            *count.entry(&it.institution).or_default() += 1;
        }
        count
    }

    /// A lease was taken at this time.
    pub(super) fn insert(
        &mut self,
        now: Instants,
        lease: WorkLease,
        holding: Holding,
        renew_every: Duration,
    ) {
        self.running += u32::from(holding.is_running);
        self.all.insert(lease, holding);
        self.renew_at.get_or_insert_with(|| now.after(renew_every));
    }

    /// Work has ended. None if nothing is known of it.
    pub(super) fn end(&mut self, lease: WorkLease) -> Option<&Holding> {
        let holding = self.all.get_mut(&lease)?;
        if holding.is_running {
            holding.is_running = false;
            self.running = self.running.saturating_sub(1);
        }
        Some(holding)
    }

    pub(super) fn get(&self, lease: WorkLease) -> Option<&Holding> {
        self.all.get(&lease)
    }

    pub(super) fn remove(&mut self, lease: WorkLease) {
        if let Some(holding) = self.all.remove(&lease) {
            self.running = self.running.saturating_sub(u32::from(holding.is_running));
        }
        if self.all.is_empty() {
            self.renew_at = None;
        }
    }

    /// Notes that the work is to end. False if it has ended, or is to end already.
    pub(super) fn cancel(&mut self, lease: WorkLease, why: Cancelled) -> bool {
        let Some(holding) = self.all.get_mut(&lease) else {
            return false;
        };
        let is_new = holding.is_running && holding.cancelled.is_none();
        if is_new {
            holding.cancelled = Some(why);
        }
        is_new
    }

    /// Notes that the work has said that it moved the application on.
    pub(super) fn says_done(&mut self, lease: WorkLease) {
        if let Some(holding) = self.all.get_mut(&lease) {
            holding.is_done = true;
        }
    }

    pub(super) fn is_said_to_be_done(&self, lease: WorkLease) -> bool {
        self.all.get(&lease).is_some_and(|it| it.is_done)
    }

    /// Notes that the lease is lost, also if the work is to end for another reason.
    pub(super) fn lose(&mut self, lease: WorkLease) {
        if let Some(holding) = self.all.get_mut(&lease) {
            holding.cancelled = Some(Cancelled::LostLease);
        }
    }

    /// The leases of work on this application that is going on.
    pub(super) fn running_on(&self, application: Uuid) -> Vec<WorkLease> {
        let of = WorkLease::new(application, i64::MIN)..=WorkLease::new(application, i64::MAX);
        let running = self.all.range(of).filter(|(_, it)| it.is_running);
        running.map(|(lease, _)| *lease).collect()
    }

    /// The leases of work that is going on.
    pub(super) fn leases_of_running(&self) -> Vec<WorkLease> {
        let running = self.all.iter().filter(|(_, it)| it.is_running);
        running.map(|(lease, _)| *lease).collect()
    }

    /// The leases that are to be renewed, if it is time. Those that are lost are not.
    pub(super) fn begin_renewal(&mut self, now: Instants, every: Duration) -> Vec<WorkLease> {
        let is_due = self.renew_at.is_some_and(|at| at <= now.monotonic);
        if !is_due || self.is_renewing {
            return Vec::new();
        }
        let is_lost = |it: &Holding| it.cancelled == Some(Cancelled::LostLease);
        let held = self.all.iter().filter(|(_, it)| !is_lost(it));
        let held: Vec<_> = held.map(|(lease, _)| *lease).collect();
        self.renew_at = Some(now.after(every));
        self.is_renewing = !held.is_empty();
        held
    }

    pub(super) const fn renewed(&mut self) {
        self.is_renewing = false;
        self.failures.reset();
    }

    pub(super) fn renewal_failed(&mut self, now: Instants) {
        self.is_renewing = false;
        let wait = self.failures.next();
        self.renew_at = (!self.all.is_empty()).then(|| now.after(wait));
    }

    /// When the leases are renewed next, unless they are being renewed.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.renew_at.filter(|_| !self.is_renewing)
    }
}
