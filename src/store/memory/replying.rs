//! The memory store with replies.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::MemoryStore;
use crate::store::error::Result;
use crate::store::reply::{Begun, Replies, Reply};
use crate::store::{IdempotencyKey, InstitutionId};

impl Replies for MemoryStore {
    async fn begin_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        request: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Begun> {
        let name = (institution.clone(), key.clone());
        Ok(self.tables().replies.begin(name, request, now))
    }

    async fn end_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
        reply: Reply,
    ) -> Result<bool> {
        let name = (institution.clone(), key.clone());
        Ok(self.tables().replies.end(&name, owner, reply))
    }

    async fn abandon_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
    ) -> Result<bool> {
        let name = (institution.clone(), key.clone());
        Ok(self.tables().replies.abandon(&name, owner))
    }
}
