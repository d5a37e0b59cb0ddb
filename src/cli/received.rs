//! A delivery as it came.

use chrono::{DateTime, Utc};

use super::arguments::whole_second;
use certificate_lifecycle::webhook::{
    Verified, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_WEBHOOK_SIGNATURE, X_WEBHOOK_TIMESTAMP,
};

/// The largest body that is read, in bytes: 1 MiB. An event is far smaller.
pub(super) const LARGEST: usize = 1 << 20;

/// The headers of a request, as they came.
#[derive(Debug, Default)]
pub(super) struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let headers = self.0.iter();
        headers.map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// A header's text, if it is there and one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut headers = self.iter();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        str::from_utf8(value).ok().map(str::trim)
    }

    /// When the attempt was sent, by whichever of its headers says so.
    pub(super) fn sent_at(&self) -> Option<DateTime<Utc>> {
        let standard = self
            .text(WEBHOOK_TIMESTAMP)
            .and_then(|it| it.parse().ok())
            .and_then(|it| DateTime::from_timestamp(it, 0));
        standard.or_else(|| Some(whole_second(self.text(X_WEBHOOK_TIMESTAMP)?)?.to_datetime()))
    }
}

/// Which of its two signatures a delivery was verified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// That of Standard Webhooks, which covers the event's id and the time of the attempt.
    Standard,
    /// The platform's, which covers the body alone.
    Platform,
}

impl Signature {
    pub(super) const fn of(verified: &Verified<'_>) -> Self {
        match verified.event_id {
            Some(_) => Self::Standard,
            None => Self::Platform,
        }
    }

    /// The header that it stands in.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Standard => WEBHOOK_SIGNATURE,
            Self::Platform => X_WEBHOOK_SIGNATURE,
        }
    }
}
