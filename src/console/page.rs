//! What every page has: who looks at it, in which language, and its frame.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use super::assets::Names;
use super::language::Texts;
use super::refused::Refused;
use super::routes::Console;
use super::shown::{When, masked};
use crate::server::Principal;
use crate::store::Scope;

/// The frame of a page.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) texts: &'static Texts,
    pub(super) base: String,
    pub(super) names: Names,
    pub(super) now: DateTime<Utc>,
    /// Whether it may refresh itself.
    pub(super) is_live: bool,
    /// Who looks at it, if that is known.
    pub(super) reader: Option<Reader>,
}

/// Who looks at a page.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) principal: Principal,
    /// Whether there is a session that can be signed out of.
    pub(super) has_session: bool,
    masks_addresses: bool,
}

impl Frame {
    pub(super) fn new(console: &Console, headers: &HeaderMap) -> Self {
        Self {
            texts: Texts::wanted(headers),
            base: console.options.path.clone(),
            names: console.names.clone(),
            now: console.engine.clock().now(),
            is_live: false,
            reader: None,
        }
    }

    pub(super) fn when(&self, at: DateTime<Utc>) -> When {
        When::new(at, self.now, self.texts)
    }

    /// Where the first page is.
    pub(super) fn home(&self) -> &str {
        if self.base.is_empty() {
            "/"
        } else {
            &self.base
        }
    }

    pub(super) fn who(&self) -> String {
        let reader = self.reader.as_ref();
        reader.map_or_else(String::new, |it| it.principal.actor.to_string())
    }

    pub(super) fn institution(&self) -> String {
        let reader = self.reader.as_ref();
        reader.map_or_else(String::new, |it| it.principal.institution.to_string())
    }

    /// Whether the reader has this scope.
    pub(super) fn may(&self, scope: Scope) -> bool {
        let reader = self.reader.as_ref();
        reader.is_some_and(|it| it.principal.scopes.contains(scope))
    }

    pub(super) fn may_decide(&self) -> bool {
        self.may(Scope::ApplicationsDecide)
    }

    pub(super) fn may_retry(&self) -> bool {
        self.may(Scope::ApplicationsRetry)
    }

    pub(super) fn may_see_webhooks(&self) -> bool {
        self.may(Scope::WebhooksRead)
    }

    pub(super) fn may_see_deliveries(&self) -> bool {
        self.may(Scope::DeliveriesRead)
    }

    pub(super) fn may_redeliver(&self) -> bool {
        self.may(Scope::DeliveriesWrite)
    }

    pub(super) fn has_session(&self) -> bool {
        self.reader.as_ref().is_some_and(|it| it.has_session)
    }

    /// An address, as this reader may see it.
    pub(super) fn address(&self, address: &str) -> String {
        let is_masked = self.reader.as_ref().is_none_or(|it| it.masks_addresses);
        if is_masked && !self.may_decide() {
            masked(address)
        } else {
            super::shown::text(address)
        }
    }
}

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

/// A page of this template.
pub(super) fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

pub(super) fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        // A template fails only where a value cannot be shown, and all of them can.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Sends the browser to a page of this console, with GET.
pub(super) fn go_to(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
}
