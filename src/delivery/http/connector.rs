//! Makes connections for hyper: checked by the target guard, with TLS, within the timeout.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use tower_service::Service;

use super::dial::Dialer;
use super::failure::ConnectFailure;
use super::handshake::in_words;
use super::kept::Kept;
use super::lookups::Lookups;
use super::options::{HttpOptions, HttpTransportError};
use super::resolve::Resolve;
use super::stream::Stream;

/// Makes the connections of the client.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Dialer>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(
        options: HttpOptions,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, HttpTransportError> {
        let config = crate::tls::client(options.all_authorities()?);
        let config = config.map_err(|error| HttpTransportError::Tls(in_words(&error)))?;
        let timeout = options.connect_timeout;
        let kept = Kept::new(options.idle_total);
        let allowed = options.allow_targets;
        let lookups = Lookups::new(resolver);
        let dialer = Dialer::new(lookups, allowed, timeout, options.stall_timeout, kept);
        let https = HttpsConnectorBuilder::new().with_tls_config(config);
        let https = if options.allow_http {
            https.https_or_http()
        } else {
            https.https_only()
        };
        let https = https.enable_all_versions().wrap_connector(dialer);
        Ok(Self { https, timeout })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

type Connecting = dyn Future<Output = Result<MaybeHttpsStream<Stream>, ConnectFailure>> + Send;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Stream>;
    type Error = ConnectFailure;
    type Future = Pin<Box<Connecting>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // hyper goes on connecting after the request has stopped waiting, so the deadline of the
        // request does not end this.
        let connecting = tokio::time::timeout(self.timeout, self.https.call(uri.clone()));
        Box::pin(async move {
            let refused = |error: Box<dyn Error + Send + Sync>| match error.downcast() {
                Ok(failure) => *failure,
                Err(error) => ConnectFailure::of_tls(uri.host().unwrap_or_default(), &*error),
            };
            match connecting.await {
                Ok(connected) => connected.map_err(refused),
                Err(_) => Err(ConnectFailure::TimedOut),
            }
        })
    }
}
