//! The store as a queue of background work.

pub(super) mod claim;
pub(super) mod settle;

use chrono::{DateTime, Utc};

use super::PostgresStore;
use super::failure::in_time;
use super::outbox::{RELEASE, milliseconds};
use super::session::Session;
use crate::store::work::WorkQueue;
use crate::store::{
    DueInstitution, DueWork, ExecuteError, InstitutionId, LeasedWork, Result, WorkBacklog,
    WorkClaim, WorkLease, WorkOutcome, WorkSettled, WorkSettlement,
};

impl PostgresStore {
    /// What is known to be due, and whether there are events that were not looked at yet.
    async fn known_work(&self, institution: Option<&InstitutionId>) -> Result<(DueWork, bool)> {
        let session = self.tries_of_a_dispatcher().session().await?;
        let due = async |session: &Session| claim::due(session, institution).await;
        self.ask(session, due).await.map(|(_, due)| due)
    }

    /// Gives back what was claimed and is not to be worked on. If it fails, the leases end.
    async fn release_work(&self, at: DateTime<Utc>, leased: &[LeasedWork]) {
        let released = |it: &LeasedWork| {
            let outcome = WorkOutcome::Released { at, reason: None };
            WorkSettlement::new(it.lease, outcome)
        };
        let settlements: Vec<_> = leased.iter().map(released).collect();
        let released = settle::settle(self, &settlements);
        drop(tokio::time::timeout(RELEASE, released).await);
    }
}

impl WorkQueue for PostgresStore {
    async fn due_work(&self, institution: Option<&InstitutionId>) -> Result<DueWork> {
        let (mut known, is_behind) = self.known_work(institution).await?;
        if !is_behind {
            return Ok(known);
        }
        let tries = self.tries_of_a_dispatcher();
        let limit = tries.limit;
        let find = |session: Session| async move {
            let found = in_time(limit, claim::find(&session)).await;
            (session, found)
        };
        let (has_more, found) = self.retry(tries, find).await?;
        let Some(found) = found else {
            let (known, _) = self.known_work(institution).await?;
            return Ok(known.with_has_more(has_more));
        };
        for of in found {
            let mut known_ones = known.institutions.iter_mut();
            if let Some(it) = known_ones.find(|it| it.institution == of) {
                it.has_new = true;
            } else if institution.is_none_or(|it| *it == of) {
                known
                    .institutions
                    .push(DueInstitution::new(of).with_has_new(true));
            }
        }
        Ok(known.with_has_more(has_more))
    }

    async fn claim_work(&self, claim: WorkClaim) -> Result<Vec<LeasedWork>> {
        let mut tries = self.tries_of_a_dispatcher();
        loop {
            let mut client = tries.session().await?;
            let claimed = in_time(tries.limit, claim::claim(&mut client, &claim)).await;
            let outcome = match claimed {
                // Nothing is worked on that a failover could take back.
                Ok((leased, Some(last))) => match client.confirm_up_to(last, tries.limit).await {
                    Ok(()) => Ok(leased),
                    Err(failure) => {
                        client.give_up();
                        self.release_work(claim.now, &leased).await;
                        return Err(failure.into_error());
                    }
                },
                Ok((leased, None)) => Ok(leased),
                Err(failure) => Err(failure),
            };
            if let Some(answer) = tries.end(client, outcome).await {
                return answer;
            }
        }
    }

    async fn renew_work(&self, leases: Vec<WorkLease>, until: DateTime<Utc>) -> Result<Vec<bool>> {
        let tries = self.tries_of_a_dispatcher();
        let (limit, until, renewed) = (tries.limit, milliseconds(until), &leases);
        let renew = |session: Session| async move {
            let held = in_time(limit, claim::renew(&session, renewed, until)).await;
            (session, held)
        };
        let held = self.retry(tries, renew).await?;
        Ok(leases.iter().map(|it| held.contains(it)).collect())
    }

    async fn settle_work(
        &self,
        settlements: Vec<WorkSettlement>,
    ) -> Vec<Result<WorkSettled, ExecuteError>> {
        settle::settle(self, &settlements).await
    }

    async fn work_backlog(&self, institution: Option<&InstitutionId>) -> Result<Vec<WorkBacklog>> {
        self.read(async |reader| claim::backlog(reader, institution).await)
            .await
    }
}
