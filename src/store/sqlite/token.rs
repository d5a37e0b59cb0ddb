//! The embedded store with tokens.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, ToSql, params};

use super::SqliteStore;
use super::read::ask;
use crate::store::stored::{self, Columns, TOKEN_NUMBER, token_columns};
use crate::store::token::{BETWEEN_USES, Token, TokenId, TokenPage, Tokens};
use crate::store::{InstitutionId, PageKey, Result, StoreError};

/// Tokens as [`token`] reads them; to be followed by a condition.
macro_rules! tokens {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            token_columns!(),
            ", no FROM certlife_token WHERE ",
            $condition
        )
    };
}

/// Reads a row with its checks; what is wrong is reported with the row's key.
fn token(row: &Row<'_>) -> Result<Token> {
    stored::token(row).map_err(|problem| StoreError::corrupt(stored::token_key(row), problem))
}

fn page(
    connection: &Connection,
    institution: Option<&InstitutionId>,
    after: Option<PageKey>,
    limit: u32,
) -> Result<TokenPage> {
    let sql = match institution {
        Some(_) => tokens!("institution = ?1 AND no > ?2 ORDER BY no LIMIT ?3"),
        None => tokens!("?1 IS NULL AND no > ?2 ORDER BY no LIMIT ?3"),
    };
    let size = TokenPage::size(limit);
    // One more tells whether there is a next page.
    let most = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let after = after.map_or(i64::MIN, |it| it.0);
    let institution = institution.map(InstitutionId::as_str);
    let parameters: [&dyn ToSql; 3] = [&institution, &after, &most];
    let rows = ask(connection, sql, &parameters, |row| {
        let number = row.integer(TOKEN_NUMBER, "token.no");
        let number = number.map_err(|it| StoreError::corrupt(stored::token_key(row), it))?;
        Ok((PageKey(number), token(row)))
    })?;
    Ok(TokenPage::of(size, rows))
}

fn add(connection: &Connection, token: &Token) -> rusqlite::Result<bool> {
    let added = connection
        .prepare_cached(concat!(
            "INSERT INTO certlife_token (",
            token_columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING"
        ))?
        .execute(params![
            token.id.to_string(),
            token.name.as_str(),
            token.institution.as_ref().map(InstitutionId::as_str),
            stored::actor_code(token.actor.kind),
            token.actor.id.as_str(),
            token.scopes.to_string(),
            token.secret_hash.as_slice(),
            token.created_at.timestamp_millis(),
            token.expires_at.map(|it| it.timestamp_millis()),
            token.last_used_at.map(|it| it.timestamp_millis()),
        ])?;
    Ok(added == 1)
}

fn remove(
    connection: &Connection,
    institution: Option<&InstitutionId>,
    id: TokenId,
) -> rusqlite::Result<bool> {
    let institution = institution.map(InstitutionId::as_str);
    let removed = connection
        .prepare_cached(
            "DELETE FROM certlife_token WHERE id = ?1 AND (?2 IS NULL OR institution = ?2)",
        )?
        .execute(params![id.to_string(), institution])?;
    Ok(removed == 1)
}

fn used(connection: &Connection, id: TokenId, at: DateTime<Utc>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE certlife_token SET last_used_at = ?2 \
             WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?2 - ?3)",
        )?
        .execute(params![
            id.to_string(),
            at.timestamp_millis(),
            BETWEEN_USES.num_milliseconds(),
        ])?;
    Ok(())
}

impl Tokens for SqliteStore {
    async fn add_token(&self, token: Token) -> Result<bool> {
        self.change(1, move |write| add(write.connection(), &token).map(Ok))
            .await
    }

    async fn token(&self, id: TokenId) -> Result<Option<Token>> {
        self.read(move |reader| {
            let found = ask(reader, tokens!("id = ?1"), &[&id.to_string()], token)?;
            Ok(found.into_iter().next())
        })
        .await
    }

    async fn tokens(
        &self,
        institution: Option<&InstitutionId>,
        after: Option<PageKey>,
        limit: u32,
    ) -> Result<TokenPage> {
        let institution = institution.cloned();
        self.read(move |reader| page(reader, institution.as_ref(), after, limit))
            .await
    }

    async fn remove_token(&self, institution: Option<&InstitutionId>, id: TokenId) -> Result<bool> {
        let institution = institution.cloned();
        self.change(1, move |write| {
            remove(write.connection(), institution.as_ref(), id).map(Ok)
        })
        .await
    }

    async fn used_token(&self, id: TokenId, at: DateTime<Utc>) -> Result<()> {
        self.passing_change(1, move |write| used(write.connection(), id, at).map(Ok))
            .await
    }
}
