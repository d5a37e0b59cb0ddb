//! How the API behaves.

use std::future::Future;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, pending};

use http::HeaderValue;

use crate::delivery::{HttpOptions, HttpTransport};
use crate::setters::setters;

/// How the API behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Whether a transition needs `If-Match` (428 without it). It does not.
    pub requires_if_match: bool,
    /// The most event streams and long polls that are open at a time; 20,000. A further one is
    /// answered with 429.
    pub most_waiting: usize,
    /// Which URLs a webhook may have; those that a dispatcher with these options delivers to.
    pub targets: HttpOptions,
    /// What sends test events; none: `POST /v1/webhooks/{id}/test` sends with the options of
    /// [`targets`](Self::targets).
    pub transport: Option<HttpTransport>,
    /// The origins whose pages may ask from a browser (CORS); none.
    pub cors_origins: Vec<HeaderValue>,
    pub(super) shutdown: Shared<BoxFuture<'static, ()>>,
}

impl ServerOptions {
    setters! {
        with_requires_if_match: requires_if_match, bool;
        with_most_waiting: most_waiting, usize;
        with_targets: targets, HttpOptions;
        with_transport: transport, Option<HttpTransport>;
        with_cors_origins: cors_origins, Vec<HeaderValue>;
    }

    /// Completes when what is open is to end.
    #[cfg(feature = "console")]
    pub(crate) fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shutdown.clone()
    }

    /// The same; when this completes, event streams end, and requests that wait are answered with
    /// what there is. Otherwise a graceful shutdown would wait for them.
    #[must_use]
    pub fn with_shutdown(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            shutdown: shutdown.boxed().shared(),
            ..self
        }
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            requires_if_match: false,
            most_waiting: 20_000,
            targets: HttpOptions::default(),
            transport: None,
            cors_origins: Vec::new(),
            shutdown: pending().boxed().shared(),
        }
    }
}

impl std::fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerOptions")
            .field("requires_if_match", &self.requires_if_match)
            .field("most_waiting", &self.most_waiting)
            .field("targets", &self.targets)
            .field("cors_origins", &self.cors_origins)
            .finish_non_exhaustive()
    }
}
