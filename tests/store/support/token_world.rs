//! Tokens, as the tests of the stores see them.

use certificate_lifecycle::store::{
    Actor, InstitutionId, PageKey, Role, Token, TokenId, TokenName, Tokens,
};

use super::at;
use super::world::ours;

pub fn token_id(number: u8) -> TokenId {
    TokenId::from_bytes([0xc1, 0, 0, 0, 0, 0, 0, number])
}

/// A token of an institution, or of all of them. Those of odd numbers have more than others.
pub fn token_of(institution: Option<InstitutionId>, number: u8) -> Token {
    let name = TokenName::new(format!("token no. {number}")).unwrap();
    let actor = Actor::administrator(format!("jane-{number}")).unwrap();
    let now = at(i64::from(number));
    let token = Token::new(
        token_id(number),
        [number; 32],
        name,
        institution,
        actor,
        now,
    );
    if number.is_multiple_of(2) {
        return token;
    }
    token
        .with_scopes(Role::Operator.scopes())
        .with_expires_at(Some(at(90 * 24 * 3600)))
        .with_last_used_at(Some(at(1000)))
}

pub fn our_token(number: u8) -> Token {
    token_of(Some(ours()), number)
}

/// The ids of all tokens, page by page, and what is reported beside them.
pub async fn token_pages(
    store: &impl Tokens,
    institution: Option<&InstitutionId>,
    limit: u32,
) -> (Vec<TokenId>, Vec<String>) {
    let (mut found, mut reported) = (Vec::new(), Vec::new());
    let mut after: Option<PageKey> = None;
    loop {
        let page = store.tokens(institution, after, limit).await.unwrap();
        let length = page.tokens.len() + page.corrupt.len();
        assert!(length <= usize::try_from(limit.max(1)).unwrap());
        found.extend(page.tokens.iter().map(|it| it.id));
        reported.extend(page.corrupt.iter().map(ToString::to_string));
        after = page.next;
        if after.is_none() {
            return (found, reported);
        }
    }
}
