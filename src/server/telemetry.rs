//! The names of the metrics. They hold nothing personal, and no label has many values.

use std::time::Duration;

/// Requests that were answered, by `method`, `route` and `status`.
pub const REQUESTS: &str = "certlife_http_requests_total";
/// How long the head of an answer took, in seconds, by `method` and `route`.
pub const REQUEST_SECONDS: &str = "certlife_http_request_seconds";
/// Event streams and long polls that are open in this process.
pub const WAITING: &str = "certlife_http_waiting";

/// Describes the metrics to the recorder.
pub(crate) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(REQUESTS, Unit::Count, "requests, by route and status");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "how long an answer took");
    describe_gauge!(WAITING, Unit::Count, "open event streams and long polls");
}

/// A request was answered.
pub(super) fn answered(method: &'static str, route: &str, status: u16, took: Duration) {
    let route = route.to_owned();
    let status = status.to_string();
    metrics::counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!(REQUEST_SECONDS, "method" => method, "route" => route)
        .record(took.as_secs_f64());
}
