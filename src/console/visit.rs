//! Requests of readers who are let in.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use super::frame::{Frame, Reader};
use super::refused::Refused;
use super::site::Console;
use crate::server::Principal;
use crate::store::Scope;

/// A request of a reader who is let in.
pub(super) struct Visit {
    pub(super) frame: Frame,
    pub(super) principal: Principal,
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Refused> {
        let mut frame = Frame::new(console, &parts.headers);
        let mounted = parts.extensions.get::<Principal>().cloned();
        parts.uri.path().clone_into(&mut frame.path);
        let has_session = mounted.is_none();
        let principal = match mounted {
            // The backend has authenticated the request.
            Some(principal) => Some(principal),
            None => super::session::of(console, &parts.headers).await,
        };
        let Some(principal) = principal else {
            return Err(Refused::signed_out(frame));
        };
        frame.reader = Some(Reader {
            principal: principal.clone(),
            has_session,
            masks_addresses: console.options.masks_addresses,
        });
        Ok(Self { frame, principal })
    }
}

impl Visit {
    /// Refuses the visit without one of these scopes.
    ///
    /// # Errors
    /// The page that says so.
    pub(super) fn require(&self, scopes: &[Scope]) -> Result<(), Refused> {
        if scopes.iter().any(|it| self.principal.scopes.contains(*it)) {
            return Ok(());
        }
        let detail = self.frame.texts.forbidden;
        Err(Refused::new(&self.frame, StatusCode::FORBIDDEN, detail))
    }
}
