//! Errors as answers: the crate says which status each has, and what is in the body.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use certificate_lifecycle::store::{ExecuteError, StoreError};
use serde_json::{Value, json};

/// What is wrong with a request, or with the store.
pub struct Error(u16, Value);

impl Error {
    pub fn new(status: u16, code: &str, message: impl std::fmt::Display) -> Self {
        Self(
            status,
            json!({ "code": code, "message": message.to_string() }),
        )
    }

    /// A field or a header that cannot be used.
    pub fn bad(message: impl std::fmt::Display) -> Self {
        Self::new(422, "invalid_request", message)
    }

    pub fn not_found() -> Self {
        Self::new(404, "unknown_application", "there is no such application")
    }
}

impl From<ExecuteError> for Error {
    fn from(error: ExecuteError) -> Self {
        // Of a refusal it says what stands in the way, and what can be done instead.
        Self(error.http_status(), json!(error))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self(error.http_status(), json!(error))
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0).unwrap_or_default();
        if status.is_server_error() {
            eprintln!("{}", self.1);
        }
        (status, Json(self.1)).into_response()
    }
}
