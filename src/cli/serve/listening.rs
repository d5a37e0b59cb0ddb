//! Where the API is served.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use http::{Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::super::server::{self, Limits};
use super::super::{Failure, open_files, say};
use super::tls::Identity;

/// So many idle event streams are meant to be possible.
const MANY: usize = 10_000;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Where to listen: an IP address with its port. Port 0 takes one that is free.
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Listen without TLS where others can read and change what is sent, tokens too. Without this,
    /// only a loopback address is listened on without --tls-cert.
    #[arg(long)]
    insecure_listen: bool,

    /// Serve HTTPS with the certificate in this PEM file, those of the authorities in between after
    /// it. SIGHUP reads it and its key again.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, in PEM, not encrypted.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address with its port, such as 127.0.0.1:8080 or [::1]:8080")
}

/// A socket that takes connections.
pub(super) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
}

/// The certificate that is shown to clients.
pub(super) struct Tls {
    identity: Identity,
    current: watch::Sender<TlsAcceptor>,
}

impl Args {
    /// Whether it speaks TLS itself.
    pub(super) const fn is_tls(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// The certificate, if there is one. Only then, or where it was said, may other machines reach
    /// the address.
    pub(super) fn check(&self) -> Result<Option<Tls>, Failure> {
        let lonely = |given: &str, missing: &str| {
            Failure::Argument(format!(
                "{given} is of no use without {missing}: a certificate and its key are given together"
            ))
        };
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => {
                let is_own = self.listen.ip().to_canonical().is_loopback();
                if is_own || self.insecure_listen {
                    return Ok(None);
                }
                Err(Failure::Argument(format!(
                    "--listen {} can be reached from other machines, and without TLS, tokens and \
                     applications could be read on the way: give --tls-cert and --tls-key, or listen \
                     on 127.0.0.1 behind a server that has TLS; where the network itself is \
                     protected, say --insecure-listen",
                    self.listen
                )))
            }
            (Some(_), None) => Err(lonely("--tls-cert", "--tls-key")),
            (None, Some(_)) => Err(lonely("--tls-key", "--tls-cert")),
            (Some(certificate), Some(key)) => {
                let identity = Identity {
                    certificate: certificate.clone(),
                    key: key.clone(),
                };
                let current = watch::Sender::new(identity.read()?);
                Ok(Some(Tls { identity, current }))
            }
        }
    }

    pub(super) async fn bind(&self) -> Result<Listening, Failure> {
        let tls = self.check()?;
        let bound = TcpListener::bind(self.listen).await;
        let bound = bound.and_then(|it| it.local_addr().map(|address| (it, address)));
        let (listener, address) = bound.map_err(|error| {
            Failure::Argument(format!(
                "cannot listen on {}: {error}; --listen takes another address",
                self.listen
            ))
        })?;
        Ok(Listening {
            listener,
            address,
            tls,
        })
    }
}

impl Listening {
    /// Serves until it is to stop; how many connections were cut off.
    pub(super) async fn serve(
        self,
        api: Router,
        stopped: impl Future<Output = ()>,
    ) -> Result<usize, Failure> {
        let Self {
            listener,
            address,
            tls,
        } = self;
        let limits = limits();
        if limits.connections < MANY {
            say(&format!(
                "no more than {} connections at a time, since no more files may be open (ulimit -n, \
                 or LimitNOFILE of systemd)",
                limits.connections
            ));
        }
        let renewing = renew(tls.as_ref())?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        say(&format!(
            "serving the API at {scheme}://{address}; Ctrl-C ends it"
        ));
        let current = tls.as_ref().map(|it| it.current.subscribe());
        let respond = move |request| respond(api.clone(), request);
        let serving = server::serve_until(listener, current, limits, respond, stopped);
        tokio::select! {
            cut = serving => Ok(cut),
            never = renewing => match never {},
        }
    }
}

/// From here on, SIGHUP reads the certificate again. One that cannot be used changes nothing.
#[cfg(unix)]
fn renew(tls: Option<&Tls>) -> Result<impl Future<Output = Infallible>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut asked = signal(SignalKind::hangup()).map_err(|error| Failure::Start { error })?;
    Ok(async move {
        loop {
            if asked.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            let Some(tls) = tls else {
                say("SIGHUP reads the certificate again, and there is none");
                continue;
            };
            match tls.identity.read() {
                Ok(acceptor) => {
                    tls.current.send_replace(acceptor);
                    say("new connections have the certificate as it is now");
                }
                Err(failure) => say(&format!("{failure}; the certificate from before stays")),
            }
        }
    })
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
fn renew(_: Option<&Tls>) -> Result<impl Future<Output = Infallible>, Failure> {
    Ok(std::future::pending())
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
    if lacks_host(&request) {
        let words = "a request of HTTP/1.1 needs one header Host";
        return server::text(StatusCode::BAD_REQUEST, words).map(axum::body::Body::new);
    }
    // A router is ready at all times, and has no errors.
    let answered: Result<_, Infallible> = api.call(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Whether it is a request of HTTP/1.1 without the one header that all of them have (RFC 9112,
/// 3.2).
fn lacks_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    request.version() == Version::HTTP_11 && hosts != 1
}

/// Reads the origin of a page (RFC 6454, 6.2): what a browser sends, letter for letter.
pub(super) fn origin(text: &str) -> Result<http::HeaderValue, &'static str> {
    let expected = "expected an origin as browsers send it, such as https://console.example.com: no path, no slash \
                    at the end, in lower case";
    let uri: http::Uri = text.parse().map_err(|_| expected)?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_origin = uri.path_and_query().is_none_or(|it| it == "/") && !text.ends_with('/');
    let is_origin = is_web && is_origin && !text.contains('@');
    if is_origin && !text.contains(|it: char| it.is_ascii_uppercase()) {
        http::HeaderValue::from_str(text).map_err(|_| expected)
    } else {
        Err(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_no_more() {
        for good in [
            "https://console.example.com",
            "http://127.0.0.1:3000",
            "https://[::1]:8443",
        ] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in [
            "console.example.com",
            "https://console.example.com/",
            "https://console.example.com/a",
            "https://Console.example.com",
            "ftp://console.example.com",
            "https://u@console.example.com",
            "*",
            "null",
            "",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
