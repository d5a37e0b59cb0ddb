//! The memory store as a queue of work.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::pieces::place;
use super::work::Row;
use super::{MemoryStore, Tables};
use crate::lengths::later;
use crate::store::cells::Cells;
use crate::store::error::Result;
use crate::store::outbox::{is_of_lease, next_lease};
use crate::store::work::{
    DueInstitution, DueWork, LeasedWork, WorkBacklog, WorkClaim, WorkLease, WorkOutcome, WorkQueue,
    WorkSettled, WorkSettlement, first_token,
};
use crate::store::{ExecuteError, InstitutionId};

/// How many events are looked at, at most, by one question what is due.
const LOOKS: usize = 4096;

impl Tables {
    /// Finds what has come into progress since the last look.
    fn find_work(&mut self) {
        let in_progress = Cells::in_progress();
        let end = self.log.len().min(self.work.seen.saturating_add(LOOKS));
        for at in self.work.seen..end {
            let Some(entered) = self.log.get(place(at)) else {
                break;
            };
            let (application, since) = (entered.application, entered.at());
            let token = first_token(entered.version.into());
            let Some(row) = self.applications.get(application) else {
                continue;
            };
            let is_last = row.last as usize == at;
            let (status, source) = (entered.kind.status(), row.trigger_context.source());
            if !is_last || !in_progress.contains(status, source) {
                continue;
            }
            let institution = row.institution;
            self.work.remove(application);
            self.work.insert(
                application,
                Row {
                    institution,
                    event: place(at),
                    since: since.into(),
                    at: None,
                    token,
                    attempts: 0,
                },
            );
        }
        self.work.seen = end;
    }

    /// Whether the application is still at the event since which it is in progress.
    fn is_current(&self, application: u32, row: &Row) -> bool {
        let it = self.applications.get(application);
        it.is_some_and(|it| it.last == row.event)
    }

    fn claim_work(&mut self, claim: &WorkClaim) -> Vec<LeasedWork> {
        let mut leased = Vec::new();
        for (institution, room) in &claim.wanted {
            let Some(number) = self.institution(institution) else {
                continue;
            };
            // They go back into the queue together, so that a claim takes each of them once, also
            // where its leases end at once.
            let mut taken = Vec::new();
            for (is_new, until) in [(false, claim.again(*room)), (true, *room), (false, *room)] {
                while taken.len() < until as usize
                    && let Some(next) = self.work.next(number, is_new, claim.now)
                {
                    taken.extend(self.lease(next, claim).map(|row| (next, row)));
                }
            }
            for (application, row) in taken {
                leased.extend(self.leased(application, &row, institution));
                self.work.insert(application, row);
            }
        }
        leased
    }

    /// Takes a lease, unless the application has moved on: then the claim is over.
    fn lease(&mut self, application: u32, claim: &WorkClaim) -> Option<Row> {
        let mut row = self.work.remove(application)?;
        if !self.is_current(application, &row) {
            return None;
        }
        row.at = Some(later(claim.now, claim.lease));
        row.token = next_lease(row.token);
        row.attempts = row.attempts.saturating_add(1);
        Some(row)
    }

    fn leased(
        &self,
        application: u32,
        row: &Row,
        institution: &InstitutionId,
    ) -> Option<LeasedWork> {
        let last = self.last(self.applications.get(application)?)?;
        Some(LeasedWork {
            lease: WorkLease::new(last.uuid(), row.token),
            institution: institution.clone(),
            attempt: row.attempts,
            since: row.since,
            application: Ok(last.application()),
        })
    }

    fn renew(&mut self, lease: WorkLease, until: DateTime<Utc>) -> bool {
        let Some(application) = self.applications.number(lease.application) else {
            return false;
        };
        let row = self.work.held(application, lease.token);
        if !row.is_some_and(|row| self.is_current(application, row)) {
            return false;
        }
        if let Some(row) = self.work.remove(application) {
            let at = Some(until);
            self.work.insert(application, Row { at, ..row });
        }
        true
    }

