//! What every page has: who looks at it, in which language, and its frame.

use chrono::{DateTime, Utc};
use http::HeaderMap;

use super::assets::Names;
use super::language::Texts;
use super::shown::{When, masked};
use super::site::Console;
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
    /// The path of the page, within the console.
    pub(super) path: String,
    /// Who looks at it, if that is known.
    pub(super) reader: Option<Reader>,
}

/// Who looks at a page.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) principal: Principal,
    /// Whether there is a session that can be signed out of.
    pub(super) has_session: bool,
    pub(super) masks_addresses: bool,
}

impl Frame {
    pub(super) fn new(console: &Console, headers: &HeaderMap) -> Self {
        Self {
            texts: Texts::wanted(headers),
            base: console.options.path.clone(),
            names: console.names.clone(),
            now: console.engine.clock().now(),
            is_live: false,
            path: String::new(),
            reader: None,
        }
    }

    pub(super) fn when(&self, at: DateTime<Utc>) -> When {
        When::new(at, self.now, self.texts)
    }

    /// How a link of the menu says that this page is its own (`page`), or belongs to it (`true`):
    /// WAI-ARIA, `aria-current`.
    pub(super) fn current(&self, section: &str) -> &'static str {
        match self.path.strip_prefix(section) {
            Some("") => "page",
            Some(rest) if rest.starts_with('/') && section != "/" => "true",
            _ => "false",
        }
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

    pub(super) fn may_make_tokens(&self) -> bool {
        self.may(Scope::TokensWrite)
    }

    pub(super) fn may_see_acts(&self) -> bool {
        self.may(Scope::TokensWrite) || self.may(Scope::WebhooksWrite)
    }

    pub(super) fn may_decide(&self) -> bool {
        self.may(Scope::ApplicationsDecide)
    }

    pub(super) fn may_retry(&self) -> bool {
        self.may(Scope::ApplicationsRetry)
    }

    pub(super) fn may_see_events(&self) -> bool {
        self.may(Scope::EventsRead)
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

    /// Whether the reader may see addresses whole.
    pub(super) fn sees_addresses(&self) -> bool {
        let is_masked = self.reader.as_ref().is_none_or(|it| it.masks_addresses);
        self.may_decide() || !is_masked
    }

    /// An address, as this reader may see it.
    pub(super) fn address(&self, address: &str) -> String {
        if self.sees_addresses() {
            super::shown::text(address)
        } else {
            masked(address)
        }
    }
}
