//! The embedded store with replies.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::SqliteStore;
use super::change::Outcome;
use crate::store::reply::{Begun, Kept, Replies, Reply};
use crate::store::stored::{kept_reply, reply_columns, reply_headers, reply_key};
use crate::store::{IdempotencyKey, InstitutionId, Result, StoreError};

/// Reads a row with its checks; what is wrong is reported with the row's key.
fn kept(row: &Row<'_>) -> Result<Kept> {
    kept_reply(row, 0).map_err(|problem| StoreError::corrupt(reply_key(row, 0), problem))
}

fn begin(
    connection: &Connection,
    institution: &InstitutionId,
    key: &IdempotencyKey,
    request: Uuid,
    now: DateTime<Utc>,
) -> Outcome<Begun> {
    let name = [institution.as_str(), key.as_str()];
    let kept = connection
        .prepare_cached(concat!(
            "SELECT ",
            reply_columns!(),
            " FROM certlife_reply WHERE institution = ?1 AND key = ?2"
        ))?
        .query_row(name, |row| Ok(kept(row)))
        .optional()?;
    let answer = match kept {
        None => None,
        Some(Ok(kept)) => match kept.answer(request, now) {
            // It was broken off. Its owner's number goes with it.
            None => {
                connection
                    .prepare_cached(
                        "DELETE FROM certlife_reply WHERE institution = ?1 AND key = ?2",
                    )?
                    .execute(name)?;
                None
            }
            answer => answer,
        },
        Some(Err(corrupt)) => return Ok(Err(corrupt)),
    };
    if let Some(answer) = answer {
        return Ok(Ok(answer));
    }
    connection
        .prepare_cached(
            "INSERT INTO certlife_reply (institution, key, request, begun_at) \
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            institution.as_str(),
            key.as_str(),
            request.as_bytes().as_slice(),
            now.timestamp_millis(),
        ])?;
    let owner = connection.last_insert_rowid();
    Ok(Ok(Begun::New { owner }))
}

fn end(
    connection: &Connection,
    institution: &InstitutionId,
    key: &IdempotencyKey,
    owner: i64,
    reply: &Reply,
) -> rusqlite::Result<bool> {
    let ended = connection
        .prepare_cached(
            "UPDATE certlife_reply SET status = ?4, headers = ?5, body = ?6 \
             WHERE institution = ?1 AND key = ?2 AND owner = ?3 AND status IS NULL",
        )?
        .execute(params![
            institution.as_str(),
            key.as_str(),
            owner,
            reply.status,
            reply_headers(reply),
            reply.body,
        ])?;
    Ok(ended == 1)
}

fn abandon(
    connection: &Connection,
    institution: &InstitutionId,
    key: &IdempotencyKey,
    owner: i64,
) -> rusqlite::Result<bool> {
    let abandoned = connection
        .prepare_cached(
            "DELETE FROM certlife_reply \
             WHERE institution = ?1 AND key = ?2 AND owner = ?3 AND status IS NULL",
        )?
        .execute(params![institution.as_str(), key.as_str(), owner])?;
    Ok(abandoned == 1)
}

impl Replies for SqliteStore {
    async fn begin_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        request: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Begun> {
        let (institution, key) = (institution.clone(), key.clone());
        self.change(1, move |write| {
            begin(write.connection(), &institution, &key, request, now)
        })
        .await
    }

    async fn end_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
        reply: Reply,
    ) -> Result<bool> {
        let (institution, key) = (institution.clone(), key.clone());
        self.change(1, move |write| {
            end(write.connection(), &institution, &key, owner, &reply).map(Ok)
        })
        .await
    }

    async fn abandon_reply(
        &self,
        institution: &InstitutionId,
        key: &IdempotencyKey,
        owner: i64,
    ) -> Result<bool> {
        let (institution, key) = (institution.clone(), key.clone());
        self.change(1, move |write| {
            abandon(write.connection(), &institution, &key, owner).map(Ok)
        })
        .await
    }
}
