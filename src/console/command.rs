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
///
/// # Errors
/// What is wrong with the reason; none where it is no form of these pages.
pub(super) fn command(
    form: &Form,
    texts: &Texts,
) -> Result<(Command, Scope, &'static str), Option<&'static str>> {
    match form.field("action") {
        "accept" => Ok((
            Command::BeginProcessing,
            Scope::ApplicationsDecide,
            "accepted",
        )),
        "reject" => {
            let reason = RejectionReason::new(reason(form));
            let reason = reason.map_err(|_| Some(texts.bad_reason))?;
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

/// The reason that was given: one of those that are offered, what was typed, or both.
pub(super) fn reason(form: &Form) -> String {
    let (offered, typed) = (form.field("offered"), form.field("reason"));
    let both = [offered, typed].into_iter().filter(|it| !it.is_empty());
    // Forms write the end of a line in two characters.
    both.collect::<Vec<_>>().join("\n").replace("\r\n", "\n")
}

/// Why nothing was done, in words; those of a conflict depend on the page.
pub(super) fn why(texts: &Texts, conflict: &str, error: &ExecuteError) -> String {
    match error {
        ExecuteError::Refused(Refusal::Conflict { .. }) => conflict.to_owned(),
        ExecuteError::Refused(Refusal::Illegal(it)) => {
            format!(
                "{} {}.",
                texts.illegal,
                texts.status(it.application.status())
            )
        }
        ExecuteError::Refused(Refusal::UnknownApplication { .. }) => {
            texts.unknown_application.to_owned()
        }
        ExecuteError::Refused(Refusal::Forbidden { .. }) => texts.forbidden.to_owned(),
        // Its words may name servers and files.
        ExecuteError::Store(_) => texts.unavailable.to_owned(),
        _ => format!("{} {}", texts.refused, shown::text(&error.to_string())),
    }
}
