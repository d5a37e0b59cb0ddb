//! What is claimed, and which leases are kept.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::work::{Cancelled, Work};
use super::held::Holding;
use super::pacing::{GATHER, Pending, Wanted};
use super::{Core, Effect, Goal, Report};
use crate::instants::Instants;
use crate::lengths::later;
use crate::lifecycle::action::Command;
use crate::share::shares;
use crate::store::{
    DueInstitution, DueWork, LeasedWork, StoreError, WorkClaim, WorkLease, WorkOutcome,
};

/// How long work waits that cannot be read.
const UNREADABLE_WAITS: Duration = Duration::from_secs(60);

impl Core {
    /// The store has said what is due.
    pub(super) fn due_answered(
        &mut self,
        now: Instants,
        took: Duration,
        answer: Result<DueWork, StoreError>,
    ) {
        let due = match answer {
            Ok(due) => due,
            Err(error) => {
                self.pacing.store_failed(now);
                self.store_failed(error, "the store cannot be asked what is due");
                return;
            }
        };
        let is_due = |it: &DueInstitution| it.has_new || it.at.is_some_and(|at| at <= now.wall);
        let (ready, waiting): (Vec<_>, Vec<_>) = due.institutions.into_iter().partition(is_due);
        let pending = match (ready.is_empty() && !due.has_more, waiting.is_empty()) {
            (false, _) => Pending::Now,
            (true, false) => Pending::Later,
            (true, true) => Pending::Nothing,
        };
        self.pacing.due_answered(now, took, pending);
        if self.goal == Goal::Finish {
            return;
        }
        if let Some(at) = waiting.iter().filter_map(|it| it.at).min() {
            self.pacing.ask_when(now, at);
        }
        if due.has_more {
            // Another processor may be looking just now.
            self.pacing.ask_in(now, GATHER);
        }
        self.claim_for(&ready);
    }

    /// Plans a claim for these institutions, as far as there is room for it; says whether it did.
    pub(super) fn claim_for(&mut self, ready: &[DueInstitution]) -> bool {
        let running = self.held.running_of();
        let most = self.options.most_of_one.unwrap_or(u32::MAX);
        let under_way = ready.iter().map(|it| {
            let has = running.get(&it.institution).copied().unwrap_or_default();
            (has, most.saturating_sub(has))
        });
        let under_way: Vec<(u32, u32)> = under_way.collect();
        let free = self.free();
        let rooms = match &under_way[..] {
            // There are no others to keep room for.
            [(_, most)] if self.options.institution.is_some() => vec![free.min(*most)],
            all => shares(free, self.rotation, all),
        };
        self.rotation = self.rotation.wrapping_add(free as usize);
        let (mut wanted, mut claimed_for) = (Wanted::new(), Vec::new());
        for (it, room) in ready.iter().zip(rooms).filter(|(_, room)| *room > 0) {
            wanted.push((it.institution.clone(), room));
            claimed_for.push(it.clone());
        }
        self.pacing.set_has_more(wanted.len() < ready.len());
        let is_planned = !wanted.is_empty();
        self.pacing.plan(wanted, claimed_for);
        is_planned
    }

    /// The store has answered a claim.
    pub(super) fn claim_answered(
        &mut self,
        now: Instants,
        claim: &WorkClaim,
        answer: Result<Vec<LeasedWork>, StoreError>,
    ) {
        let leased = match answer {
            Ok(leased) => leased,
            Err(error) => {
                self.pacing.store_failed(now);
                self.store_failed(error, "work cannot be claimed");
                return;
            }
        };
        let is_filled = |institution: &_| {
            let got = leased.iter().filter(|it| it.institution == *institution);
            let got = got.count();
            let wanted = claim.wanted.iter().find(|(it, _)| it == institution);
            wanted.is_some_and(|(_, room)| got >= *room as usize)
        };
        self.pacing
            .claim_answered(now, is_filled, leased.is_empty());
        for work in leased {
            self.admit(now, work);
        }
    }

    /// Begins claimed work.
    fn admit(&mut self, now: Instants, leased: LeasedWork) {
        let LeasedWork {
            lease,
            institution,
            attempt,
            application,
            ..
        } = leased;
        // Its lease has ended here, and is taken anew: what still goes on under it is in vain.
        for old in self.held.running_on(lease.application) {
            self.lose(old);
        }
        let holding = |version, is_running| Holding {
            institution: institution.clone(),
            attempt,
            version,
            is_running,
            is_done: false,
            cancelled: None,
        };
        let renew_every = self.renew_every();
        let application = match application {
            Ok(application) => application,
            Err(error) => {
                self.held.insert(now, lease, holding(0, false), renew_every);
                let (at, reason) = (later(now.wall, UNREADABLE_WAITS), error.to_string());
                self.report(Report::Unreadable { lease, error });
                let reason = Some(reason);
                self.settle(lease, WorkOutcome::Released { at, reason });
                return;
            }
        };
        let version = application.version();
        let begins = self.goal != Goal::Finish && attempt <= self.options.attempts;
        self.held
            .insert(now, lease, holding(version, begins), renew_every);
        if self.goal == Goal::Finish {
            self.release(now, lease);
        } else if begins {
            let deadline = later(now.wall, self.options.timeout);
            let work = Work::new(application, institution, attempt, deadline);
            self.effects.push_back(Effect::Start(lease, Box::new(work)));
        } else {
            let made = attempt.saturating_sub(1);
            let error = format!("none of {made} attempts came to an end");
            let fail = Command::Fail(super::settling::processing_error(&error));
            self.done(now, lease, fail);
        }
    }

    /// When a lease ends that is taken or renewed now.
    pub(super) fn end_of_lease(&self, now: Instants) -> DateTime<Utc> {
        later(now.wall, self.options.lease)
    }

    /// The store has answered a renewal.
    pub(super) fn renewed(
        &mut self,
        now: Instants,
        leases: &[WorkLease],
        answer: Result<Vec<bool>, StoreError>,
    ) {
        let are_held = match answer {
            Ok(are_held) => are_held,
            Err(error) => {
                self.held.renewal_failed(now);
                self.store_failed(error, "leases cannot be renewed");
                return;
            }
        };
        self.held.renewed();
        for (lease, is_held) in leases.iter().zip(are_held) {
            // One that is not running may have been settled meanwhile: its settlement tells.
            let is_running = self.held.get(*lease).is_some_and(|it| it.is_running);
            if !is_held && is_running {
                self.lose(*lease);
            }
        }
    }

    /// A lease is lost: its work is cancelled, and its outcome will be dropped.
    fn lose(&mut self, lease: WorkLease) {
        let is_lost = |it: &Holding| it.cancelled == Some(Cancelled::LostLease);
        if self.held.get(lease).is_some_and(|it| !is_lost(it)) {
            self.held.lose(lease);
            self.effects
                .push_back(Effect::Cancel(lease, Cancelled::LostLease));
            self.summary.lost += 1;
            self.report(Report::LostLease(lease));
        }
    }
}
