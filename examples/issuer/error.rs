//! Errors as answers: the status that the crate gives each, its code, and a sentence.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use certificate_lifecycle::store::{ExecuteError, StoreError};
use serde_json::{Value, json};

/// What is wrong with a request, or with the store.
pub struct Error {
    status: u16,
    body: Value,
}

impl Error {
    pub fn new(status: u16, code: &str, message: impl std::fmt::Display) -> Self {
        let body = json!({ "error": code, "message": message.to_string() });
        Self { status, body }
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
        match error.refusal().map(serde_json::to_value) {
            // It says what stands in the way, and what can be done instead.
            Some(Ok(body)) => Self {
                status: error.http_status(),
                body,
            },
            _ => Self::new(error.http_status(), error.code(), error),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(error.http_status(), error.code(), error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        if status.is_server_error() {
            eprintln!("{}", self.body);
        }
        (status, Json(self.body)).into_response()
    }
}
