//! Replies of the HTTP API that are kept under their idempotency keys.

mod kept;
mod record;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::contract::{Store, contract};
use super::error::StoreError;
use super::name::{IdempotencyKey, InstitutionId};

#[cfg(feature = "postgres")]
pub(super) use kept::BROKEN_OFF;
pub(super) use kept::Kept;
pub use record::{Begun, Reply};

contract! {
    /// What a store adds for the HTTP API: the replies to requests that make no event, under their
    /// idempotency keys. They are kept as long as the data.
    ///
    /// The keys of commands ([`Request::idempotency_key`](super::Request)) are apart from these.
    /// Each institution has keys of its own.
    ($) pub trait Replies: Store as replies {
        /// Begins a request under this key, unless it was begun before. `request` is a digest of
        /// all that makes it this request.
        ///
        /// A request that was begun more than 60 seconds before `now`, and has no reply, counts as
        /// broken off: the same request begins anew, and the one before can no longer end.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn begin_reply(
            institution: &InstitutionId,
            key: &IdempotencyKey,
            request: Uuid,
            now: DateTime<Utc>,
        ) -> Result<Begun, StoreError>;

        /// Keeps the reply of the request that was begun with this `owner` ([`Begun::New`]).
        /// `false` if another one has begun since, or a reply is kept already.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn end_reply(
            institution: &InstitutionId,
            key: &IdempotencyKey,
            owner: i64,
            reply: Reply,
        ) -> Result<bool, StoreError>;

        /// Nothing came of the request that was begun with this `owner`: its key is free again.
        /// `false` if another one has begun since, or a reply is kept already.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn abandon_reply(
            institution: &InstitutionId,
            key: &IdempotencyKey,
            owner: i64,
        ) -> Result<bool, StoreError>;
    }
}