    fn settle_work(&mut self, settlement: WorkSettlement) -> Result<WorkSettled, ExecuteError> {
        let lease = settlement.lease;
        let application = self.applications.number(lease.application);
        let held = application.filter(|it| self.work.held(*it, lease.token).is_some());
        let Some((application, mut row)) =
            held.and_then(|it| self.work.remove(it).map(|row| (it, row)))
        else {
            return Ok(WorkSettled::Lost);
        };
        let (at, counts) = match settlement.outcome {
            WorkOutcome::Done(append) => {
                let receipt = self.append_each(&append)?;
                return Ok(WorkSettled::Done(Box::new(receipt)));
            }
            WorkOutcome::Again { at, .. } => (at, true),
            WorkOutcome::Released { at, .. } => (at, false),
        };
        if !self.is_current(application, &row) {
            return Ok(WorkSettled::MovedOn);
        }
        row.at = Some(at);
        row.token += 1;
        row.attempts = row.attempts.saturating_sub(u32::from(!counts));
        self.work.insert(application, row);
        Ok(WorkSettled::PutOff)
    }

    fn due_work(&self, institution: Option<&InstitutionId>) -> Vec<DueInstitution> {
        let due = self.work.queues.iter().filter_map(|(number, queue)| {
            let of = self.institutions.all.get(*number as usize)?;
            Some(DueInstitution {
                institution: of.clone(),
                has_new: !queue.new.is_empty(),
                at: queue.later.first().map(|(at, _)| *at),
            })
        });
        due.filter(|it| institution.is_none_or(|of| it.institution == *of))
            .collect()
    }

    fn work_backlog(&self, institution: Option<&InstitutionId>) -> Vec<WorkBacklog> {
        let mut backlog: BTreeMap<InstitutionId, WorkBacklog> = BTreeMap::new();
        for row in self.work.rows.values() {
            let Some(of) = self.institutions.all.get(row.institution as usize) else {
                continue;
            };
            if institution.is_some_and(|it| it != of) {
                continue;
            }
            let entry = backlog.entry(of.clone());
            let entry = entry.or_insert_with(|| WorkBacklog::new(of.clone()));
            if is_of_lease(row.token) {
                entry.under_way += 1;
                continue;
            }
            entry.waiting += 1;
            entry.oldest = Some(entry.oldest.map_or(row.since, |it| it.min(row.since)));
        }
        backlog.into_values().collect()
    }
}

impl WorkQueue for MemoryStore {
    async fn due_work(&self, institution: Option<&InstitutionId>) -> Result<DueWork> {
        let mut tables = self.tables();
        tables.find_work();
        let has_more = tables.work.seen < tables.log.len();
        Ok(DueWork::new(tables.due_work(institution)).with_has_more(has_more))
    }

    async fn claim_work(&self, claim: WorkClaim) -> Result<Vec<LeasedWork>> {
        Ok(self.tables().claim_work(&claim))
    }

    async fn renew_work(&self, leases: Vec<WorkLease>, until: DateTime<Utc>) -> Result<Vec<bool>> {
        let mut tables = self.tables();
        Ok(leases
            .into_iter()
            .map(|it| tables.renew(it, until))
            .collect())
    }

    async fn settle_work(
        &self,
        settlements: Vec<WorkSettlement>,
    ) -> Vec<Result<WorkSettled, ExecuteError>> {
        let mut tables = self.tables();
        let before = tables.log.len();
        let settle = |it| tables.settle_work(it);
        let settled = settlements.into_iter().map(settle).collect();
        if tables.log.len() > before {
            self.commits.send_replace(());
        }
        settled
    }

    async fn work_backlog(&self, institution: Option<&InstitutionId>) -> Result<Vec<WorkBacklog>> {
        Ok(self.tables().work_backlog(institution))
    }
}
