//! Tokens in memory.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::store::token::{BETWEEN_USES, Token, TokenId, TokenPage};
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
    pub(super) fn add(&mut self, token: Token) -> bool {
        if self.numbers.contains_key(&token.id) {
            return false;
        }
        self.last += 1;
        self.numbers.insert(token.id, self.last);
        self.rows.insert(self.last, token);
        true
    }

    pub(super) fn get(&self, id: TokenId) -> Option<&Token> {
        self.rows.get(self.numbers.get(&id)?)
    }

    pub(super) fn page(
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

    pub(super) fn remove(&mut self, institution: Option<&InstitutionId>, id: TokenId) -> bool {
        let found = self.get(id);
        let is_of = |it: &Token| institution.is_none_or(|of| it.institution.as_ref() == Some(of));
        if !found.is_some_and(is_of) {
            return false;
        }
        let number = self.numbers.remove(&id);
        number.and_then(|it| self.rows.remove(&it)).is_some()
    }

    pub(super) fn used(&mut self, id: TokenId, at: DateTime<Utc>) {
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
