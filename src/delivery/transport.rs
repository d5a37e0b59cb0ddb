//! Sends one request.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue};

use crate::lengths::between;
use crate::setters::setters;
use crate::webhook::WebhookUrl;

/// One request: a POST with these headers and this body.
#[derive(Clone)]
#[non_exhaustive]
pub struct OutgoingRequest {
    /// Where it goes.
    pub url: WebhookUrl,
    /// Its headers, except those that frame the body.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The event, as it is signed.
    pub body: Vec<u8>,
}

impl OutgoingRequest {
    /// A request without headers of its own.
    #[must_use]
    pub const fn new(url: WebhookUrl, body: Vec<u8>) -> Self {
        Self {
            url,
            headers: Vec::new(),
            body,
        }
    }

    setters! {
        with_headers: headers, Vec<(HeaderName, HeaderValue)>;
    }
}

impl fmt::Debug for OutgoingRequest {
    /// Without the values of headers and the event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("OutgoingRequest")
            .field("url", &self.url)
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// The answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The pause that the server asks for.
    pub retry_after: Option<RetryAfter>,
    /// The beginning of the body, at most [`Response::EXCERPT`] bytes. Of a body that was late or
    /// broke off, only what came.
    pub excerpt: Vec<u8>,
}

impl Response {
    /// A response with this status, and nothing else.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            retry_after: None,
            excerpt: Vec::new(),
        }
    }

    setters! {
        with_retry_after: retry_after, Option<RetryAfter>;
        with_excerpt: excerpt, Vec<u8>;
    }

    /// How much of a response is kept, in bytes.
    pub const EXCERPT: usize = 4 << 10;

    /// How much of a response is read, in bytes, so that its connection can be used again.
    pub const READ: usize = 16 << 10;
}

/// A `Retry-After` header (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// For this long.
    Delay(Duration),
    /// Until then.
    Until(DateTime<Utc>),
}

impl RetryAfter {
    /// How long that is from now on; zero if it has passed.
    #[must_use]
    pub fn from(self, now: DateTime<Utc>) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::Until(time) => between(now, time),
        }
    }
}

/// Why there is no response. The message repeats nothing of the request but the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The target guard refuses the target: its scheme, or one of its addresses.
    #[error("the target is refused: {0}")]
    Refused(String),
    /// No connection: the name is unknown, the server is down, or its certificate is wrong.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The deadline passed before the head of a response had come.
    #[error("no response within the deadline, while {0}")]
    Timeout(&'static str),
    /// This machine has run out of a resource that requests need, such as file descriptors. The
    /// receiver is not to blame, so this does not count as an attempt.
    #[error("this machine has run out of {0}")]
    Local(String),
    /// The connection broke before the head of a response had come, or the answer was not HTTP.
    #[error("the connection failed: {0}")]
    Broken(String),
}

/// Sends requests: `HttpTransport`, or a substitute in a test.
pub trait Transport: Send + Sync + 'static {
    /// Sends the request, and reads the response until the deadline. The head of the response
    /// decides: a body that is late or breaks off is no error. Dropping the future cancels the
    /// request.
    ///
    /// If no head has come by the deadline, the answer is [`SendError::Timeout`]. The deadline is
    /// on the clock of tokio, which a test may pause: wait with
    /// `tokio::time::timeout_at(deadline.into(), …)`. A dispatcher cancels a request that goes on
    /// for half of its [`margin`](super::DispatcherOptions::margin) after the deadline.
    fn send(
        &self,
        request: OutgoingRequest,
        deadline: Instant,
    ) -> impl Future<Output = Result<Response, SendError>> + Send;
}
