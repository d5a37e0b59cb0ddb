//! The memory store with tokens.

use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::store::error::Result;
use crate::store::token::{Token, TokenId, TokenPage, Tokens};
use crate::store::{InstitutionId, PageKey};

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
