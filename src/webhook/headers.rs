//! Headers of the receiver's own choice.

use http::{HeaderName, HeaderValue};

use crate::excerpt::shorten;

/// How many headers a webhook may add.
const MOST: usize = 16;

/// How many bytes they may have together, names and values.
const LONGEST: usize = 4096;

/// Headers that every request to a webhook carries beside those of the contract, such as
/// `Authorization`.
///
/// Values may be credentials, so `Debug` shows names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CustomHeaders(Vec<(HeaderName, HeaderValue)>);

/// Why headers cannot be added. It repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomHeaderError {
    /// No name of a header.
    #[error("invalid header name {name:?}: only letters, digits and - are allowed")]
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
    /// It is one of [`CustomHeaders::RESERVED`].
    #[error("header {name} cannot be chosen: {reason}")]
    Reserved {
        /// The header.
        name: String,
        /// Why not.
        reason: ReservedHeader,
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

/// Why a header cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReservedHeader {
    /// Every request has it already.
    #[error("the dispatcher sets it")]
    Sent,
    /// It governs the framing of the request or its connection (RFC 9110, section 7.6.1).
    #[error(
        "it governs how the request is framed or its connection used, which HTTP itself decides"
    )]
    Connection,
    /// It describes the body.
    #[error("it would describe the body as encoded, but the body is plain JSON")]
    Encoding,
    /// It asks for an answer before the body is sent (RFC 9110, section 10.1.1).
    #[error("it would ask for an interim response, for which the dispatcher does not wait")]
    Expectation,
}

impl CustomHeaders {
    /// The headers that cannot be chosen, in lower case. The name of any other one is free, such as
    /// `X-Acme-Webhook-Token`.
    pub const RESERVED: [(&'static str, ReservedHeader); 20] = [
        ("connection", ReservedHeader::Connection),
        ("content-encoding", ReservedHeader::Encoding),
        ("content-length", ReservedHeader::Sent),
        ("content-type", ReservedHeader::Sent),
        ("expect", ReservedHeader::Expectation),
        ("host", ReservedHeader::Sent),
        ("keep-alive", ReservedHeader::Connection),
        ("proxy-connection", ReservedHeader::Connection),
        ("te", ReservedHeader::Connection),
        ("trailer", ReservedHeader::Connection),
        ("transfer-encoding", ReservedHeader::Connection),
        ("upgrade", ReservedHeader::Connection),
        ("user-agent", ReservedHeader::Sent),
        ("webhook-id", ReservedHeader::Sent),
        ("webhook-signature", ReservedHeader::Sent),
        ("webhook-timestamp", ReservedHeader::Sent),
        ("x-webhook-event", ReservedHeader::Sent),
        ("x-webhook-id", ReservedHeader::Sent),
        ("x-webhook-signature", ReservedHeader::Sent),
        ("x-webhook-timestamp", ReservedHeader::Sent),
    ];

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
            let mut reserved = Self::RESERVED.into_iter();
            if let Some((_, reason)) = reserved.find(|(reserved, _)| *reserved == name) {
                return Err(CustomHeaderError::Reserved { name, reason });
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

    /// Those that a store has kept, without the names that are reserved by now.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn restore<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CustomHeaderError> {
        let is_free = |(name, _): &(&str, &str)| {
            let mut reserved = Self::RESERVED.into_iter();
            !reserved.any(|(reserved, _)| reserved.eq_ignore_ascii_case(name))
        };
        Self::new(headers.into_iter().filter(is_free))
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
