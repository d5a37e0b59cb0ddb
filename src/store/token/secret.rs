//! The secret of a token, and how a request shows it.

use super::hex::{hex, unhex};
use super::record::TokenId;

/// What every token begins with.
const PREFIX: &str = "clt_";

/// The secret of a token: 32 random bytes. The store keeps only its hash.
///
/// It appears in no `Debug`, so in no log and in no error. The bearer token that a client sends is
/// `clt_<id>_<secret>`, both parts in lower-case hexadecimal digits:
///
/// ```
/// use certificate_lifecycle::store::TokenSecret;
///
/// let (id, secret) = TokenSecret::generate()?;
/// let bearer = secret.bearer(id);
/// assert!(bearer.starts_with(&format!("clt_{id}_")));
/// let (found, same) = TokenSecret::parse_bearer(&bearer).expect("a token");
/// assert_eq!((found, same.expose()), (id, secret.expose()));
/// assert_eq!(format!("{secret:?}"), "TokenSecret(…)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenSecret([u8; 32]);

/// The system has no random bytes for a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes for a new token")]
#[non_exhaustive]
pub struct NoRandomness;

impl TokenSecret {
    /// A new secret, and a new id.
    ///
    /// # Errors
    /// [`NoRandomness`] where the system gives none.
    pub fn generate() -> Result<(TokenId, Self), NoRandomness> {
        let (mut id, mut secret) = ([0; 8], [0; 32]);
        getrandom::fill(&mut id).map_err(|_| NoRandomness)?;
        getrandom::fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok((TokenId::from_bytes(id), Self(secret)))
    }

    /// The id and the secret of a bearer token; none where the text is none.
    #[must_use]
    pub fn parse_bearer(text: &str) -> Option<(TokenId, Self)> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some((id.parse().ok()?, Self(unhex(secret)?)))
    }

    /// The bearer token of the token with this id: to be shown once.
    #[must_use]
    pub fn bearer(&self, id: TokenId) -> String {
        format!("{PREFIX}{id}_{}", self.expose())
    }

    /// The secret part of the bearer token alone.
    #[must_use]
    pub fn expose(&self) -> String {
        hex(&self.0)
    }

    /// The 32 bytes.
    #[cfg(feature = "verify")]
    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}
