//! What databases keep of a token.

use super::{Columns, Problem, code, decode, rule};
use crate::store::actor::{Actor, ActorKind};
use crate::store::name::{ActorId, InstitutionId, TokenName};
use crate::store::token::{Scopes, Token, TokenId};

/// The columns from which [`token`] reads it, in their order.
macro_rules! token_columns {
    () => {
        "id, name, institution, actor_kind, actor, scopes, secret_hash, created_at, expires_at, \
         last_used_at"
    };
}
pub(in crate::store) use token_columns;

/// The place of the number, behind those columns.
pub(in crate::store) const TOKEN_NUMBER: usize = 10;

/// From the columns of `token_columns!`.
pub(in crate::store) fn token(row: &impl Columns) -> Result<Token, Problem> {
    let id: Result<TokenId, _> = row.word(0, "token.id")?.parse();
    let id = id.map_err(|it| format!("token.id: {it}"))?;
    let institution = row.word_or_none(2, "token.institution")?;
    let institution = institution.map(InstitutionId::new).transpose();
    let kind = row.integer(3, "token.actor_kind")?;
    let kind = decode(&ActorKind::ALL, "token.actor_kind", kind)?;
    let actor = ActorId::new(row.word(4, "token.actor")?).map_err(rule)?;
    let scopes = Scopes::from_stored(&row.word(5, "token.scopes")?);
    let hash = row.bytes(6, "token.secret_hash")?;
    let length = hash.len();
    let hash = <[u8; 32]>::try_from(hash)
        .map_err(|_| format!("token.secret_hash must have 32 bytes, but has {length}"))?;
    let token = Token::new(
        id,
        hash,
        TokenName::new(row.word(1, "token.name")?).map_err(rule)?,
        institution.map_err(rule)?,
        Actor::new(kind, actor),
        row.time(7, "token.created_at")?,
    );
    Ok(token
        .with_scopes(scopes.map_err(|_| {
            "token.scopes names a scope that this version of the program does not know".to_owned()
        })?)
        .with_expires_at(row.time_or_none(8, "token.expires_at")?)
        .with_last_used_at(row.time_or_none(9, "token.last_used_at")?))
}

/// The number by which databases know this kind of actor.
pub(in crate::store) fn actor_code(kind: ActorKind) -> i16 {
    code(&ActorKind::ALL, &kind)
}

/// The key of the row, for reports, as far as it can be read.
pub(in crate::store) fn token_key(row: &impl Columns) -> String {
    let id = row.word(0, "token.id").ok();
    match id.and_then(|it| it.parse::<TokenId>().ok()) {
        Some(id) => format!("token {id}"),
        None => match row.integer(TOKEN_NUMBER, "token.number") {
            Ok(number) => format!("token row {number}"),
            Err(_) => "a row of table certlife_token".to_owned(),
        },
    }
}
