//! What is answered where there is no page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::frame::Frame;
use super::page::{go_to, page_with};
use super::site::Console;
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

    pub(super) fn signed_out(frame: Frame) -> Self {
        Self(Box::new(Why::SignedOut(frame)))
    }
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
pub(super) async fn not_found(console: Console, headers: HeaderMap) -> Response {
    Refused::not_found(&Frame::new(&console, &headers)).into_response()
}
