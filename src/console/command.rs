//! What the forms of decisions ask for, and why it was not done.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::StatusCode;

use super::frame::Frame;
use super::language::Texts;
use super::refused::Refused;
use super::shown;
use super::site::Console;
use crate::lifecycle::action::Command;
use crate::lifecycle::value::RejectionReason;
use crate::store::{ExecuteError, Refusal, Scope};

/// A form, each of its fields.
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    /// All fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |it: &&(String, String)| it.0 == name;
        self.0.iter().filter(is_it).map(|(_, value)| value.as_str())
    }
}

impl FromRequest<Console> for Form {
    type Rejection = Refused;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Refused> {
        let frame = Frame::new(console, request.headers());
        match Bytes::from_request(request, console).await {
            Ok(body) => Ok(Self::read(&body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = frame.texts.too_long;
                Err(Refused::new(&frame, StatusCode::PAYLOAD_TOO_LARGE, detail))
            }
            // The body was broken off.
            Err(rejection) => {
                let detail = frame.texts.bad_request;
                Err(Refused::new(&frame, rejection.status(), detail))
            }
        }
    }
}

/// What is to be done, and the scope that it needs.
pub(super) fn command(form: &Form) -> Result<(Command, Scope, &'static str), Option<String>> {
    match form.field("action") {
        "accept" => Ok((
            Command::BeginProcessing,
            Scope::ApplicationsDecide,
            "accepted",
        )),
        "reject" => {
            // Forms write the end of a line in two characters.
            let reason = form.field("reason").replace("\r\n", "\n");
            let reason = RejectionReason::new(reason);
            let reason = reason.map_err(|error| Some(error.to_string()))?;
            Ok((
                Command::Reject(reason),
                Scope::ApplicationsDecide,
                "rejected",
            ))
        }
        "retry" => Ok((Command::Retry, Scope::ApplicationsRetry, "retried")),
        _ => Err(None),
    }
}

/// Why nothing was done, in words; those of a conflict depend on the page.
pub(super) fn why(texts: &Texts, conflict: &str, error: &ExecuteError) -> String {
    match error {
        ExecuteError::Refused(Refusal::Conflict { .. }) => conflict.to_owned(),
        // Its words may name servers and files.
        ExecuteError::Store(_) => texts.unavailable.to_owned(),
        _ => format!("{} {}", texts.refused, shown::text(&error.to_string())),
    }
}
