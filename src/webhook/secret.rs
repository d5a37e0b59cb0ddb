//! What a webhook and its receiver share.

use super::base64;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// How many bytes a key may have (Standard Webhooks: 192 to 512 bits).
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret of a webhook: `whsec_` and the base64 of its key (RFC 4648, section 4), in the one
/// form that every library of Standard Webhooks reads alike: with padding, and neither with blanks
/// nor with the letters `-` and `_` of the URL-safe alphabet, which some libraries pass over.
///
/// It appears in no `Debug`, so in no log and in no error: who needs it asks for it by
/// [`expose`](Self::expose).
///
/// ```
/// use certificate_lifecycle::webhook::Secret;
///
/// let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
/// assert_eq!(format!("{secret:?}"), "Secret(whsec_…)");
/// assert!("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse::<Secret>().is_err());
/// # Ok::<(), certificate_lifecycle::webhook::SecretError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    key: Vec<u8>,
}

/// Why a text is no secret. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It begins with something else.
    #[error("a secret begins with whsec_")]
    NoPrefix,
    /// What follows is no base64, or that of the URL-safe alphabet.
    #[error(
        "after whsec_, a secret is base64 (A-Z, a-z, 0-9, + and /, not - and _, padded with =), without \
         blanks"
    )]
    NotBase64,
    /// What follows is base64 without its padding, which other libraries of Standard Webhooks
    /// refuse.
    #[error(
        "the padding at the end of the secret is missing: append {padding} to it, here and at the receiver"
    )]
    NoPadding {
        /// What is missing: `=` or `==`.
        padding: &'static str,
    },
    /// The key is too short or too long.
    #[error("the key of a secret has {} to {} bytes, but this one has {bytes}", BYTES.start(), BYTES.end())]
    Length {
        /// How many it has.
        bytes: usize,
    },
    /// The system has no random bytes for a new one.
    #[error("the system gives no random bytes for a new secret")]
    NoRandomness,
}

impl Secret {
    /// The secret with this key.
    ///
    /// # Errors
    /// [`SecretError::Length`] unless the key has 24 to 64 bytes.
    pub fn from_key(key: &[u8]) -> Result<Self, SecretError> {
        if !BYTES.contains(&key.len()) {
            return Err(SecretError::Length { bytes: key.len() });
        }
        Ok(Self {
            text: format!("{PREFIX}{}", base64::encode(key)),
            key: key.to_owned(),
        })
    }

    /// A new secret: 32 random bytes.
    ///
    /// # Errors
    /// [`SecretError::NoRandomness`] where the system gives none.
    #[cfg(feature = "engine")]
    pub fn generate() -> Result<Self, SecretError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| SecretError::NoRandomness)?;
        Self::from_key(&key)
    }

    /// A secret that a store has kept. Some were kept before padding was demanded; they sign as
    /// they did.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn restore(text: &str) -> Result<Self, SecretError> {
        match text.parse() {
            Err(SecretError::NoPadding { padding }) => {
                let padded: Self = format!("{text}{padding}").parse()?;
                let text = text.to_owned();
                Ok(Self { text, ..padded })
            }
            secret => secret,
        }
    }

    /// The whole text, to be shown once and kept by the receiver.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The key of the Standard Webhooks signature.
    #[cfg(feature = "verify")]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

impl std::str::FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::NoPrefix)?;
        let key = base64::decode(encoded).ok_or_else(|| {
            let padding = base64::missing_padding(encoded);
            padding.map_or(SecretError::NotBase64, |padding| SecretError::NoPadding {
                padding,
            })
        })?;
        if !BYTES.contains(&key.len()) {
            return Err(SecretError::Length { bytes: key.len() });
        }
        // As it was given: its own bytes are the key of the platform's signature.
        Ok(Self {
            text: text.to_owned(),
            key,
        })
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({PREFIX}…)")
    }
}
