//! The embedded store as a queue of background work.

mod claim;
mod find;
mod read;
mod settle;

use chrono::{DateTime, Utc};

use super::job::Job;
use super::{SqliteStore, writer_ended};
use crate::store::work::{
    DueWork, LeasedWork, WorkBacklog, WorkClaim, WorkLease, WorkQueue, WorkSettled, WorkSettlement,
};
use crate::store::{ExecuteError, InstitutionId, Result};
use read::Look;
use settle::Settling;

impl WorkQueue for SqliteStore {
    async fn due_work(&self, institution: Option<&InstitutionId>) -> Result<DueWork> {
        let institution = institution.cloned();
        let of = institution.clone();
        let look = self.read(move |reader| read::look(reader, of.as_ref()));
        let behind = match look.await? {
            Look::Due(due) => return Ok(DueWork::new(due)),
            Look::Behind(behind) => behind,
        };
        let has_more = self
            .passing_change(behind, |write| find::find(write.connection()))
            .await?;
        let due = self.read(move |reader| read::due(reader, institution.as_ref()));
        Ok(DueWork::new(due.await?).with_has_more(has_more))
    }

    async fn claim_work(&self, claim: WorkClaim) -> Result<Vec<LeasedWork>> {
        let room = claim.wanted.iter().map(|(_, room)| *room as usize).sum();
        let claimed = self
            .passing_change(room, move |write| {
                claim::claim(write.connection(), &claim).map(Ok)
            })
            .await?;
        self.read(move |reader| claim::with_applications(reader, &claimed))
            .await
    }

    async fn renew_work(&self, leases: Vec<WorkLease>, until: DateTime<Utc>) -> Result<Vec<bool>> {
        self.passing_change(leases.len(), move |write| {
            settle::renew(write.connection(), &leases, until).map(Ok)
        })
        .await
    }

    async fn settle_work(
        &self,
        settlements: Vec<WorkSettlement>,
    ) -> Vec<Result<WorkSettled, ExecuteError>> {
        let (settling, answers) = Settling::new(settlements);
        if let Err(error) = self.send(Job::Change(Box::new(settling))) {
            let failed = |_| Err(error.clone().into());
            return answers.into_iter().map(failed).collect();
        }
        let mut settled = Vec::with_capacity(answers.len());
        for answer in answers {
            settled.push(answer.await.unwrap_or_else(|_| Err(writer_ended().into())));
        }
        settled
    }

    async fn work_backlog(&self, institution: Option<&InstitutionId>) -> Result<Vec<WorkBacklog>> {
        let institution = institution.cloned();
        self.read(move |reader| read::backlog(reader, institution.as_ref()))
            .await
    }
}
