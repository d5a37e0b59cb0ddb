//! The store with replies.

use chrono::{DateTime, Utc};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::PostgresStore;
use super::outbox::milliseconds;
use super::sql::statements;
use crate::store::reply::{BROKEN_OFF, Begun, Replies, Reply};
use crate::store::stored::{Columns, kept_reply, reply_columns, reply_headers, reply_key};
use crate::store::{IdempotencyKey, InstitutionId, Result, StoreError};

statements! {
    /// One row with the owner, if the request has begun; otherwise what is kept. No row if another
    /// has begun, or ended, at the same time.
    BEGIN(TEXT, TEXT, UUID, INT8, INT8) = concat!(
        "WITH begun AS ( \
             INSERT INTO certlife_reply AS kept (institution, key, request, begun_at) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (institution, key) DO UPDATE \
             SET owner = EXCLUDED.owner, begun_at = EXCLUDED.begun_at \
             WHERE kept.request = EXCLUDED.request AND kept.status IS NULL AND kept.begun_at < $5 \
             RETURNING owner \
         ) \
         SELECT owner, NULL::uuid, NULL::bigint, NULL::smallint, NULL::text, NULL::bytea \
         FROM begun \
         UNION ALL \
         SELECT NULL, ",
        reply_columns!(),
        " FROM certlife_reply \
         WHERE institution = $1 AND key = $2 AND NOT EXISTS (SELECT FROM begun)"
    );

    END(TEXT, TEXT, INT8, INT2, TEXT, BYTEA) = "\
        UPDATE certlife_reply SET status = $4, headers = $5, body = $6 \
        WHERE institution = $1 AND key = $2 AND owner = $3 AND status IS NULL RETURNING owner";

    ABANDON(TEXT, TEXT, INT8) = "\
        DELETE FROM certlife_reply \
        WHERE institution = $1 AND key = $2 AND owner = $3 AND status IS NULL RETURNING owner";
}

impl PostgresStore {
    /// Whether the statement has found what it changes.
    async fn changes(&self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<bool> {
        let is_changed = !self.change(sql, parameters).await?.is_empty();
        if !is_changed {
            self.confirmed().await?;
        }
        Ok(is_changed)
    }
}

impl Replies for PostgresStore {
    async fn begin_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        request: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Begun> {
        let at = milliseconds(now);
        let broken_off = at.saturating_sub(BROKEN_OFF.num_milliseconds());
        let parameters: [&(dyn ToSql + Sync); 5] = [
            &institution.as_str(),
            &key.as_str(),
            &request,
            &at,
            &broken_off,
        ];
        let rows = self.change(BEGIN, &parameters).await?;
        let Some(row) = rows.first() else {
            self.confirmed().await?;
            return Ok(Begun::Running);
        };
        let corrupt = |problem| StoreError::corrupt(reply_key(row, 1), problem);
        if let Some(owner) = row.integer_or_none(0, "reply.owner").map_err(corrupt)? {
            return Ok(Begun::New { owner });
        }
        let kept = kept_reply(row, 1).map_err(corrupt)?;
        self.confirmed().await?;
        Ok(kept.answer(request, now).unwrap_or(Begun::Running))
    }

    async fn end_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
        reply: Reply,
    ) -> Result<bool> {
        // A status has three digits.
        let status = i16::try_from(reply.status).unwrap_or(i16::MAX);
        let parameters: [&(dyn ToSql + Sync); 6] = [
            &institution.as_str(),
            &key.as_str(),
            &owner,
            &status,
            &reply_headers(&reply),
            &reply.body,
        ];
        self.changes(END, &parameters).await
    }

    async fn abandon_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
    ) -> Result<bool> {
        let parameters: [&(dyn ToSql + Sync); 3] = [&institution.as_str(), &key.as_str(), &owner];
        self.changes(ABANDON, &parameters).await
    }
}
