//! What is kept under a key, and what it means for a request.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::record::{Begun, Reply};

/// How long a request may be carried out before it counts as broken off.
pub(in crate::store) const BROKEN_OFF: TimeDelta = TimeDelta::seconds(60);

/// What is kept under a key.
#[derive(Debug, Clone)]
pub(in crate::store) struct Kept {
    pub(in crate::store) request: Uuid,
    pub(in crate::store) begun_at: DateTime<Utc>,
    pub(in crate::store) reply: Option<Reply>,
}

impl Kept {
    /// What it answers to this request; none where the request was broken off, so that it begins
    /// anew.
    pub(in crate::store) fn answer(self, request: Uuid, now: DateTime<Utc>) -> Option<Begun> {
        if self.request != request {
            return Some(Begun::Other);
        }
        match self.reply {
            Some(reply) => Some(Begun::Done(reply)),
            None if now.signed_duration_since(self.begun_at) > BROKEN_OFF => None,
            None => Some(Begun::Running),
        }
    }
}
