//! Where the API is served.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower_service::Service;

use super::super::server::{self, Limits};
use super::super::{Failure, open_files, say};

/// So many idle event streams are meant to be possible.
const MANY: usize = 10_000;

#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// Where to listen: an IP address with its port. Port 0 takes one that is free.
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address with its port, such as 127.0.0.1:8080 or [::1]:8080")
}

/// A socket that takes connections.
pub(super) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Args {
    pub(super) async fn bind(&self) -> Result<Listening, Failure> {
        let bound = TcpListener::bind(self.listen).await;
        let bound = bound.and_then(|it| it.local_addr().map(|address| (it, address)));
        let (listener, address) = bound.map_err(|error| {
            Failure::Argument(format!("cannot listen on {}: {error}", self.listen))
        })?;
        Ok(Listening { listener, address })
    }
}

impl Listening {
    /// Serves until it is to stop; how many connections were cut off.
    pub(super) async fn serve(self, api: Router, stopped: impl Future<Output = ()>) -> usize {
        let Self { listener, address } = self;
        let limits = limits();
        if limits.connections < MANY {
            say(&format!(
                "no more than {} connections at a time, since no more files may be open (ulimit -n, \
                 or LimitNOFILE of systemd)",
                limits.connections
            ));
        }
        say(&format!(
            "serving the API at http://{address}; Ctrl-C ends it"
        ));
        let respond = move |request| respond(api.clone(), request);
        server::serve_until(listener, None, limits, respond, stopped).await
    }
}

/// Three quarters of the files are for clients, the others for the store, and for deliveries.
fn limits() -> Limits {
    Limits {
        connections: open_files::most() / 4 * 3,
        idle: Duration::from_secs(75),
        stalled: Duration::from_secs(30),
        streams: 100,
        is_kept: true,
    }
}

async fn respond(mut api: Router, request: Request<Incoming>) -> Response<axum::body::Body> {
    // A router is ready at all times, and has no errors.
    let answered: Result<_, Infallible> = api.call(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
