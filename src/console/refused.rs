//! What is answered where there is no page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::frame::Frame;
use super::page::{go_to, page_with};
use super::site::Console;
use crate::server::Problem;
use crate::store::StoreError;

/// Why there is no page.
pub(super) struct Refused(Box<Why>);

enum Why {
    SignedOut(Frame),
    Page(RefusedPage),
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    frame: Frame,
    status: StatusCode,
    detail: String,
}

impl Refused {
    pub(super) fn new(frame: &Frame, status: StatusCode, detail: impl Into<String>) -> Self {
        let (frame, detail) = (frame.clone(), detail.into());
        Self(Box::new(Why::Page(RefusedPage {
            frame,
            status,
            detail,
        })))
    }

    /// There is no such page or application.
    pub(super) fn not_found(frame: &Frame) -> Self {
        Self::new(frame, StatusCode::NOT_FOUND, frame.texts.not_found)
    }

    /// The store has failed. What it says stands in the log, since it may name servers and files.
    pub(super) fn store(frame: &Frame, error: &StoreError) -> Self {
        tracing::error!(%error, "a page could not be made");
        let (status, detail) = match error {
            StoreError::Unavailable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, frame.texts.unavailable)
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, frame.texts.broken),
        };
        Self::new(frame, status, detail)
    }

    /// What the rules of webhooks have refused, or a fault.
    pub(super) fn problem(frame: &Frame, problem: &Problem) -> Self {
        let (status, detail) = fault(frame, problem);
        Self::new(frame, status, detail)
    }

    pub(super) fn signed_out(frame: Frame) -> Self {
        Self(Box::new(Why::SignedOut(frame)))
    }
}

/// The status of a problem, and what a page says of it. A fault's cause stands in the log alone.
pub(super) fn fault(frame: &Frame, problem: &Problem) -> (StatusCode, String) {
    let texts = frame.texts;
    let status = StatusCode::from_u16(problem.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = match status {
        StatusCode::NOT_FOUND => texts.not_found.to_owned(),
        // That the webhook has another revision; a form has no header that could fail.
        StatusCode::PRECONDITION_FAILED => {
            return (StatusCode::CONFLICT, texts.webhook_conflict.to_owned());
        }
        _ if status.is_server_error() => {
            let cause = problem.cause.as_deref();
            tracing::error!(problem = problem.detail, cause, "a page could not be made");
            let is_away = status == StatusCode::SERVICE_UNAVAILABLE;
            let text = if is_away {
                texts.unavailable
            } else {
                texts.broken
            };
            text.to_owned()
        }
        _ => format!("{} {}", texts.refused, super::shown::text(&problem.detail)),
    };
    (status, detail)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match *self.0 {
            Why::SignedOut(frame) => go_to(&format!("{}/sign-in", frame.base)),
            Why::Page(page) => page_with(page.status, &page),
        }
    }
}

/// The answer where no page has the path.
pub(super) fn not_found(console: &Console, headers: &HeaderMap) -> Response {
    Refused::not_found(&Frame::new(console, headers)).into_response()
}
