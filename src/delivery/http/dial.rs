//! Connects, past the target guard.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tower_service::Service;

use super::failure::ConnectFailure;
use super::kept::Kept;
use super::lookups::Lookups;
use super::race::{Lost, race};
use super::stream::Stream;
use crate::delivery::target::{RefusedTarget, literal};

/// Connects to one of a name's addresses. Every one of them must pass the target guard.
///
/// A name with one refused address is refused as a whole: otherwise, the order of its addresses
/// would decide where its events go.
#[derive(Debug, Clone)]
pub(super) struct Dialer(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    lookups: Lookups,
    allowed: Vec<IpNet>,
    timeout: Duration,
    stall_timeout: Duration,
    kept: Arc<Kept>,
}

impl Dialer {
    /// Connects within `timeout`. A stream fails when a write waits for `stall_timeout`, and is
    /// kept unless too many are idle.
    pub(super) fn new(
        lookups: Lookups,
        allowed: Vec<IpNet>,
        timeout: Duration,
        stall_timeout: Duration,
        kept: Kept,
    ) -> Self {
        Self(Arc::new(Rules {
            lookups,
            allowed,
            timeout,
            stall_timeout,
            kept: Arc::new(kept),
        }))
    }
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let encrypted = uri.scheme_str() == Some("https");
            let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
            let addresses = rules.permitted(host).await?;
            rules.connect(host, &addresses, port).await
        })
    }
}

impl Rules {
    /// The addresses of a host, if requests may go to every one.
    async fn permitted(&self, host: &str) -> Result<Arc<[IpAddr]>, ConnectFailure> {
        let addresses = if let Some(address) = literal(host) {
            Arc::from([address])
        } else {
            let found = self.lookups.addresses(host).await;
            found.map_err(|error| ConnectFailure::unknown(host, &error))?
        };
        for address in &*addresses {
            RefusedTarget::check_address(host, *address, &self.allowed)?;
        }
        Ok(addresses)
    }

    /// A connection to one of the addresses.
    async fn connect(
        &self,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<Stream, ConnectFailure> {
        let connect = |address| TcpStream::connect((address, port));
        match race(addresses, self.timeout, connect).await {
            Ok(stream) => Ok(Stream::new(stream, self.stall_timeout, self.kept.link())),
            Err(Lost::Failed(address, error)) => {
                let address = SocketAddr::new(address, port);
                Err(ConnectFailure::unreachable(host, address, &error))
            }
            Err(Lost::Silent) => Err(ConnectFailure::TimedOut),
            Err(Lost::Empty) => Err(ConnectFailure::Unknown {
                host: host.to_owned(),
                reason: "the name has no addresses".to_owned(),
            }),
        }
    }
}
