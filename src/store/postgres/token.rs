//! The store with tokens.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::failure::{Failure, failed, in_time};
use super::outbox::milliseconds;
use super::read;
use super::session::{Cached, Session};
use super::sql::statements;
use crate::store::stored::{self, Columns, TOKEN_NUMBER, token_columns};
use crate::store::token::{BETWEEN_USES, Token, TokenId, TokenPage, Tokens};
use crate::store::{InstitutionId, PageKey, Result, StoreError};

/// Tokens as [`token`] reads them; to be followed by a condition.
macro_rules! tokens {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            token_columns!(),
            ", number FROM certlife_token WHERE ",
            $condition
        )
    };
}

statements! {
    ONE(TEXT) = tokens!("id = $1");

    PAGE(TEXT, INT8, INT8) = tokens!(
        "($1::text IS NULL OR institution = $1) AND number > $2 ORDER BY number LIMIT $3"
    );

    ADD(TEXT, TEXT, TEXT, INT2, TEXT, TEXT, BYTEA, INT8, INT8, INT8) = concat!(
        "INSERT INTO certlife_token (",
        token_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING RETURNING id"
    );

    REMOVE(TEXT, TEXT) = "\
        DELETE FROM certlife_token WHERE id = $1 AND ($2::text IS NULL OR institution = $2) \
        RETURNING id";

    USED(TEXT, INT8, INT8) = "\
        UPDATE certlife_token SET last_used_at = $2 \
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
}

/// Reads a row with its checks; what is wrong is reported with the row's key.
fn token(row: &Row) -> Result<Token> {
    stored::token(row).map_err(|problem| StoreError::corrupt(stored::token_key(row), problem))
}

async fn page(
    client: &Session,
    institution: Option<&InstitutionId>,
    after: Option<PageKey>,
    limit: u32,
) -> Result<TokenPage> {
    let size = TokenPage::size(limit);
    // One more tells whether there is a next page.
    let most = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let after = after.map_or(i64::MIN, |it| it.0);
    let institution = institution.map(InstitutionId::as_str);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&institution, Type::TEXT),
        (&after, Type::INT8),
        (&most, Type::INT8),
    ];
    // Not prepared: which plan is good depends on what is asked for.
    let rows = client.query_typed(PAGE, &parameters).await;
    let rows: Vec<_> = rows
        .map_err(failed)?
        .iter()
        .map(|row| {
            let number = row.integer(TOKEN_NUMBER, "token.number");
            let number = number.map_err(|it| StoreError::corrupt(stored::token_key(row), it))?;
            Ok((PageKey(number), token(row)))
        })
        .collect::<Result<_>>()?;
    Ok(TokenPage::of(size, rows))
}

async fn used(client: &Session, id: TokenId, at: DateTime<Utc>) -> Result<(), Failure> {
    let until = milliseconds(at).saturating_sub(BETWEEN_USES.num_milliseconds());
    let (id, at) = (id.to_string(), milliseconds(at));
    let parameters: [&(dyn ToSql + Sync); 3] = [&id, &at, &until];
    client.rows(USED, &parameters).await?;
    Ok(())
}

impl Tokens for PostgresStore {
    async fn add_token(&self, token: Token) -> Result<bool> {
        let parameters: [&(dyn ToSql + Sync); 10] = [
            &token.id.to_string(),
            &token.name.as_str(),
            &token.institution.as_ref().map(InstitutionId::as_str),
            &stored::actor_code(token.actor.kind),
            &token.actor.id.as_str(),
            &token.scopes.to_string(),
            &token.secret_hash.as_slice(),
            &milliseconds(token.created_at),
            &token.expires_at.map(milliseconds),
            &token.last_used_at.map(milliseconds),
        ];
        let is_new = !self.change(ADD, &parameters).await?.is_empty();
        if !is_new {
            self.confirmed().await?;
        }
        Ok(is_new)
    }

    async fn token(&self, id: TokenId) -> Result<Option<Token>> {
        let id = id.to_string();
        self.read(async |reader| {
            let rows = read::query(reader, ONE, &[&id]).await?;
            rows.first().map(token).transpose()
        })
        .await
    }

    async fn tokens(
        &self,
        institution: Option<&InstitutionId>,
        after: Option<PageKey>,
        limit: u32,
    ) -> Result<TokenPage> {
        self.read(async |reader| page(reader, institution, after, limit).await)
            .await
    }

    async fn remove_token(&self, institution: Option<&InstitutionId>, id: TokenId) -> Result<bool> {
        let institution = institution.map(InstitutionId::as_str);
        let parameters: [&(dyn ToSql + Sync); 2] = [&id.to_string(), &institution];
        let is_removed = !self.change(REMOVE, &parameters).await?.is_empty();
        if !is_removed {
            self.confirmed().await?;
        }
        Ok(is_removed)
    }

    async fn used_token(&self, id: TokenId, at: DateTime<Utc>) -> Result<()> {
        let tries = self.tries_of_a_dispatcher();
        let limit = tries.limit;
        let record = |session: Session| async move {
            let recorded = in_time(limit, used(&session, id, at)).await;
            (session, recorded)
        };
        self.retry(tries, record).await
    }
}
