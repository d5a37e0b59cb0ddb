//! The memory store with acts.

use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::store::InstitutionId;
use crate::store::audit::{Act, ActId, ActOutcome, ActPage, Audit};
use crate::store::error::Result;

impl Audit for MemoryStore {
    async fn record_act(&self, act: Act) -> Result<ActId> {
        Ok(self.tables().acts.record(act))
    }

    async fn end_act(&self, id: ActId, outcome: ActOutcome) -> Result<()> {
        self.tables().acts.end(id, outcome);
        Ok(())
    }

    async fn acts(
        &self,
        institution: Option<&InstitutionId>,
        before: Option<ActId>,
        limit: u32,
    ) -> Result<ActPage> {
        Ok(self.tables().acts.page(institution, before, limit))
    }

    async fn prune_acts(&self, before: DateTime<Utc>, limit: u32) -> Result<u64> {
        Ok(self.tables().acts.prune(before, limit))
    }
}
