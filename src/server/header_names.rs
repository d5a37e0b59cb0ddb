//! The names of headers that HTTP itself does not have.

use http::HeaderName;

/// Whether an answer is the one that the same request with the same idempotency key was given
/// first.
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The id of a request: the caller's, or a new one.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Tells proxies such as nginx to pass each part of an answer on as it comes.
pub(super) const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
