//! The metrics of `certlife deliver`, for Prometheus.

use std::net::SocketAddr;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};

use super::{Failure, say};

/// The bounds of the buckets, in seconds: an attempt ends with its timeout, a delivery may take days.
const BOUNDS: [f64; 18] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0, 36_000.0, 86_400.0,
];

/// Reads an address with its port.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    // Port 0 would be any that is free, and nobody would know which.
    text.parse()
        .ok()
        .filter(|address: &SocketAddr| address.port() != 0)
        .ok_or("expected an address with its port, such as 127.0.0.1:9464 or [::1]:9464")
}

/// Records what is measured from now on, and serves it for as long as the runtime lives.
pub(super) fn serve(address: SocketAddr) -> Result<(), Failure> {
    let install = || -> Result<(), BuildError> {
        PrometheusBuilder::new()
            .set_buckets(&BOUNDS)?
            .with_http_listener(address)
            .install()
    };
    install().map_err(|error| {
        Failure::Argument(format!("cannot serve metrics at {address}: {error}"))
    })?;
    say(&format!("metrics at http://{address}/metrics"));
    Ok(())
}
