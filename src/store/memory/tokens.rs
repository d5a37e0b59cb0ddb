//! Tokens in memory.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::store::error::Result;
use crate::store::token::{BETWEEN_USES, Token, TokenId, TokenPage, Tokens};
use crate::store::{InstitutionId, PageKey};

/// All tokens.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The number of the last one.
    last: i64,
    /// By number, in the order in which they were added.
    rows: BTreeMap<i64, Token>,
    numbers: HashMap<TokenId, i64>,
}

impl Table {
    fn add(&mut self, token: Token) -> bool {
        if self.numbers.contains_key(&token.id) {
            return false;
        }
        self.last += 1;
        self.numbers.insert(token.id, self.last);
        self.rows.insert(self.last, token);
        true
    }

    fn get(&self, id: TokenId) -> Option<&Token> {
        self.rows.get(self.numbers.get(&id)?)
    }

    fn page(
        &self,
        institution: Option<&InstitutionId>,
        after: Option<PageKey>,
        limit: u32,
    ) -> TokenPage {
        let after = after.map_or(0, |it| it.0);
        let rows = self.rows.iter().filter(|(number, token)| {
            **number > after && institution.is_none_or(|it| token.institution.as_ref() == Some(it))
        });
        let size = TokenPage::size(limit);
        TokenPage::of(size, rows.map(|(at, it)| (PageKey(*at), Ok(it.clone()))))
    }

    fn remove(&mut self, institution: Option<&InstitutionId>, id: TokenId) -> bool {
        let found = self.get(id);
        let is_of = |it: &Token| institution.is_none_or(|of| it.institution.as_ref() == Some(of));
        if !found.is_some_and(is_of) {
            return false;
        }
        let number = self.numbers.remove(&id);
        number.and_then(|it| self.rows.remove(&it)).is_some()
    }

    fn used(&mut self, id: TokenId, at: DateTime<Utc>) {
        let number = self.numbers.get(&id);
        let Some(token) = number.and_then(|it| self.rows.get_mut(it)) else {
            return;
        };
        let recorded = token.last_used_at;
        if recorded.is_none_or(|it| at.signed_duration_since(it) >= BETWEEN_USES) {
            token.last_used_at = Some(at);
        }
    }
}

impl Tokens for MemoryStore {
    async fn add_token(&self, token: Token) -> Result<bool> {
        Ok(self.tables().tokens.add(token))
    }

    async fn token(&self, id: TokenId) -> Result<Option<Token>> {
        Ok(self.tables().tokens.get(id).cloned())
    }

    async fn tokens(
        &self,
        institution: Option<&InstitutionId>,
        after: Option<PageKey>,
        limit: u32,
    ) -> Result<TokenPage> {
        Ok(self.tables().tokens.page(institution, after, limit))
    }

    async fn remove_token(&self, institution: Option<&InstitutionId>, id: TokenId) -> Result<bool> {
        Ok(self.tables().tokens.remove(institution, id))
    }

    async fn used_token(&self, id: TokenId, at: DateTime<Utc>) -> Result<()> {
        self.tables().tokens.used(id, at);
        Ok(())
    }
}
