//! Replies in memory.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::MemoryStore;
use crate::store::error::Result;
use crate::store::reply::{Begun, Kept, Replies, Reply};
use crate::store::{IdempotencyKey, InstitutionId};

/// All keys with what is kept under them.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The number of the last beginning.
    last: i64,
    rows: HashMap<(InstitutionId, IdempotencyKey), (i64, Kept)>,
}

impl Table {
    fn begin(
        &mut self,
        name: (InstitutionId, IdempotencyKey),
        request: Uuid,
        now: DateTime<Utc>,
    ) -> Begun {
        let kept = self.rows.get(&name).map(|(_, kept)| kept.clone());
        if let Some(answer) = kept.and_then(|it| it.answer(request, now)) {
            return answer;
        }
        self.last += 1;
        let (begun_at, reply) = (now, None);
        let kept = Kept {
            request,
            begun_at,
            reply,
        };
        self.rows.insert(name, (self.last, kept));
        Begun::New { owner: self.last }
    }

    /// What this owner has begun and not ended.
    fn running(&mut self, name: &(InstitutionId, IdempotencyKey), owner: i64) -> Option<&mut Kept> {
        let (found, kept) = self.rows.get_mut(name)?;
        (*found == owner && kept.reply.is_none()).then_some(kept)
    }
}

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
        let mut tables = self.tables();
        let running = tables.replies.running(&name, owner);
        Ok(running.map(|it| it.reply = Some(reply)).is_some())
    }

    async fn abandon_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
    ) -> Result<bool> {
        let name = (institution.clone(), key.clone());
        let mut tables = self.tables();
        if tables.replies.running(&name, owner).is_none() {
            return Ok(false);
        }
        Ok(tables.replies.rows.remove(&name).is_some())
    }
}
