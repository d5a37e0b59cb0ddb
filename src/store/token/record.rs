//! A token as it is kept.

use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::hex::{hex, unhex};
use super::scope::Scopes;
use crate::setters::setters;
use crate::store::actor::Actor;
use crate::store::json::time;
use crate::store::name::{InstitutionId, TokenName};
use crate::store::word::word;

/// What names a token: 16 lower-case hexadecimal digits. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 8]);

impl std::fmt::Debug for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenId({self})")
    }
}

impl TokenId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&hex(&self.0))
    }
}

/// A text that is no id of a token. The error does not repeat it: it may be a whole token, with its
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a token has 16 lower-case hexadecimal digits")]
#[non_exhaustive]
pub struct TokenIdError;

impl std::str::FromStr for TokenId {
    type Err = TokenIdError;

    /// # Errors
    /// [`TokenIdError`] where the text is none.
    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        unhex(text).map(Self).ok_or(TokenIdError)
    }
}

word!(TokenId);

/// A token of the HTTP API: who acts by it, for which institution, and what it allows.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Token {
    /// What names it.
    pub id: TokenId,
    /// What it is for.
    pub name: TokenName,
    /// The only institution that it is good for; none stands for all of them.
    pub institution: Option<InstitutionId>,
    /// Who acts by it.
    pub actor: Actor,
    /// What it allows. None at first.
    pub scopes: Scopes,
    /// What is kept of its secret: see `TokenSecret::hash`.
    pub secret_hash: [u8; 32],
    /// When it was created. Databases keep milliseconds, of the other times too.
    pub created_at: DateTime<Utc>,
    /// From when on it is good no more.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used, to the minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Token {
    /// A token that is created now. It allows nothing, and does not expire.
    #[must_use]
    pub const fn new(
        id: TokenId,
        secret_hash: [u8; 32],
        name: TokenName,
        institution: Option<InstitutionId>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            name,
            institution,
            actor,
            scopes: Scopes::none(),
            secret_hash,
            created_at: now,
            expires_at: None,
            last_used_at: None,
        }
    }

    setters! {
        with_scopes: scopes, Scopes;
        with_expires_at: expires_at, Option<DateTime<Utc>>;
        with_last_used_at: last_used_at, Option<DateTime<Utc>>;
    }

    /// What the name of a session of the console begins with; the id of the token that has signed
    /// in follows.
    #[cfg(feature = "server")]
    pub(crate) const SESSION: &str = "console session of ";

    /// The token by which a reader of the console has signed in, if this is such a session: its
    /// name says so. A session is good for the console alone.
    #[cfg(feature = "server")]
    pub(crate) fn session_of(&self) -> Option<TokenId> {
        self.name.as_str().strip_prefix(Self::SESSION)?.parse().ok()
    }

    /// Whether it is good no more at this time.
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|it| it <= now)
    }
}

/// How long after the last recorded use another one is recorded.
pub(in crate::store) const BETWEEN_USES: TimeDelta = TimeDelta::seconds(60);

impl std::fmt::Debug for Token {
    /// Everything but the hash of the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("institution", &self.institution)
            .field("actor", &self.actor)
            .field("scopes", &self.scopes)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("last_used_at", &self.last_used_at)
            .finish_non_exhaustive()
    }
}

impl Serialize for Token {
    /// `id`, `name`, `institution` (`*` for all of them), `actor` (`kind:id`), `scopes` (their
    /// names), `created_at`, `expires_at`, `last_used_at` (both may be null). Nothing of the
    /// secret.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("name", &self.name)?;
        let institution = self.institution.as_ref();
        map.serialize_entry("institution", institution.map_or("*", |it| it.as_str()))?;
        map.serialize_entry("actor", &self.actor.to_string())?;
        map.serialize_entry("scopes", &self.scopes)?;
        map.serialize_entry("created_at", &time(self.created_at))?;
        map.serialize_entry("expires_at", &self.expires_at.map(time))?;
        map.serialize_entry("last_used_at", &self.last_used_at.map(time))?;
        map.end()
    }
}
