//! Pages of other origins, which may ask from a browser if the operator says so.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::server::header_names::{IDEMPOTENT_REPLAYED, REQUEST_ID};

/// How long a browser remembers what it may ask.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The headers of requests that are not allowed by themselves.
const ASKED: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("certlife-actor"),
    HeaderName::from_static("certlife-institution"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("traceparent"),
    REQUEST_ID,
];

/// The headers of answers that a page may read.
const SHOWN: [HeaderName; 7] = [
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    IDEMPOTENT_REPLAYED,
    REQUEST_ID,
];

/// Allows pages of these origins to ask. Without any there is no layer: it would answer every
/// `OPTIONS`.
pub(in crate::server) fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(ASKED)
        .expose_headers(SHOWN)
        .max_age(REMEMBERED);
    Some(layer)
}
