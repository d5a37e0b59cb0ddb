//! The metrics of `certlife deliver`, for Prometheus.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::server::{self, Limits, text};
use super::{Failure, say};
use certificate_lifecycle::delivery::target::is_localhost;

/// The bounds of the buckets, in seconds: an attempt ends with its timeout, a delivery may take
/// days.
const BOUNDS: [f64; 18] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0, 36_000.0, 86_400.0,
];

/// A few servers that ask, and nothing that deliveries would miss.
const LIMITS: Limits = Limits {
    connections: 32,
    idle: Duration::from_secs(5),
    stalled: Duration::from_secs(5),
    streams: 16,
    is_kept: false,
};

/// How often what was measured is summed up, so that it does not pile up where no server asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Reads an address with its port.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    // Port 0 would be any that is free, and no reader would know which.
    text.parse()
        .ok()
        .filter(|address: &SocketAddr| address.port() != 0)
        .ok_or("expected an address with its port, such as 127.0.0.1:9464 or [::1]:9464")
}

/// Records what is measured from now on, and serves it for as long as the runtime lives.
pub(super) async fn serve(address: SocketAddr) -> Result<(), Failure> {
    let failed = |problem: String| {
        Failure::Argument(format!("cannot serve metrics at {address}: {problem}"))
    };
    let listener = TcpListener::bind(address).await;
    let another = "; choose another address with --metrics";
    let listener = listener.map_err(|error| failed(format!("{error}{another}")))?;
    let install = || -> Result<PrometheusHandle, BuildError> {
        PrometheusBuilder::new()
            .set_buckets(&BOUNDS)?
            .install_recorder()
    };
    let metrics = install().map_err(|error| failed(error.to_string()))?;
    let to_sum_up = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            to_sum_up.run_upkeep();
        }
    });
    tokio::spawn(server::serve(listener, LIMITS, move |request| {
        respond(request, address.ip(), metrics.clone())
    }));
    say(&format!("metrics at http://{address}/metrics"));
    Ok(())
}

async fn respond(
    request: Request<Incoming>,
    own: IpAddr,
    metrics: PrometheusHandle,
) -> Response<Full<Bytes>> {
    if let Some(refusal) = misdirected(&request, own) {
        return refusal;
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "metrics are read with GET");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "the metrics are at /metrics");
    }
    let Ok(page) = tokio::task::spawn_blocking(move || metrics.render()).await else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "no metrics");
    };
    let mut response = Response::new(Full::from(page));
    let form = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, form);
    response
}

/// The refusal of a request that names another host.
///
/// On a loopback address, a name other than [`localhost`](is_localhost) is one that a web page has
/// led here (DNS rebinding). Other addresses have any name, as Prometheus knows them.
fn misdirected(request: &Request<Incoming>, own: IpAddr) -> Option<Response<Full<Bytes>>> {
    if !own.to_canonical().is_loopback() {
        return None;
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let named = match (request.uri().authority(), hosts.next(), hosts.next()) {
        (Some(target), _, None) => Some(target.clone()),
        (None, Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        // HTTP/1.0 has no such header, and browsers do not speak it.
        (None, None, None) if request.version() < http::Version::HTTP_11 => return None,
        _ => None,
    };
    let is_own = named.is_some_and(|it| is_own_host(it.host()));
    (!is_own).then(|| {
        text(
            StatusCode::MISDIRECTED_REQUEST,
            "expected the host localhost, or an IP address",
        )
    })
}

/// Whether a host is an address, or a name of this machine wherever it is resolved.
fn is_own_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    is_localhost(host) || bare.unwrap_or(host).parse::<IpAddr>().is_ok()
}
