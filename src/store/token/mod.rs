//! Tokens of the HTTP API: who may ask for what.

mod hex;
#[cfg(feature = "verify")]
mod matching;
mod record;
mod scope;
mod secret;
#[cfg(test)]
#[path = "../../../tests/unit/tokens.rs"]
mod tests;

use chrono::{DateTime, Utc};

use super::contract::{Store, contract};
use super::error::StoreError;
use super::name::InstitutionId;
use super::page::page;
use super::queries::PageKey;

pub(super) use record::BETWEEN_USES;
pub use record::{Token, TokenId, TokenIdError};
pub use scope::{Role, Scope, Scopes};
pub use secret::{NoRandomness, TokenSecret};

contract! {
    /// What a store adds for the HTTP API: its tokens.
    ///
    /// A token belongs to one institution, or is good for all of them. What belongs to another
    /// institution is unknown to whom names one.
    ($) pub trait Tokens: Store as tokens {
        /// Keeps a new token; `false` if its id is taken, in whichever institution.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn add_token(token: Token) -> Result<bool, StoreError>;

        /// The token with this id, of whichever institution, also if it has expired: what a request
        /// is looked up by.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn token(id: TokenId) -> Result<Option<Token>, StoreError>;

        /// One page of tokens, in the order in which they were created, after this key: those of
        /// exactly this institution, or all there are. A token that is good for all institutions
        /// is only among all there are.
        ///
        /// A page has at most `limit` tokens, corrupt ones included; 0 counts as 1. Tokens that
        /// come and go meanwhile shift no page.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn tokens(
            institution: Option<&InstitutionId>,
            after: Option<PageKey>,
            limit: u32,
        ) -> Result<TokenPage, StoreError>;

        /// Forgets a token; `false` if there is none by this id. With an institution, only if it is
        /// of exactly that one.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn remove_token(
            institution: Option<&InstitutionId>,
            id: TokenId,
        ) -> Result<bool, StoreError>;

        /// Records when a token was used. It changes nothing if the use that is recorded was less
        /// than a minute before, or later, or if there is no such token. A record that was answered
        /// may be lost with the machine's power.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn used_token(id: TokenId, at: DateTime<Utc>) -> Result<(), StoreError>;
    }
}

/// One page of a list of tokens.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TokenPage {
    /// The tokens, in the order in which they were created.
    pub tokens: Vec<Token>,
    /// What stands on this page and cannot be read: for each a [`StoreError::Corrupt`] that names
    /// the token. It does not keep the others from being listed.
    pub corrupt: Vec<StoreError>,
    /// What the next page begins after; none after the last.
    pub next: Option<PageKey>,
}

impl TokenPage {
    /// How many rows a page has at most.
    pub(super) const fn size(limit: u32) -> usize {
        if limit == 0 { 1 } else { limit as usize }
    }

    /// The page of these rows: the key of each, and what it says.
    pub(super) fn of(
        size: usize,
        rows: impl IntoIterator<Item = (PageKey, Result<Token, StoreError>)>,
    ) -> Self {
        let page = page(size, rows);
        Self {
            tokens: page.sound,
            corrupt: page.corrupt.into_iter().map(|(_, error)| error).collect(),
            next: page.next,
        }
    }
}
