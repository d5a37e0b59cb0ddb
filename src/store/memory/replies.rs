//! Replies in memory.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::store::reply::{Begun, Kept, Reply};
use crate::store::{IdempotencyKey, InstitutionId};

/// All keys with what is kept under them.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The number of the last beginning.
    last: i64,
    rows: HashMap<(InstitutionId, IdempotencyKey), (i64, Kept)>,
}

impl Table {
    pub(super) fn begin(
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

    /// Keeps the reply of what this owner has begun and not ended.
    pub(super) fn end(
        &mut self,
        name: &(InstitutionId, IdempotencyKey),
        owner: i64,
        reply: Reply,
    ) -> bool {
        match self.rows.get_mut(name) {
            Some((found, kept)) if *found == owner && kept.reply.is_none() => {
                kept.reply = Some(reply);
                true
            }
            _ => false,
        }
    }

    /// Forgets what this owner has begun and not ended.
    pub(super) fn abandon(&mut self, name: &(InstitutionId, IdempotencyKey), owner: i64) -> bool {
        let row = self.rows.get(name);
        if row.is_some_and(|(found, kept)| *found == owner && kept.reply.is_none()) {
            self.rows.remove(name);
            return true;
        }
        false
    }
}
