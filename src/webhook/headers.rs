//! Headers of the receiver's own choice.

use http::{HeaderName, HeaderValue};

use crate::lifecycle::value::shorten;

/// How many headers a webhook may add.
const MOST: usize = 16;

/// How many bytes they may have together, names and values.
const LONGEST: usize = 4096;

/// Headers that every request to a webhook carries beside those of the contract, such as `Authorization`.
///
/// Values may be credentials, so `Debug` shows names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CustomHeaders(Vec<(HeaderName, HeaderValue)>);

/// Why headers cannot be added. It repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomHeaderError {
    /// No name of a header.
    #[error("{name:?} is no name of a header: it may have letters, digits and - only")]
    Name {
        /// What was given, shortened if it is long.
        name: String,
    },
    /// No value of a header.
    #[error("the value of header {name} must be visible ASCII, without line breaks")]
    Value {
        /// The header.
        name: String,
    },
    /// The dispatcher or HTTP itself sets it.
    #[error("header {name} is set by the dispatcher and cannot be chosen")]
    Reserved {
        /// The header.
        name: String,
    },
    /// The same name twice.
    #[error("header {name} is given twice")]
    Repeated {
        /// The header.
        name: String,
    },
    /// Too many.
    #[error("a webhook may add {MOST} headers with {LONGEST} bytes together")]
    TooMuch,
}

/// What a webhook cannot set: what frames the request, and what it says of itself.
const RESERVED: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl CustomHeaders {
    /// These headers.
    ///
    /// # Errors
    /// [`CustomHeaderError`] says which header cannot be added, and why.
    pub fn new<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CustomHeaderError> {
        let mut kept: Vec<(HeaderName, HeaderValue)> = Vec::new();
        let mut bytes = 0;
        for (name, value) in headers {
            let Ok(known) = HeaderName::try_from(name) else {
                let name = shorten(name);
                return Err(CustomHeaderError::Name { name });
            };
            let name = known.as_str().to_owned();
            if RESERVED.contains(&known.as_str()) || known.as_str().contains("webhook-") {
                return Err(CustomHeaderError::Reserved { name });
            }
            let visible = value.bytes().all(|it| (b' '..=b'~').contains(&it));
            let value = HeaderValue::from_str(value).ok().filter(|_| visible);
            let Some(mut value) = value else {
                return Err(CustomHeaderError::Value { name });
            };
            if kept.iter().any(|(other, _)| *other == known) {
                return Err(CustomHeaderError::Repeated { name });
            }
            bytes += name.len() + value.len();
            if kept.len() == MOST || bytes > LONGEST {
                return Err(CustomHeaderError::TooMuch);
            }
            // HTTP/2 does not index it, and its `Debug` is redacted.
            value.set_sensitive(true);
            kept.push((known, value));
        }
        Ok(Self(kept))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Names and values as texts.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        // A value was made from a text of visible ASCII.
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
    }
}

impl std::fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
