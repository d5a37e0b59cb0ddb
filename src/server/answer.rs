//! Answers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::problem::{Problem, ProblemCode};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer in JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, JSON)], bytes).into_response(),
            // Maps with keys that are no strings alone have no JSON, and no answer has such.
            Err(error) => Problem::new(ProblemCode::Internal, "the answer has no JSON")
                .caused_by(error)
                .into_response(),
        }
    }
}

/// Beside an answer with a secret that is not kept in clear: what is answered when the request is
/// repeated under its idempotency key.
#[derive(Clone)]
pub(super) struct ShownOnce(pub(super) Problem);

/// Adds the version of what is answered: a strong entity tag (RFC 9110, 8.8.3).
pub(super) fn tagged(version: u64, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::try_from(tag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The entity tag of a version.
pub(super) fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The client has it already (RFC 9110, 15.4.5).
pub(super) fn not_modified(version: u64) -> Response {
    let mut response = tagged(version, StatusCode::NOT_MODIFIED);
    *response.body_mut() = Body::empty();
    response
}
