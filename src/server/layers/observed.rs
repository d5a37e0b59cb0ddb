//! The span, the line of log and the metrics of a request. Nothing in them is personal: of a path
//! they have only the route, of a query nothing.

use std::future::Future;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};
use tracing::{Instrument, Span, field};

use crate::server::problem::Problem;
use crate::server::telemetry;

/// A request under way.
pub(super) struct Observed {
    method: &'static str,
    route: Option<MatchedPath>,
    began: Instant,
    span: Span,
}

impl Observed {
    pub(super) fn new(request: &Request, id: &HeaderValue) -> Self {
        let method = name(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let span = tracing::info_span!(
            "request",
            id = id.to_str().unwrap_or_default(),
            method,
            route = route.as_ref().map(MatchedPath::as_str),
            trace_id = field::Empty,
            parent_id = field::Empty,
        );
        if let Some((trace, parent)) = trace_parent(request.headers()) {
            span.record("trace_id", trace);
            span.record("parent_id", parent);
        }
        Self {
            method,
            route,
            began: Instant::now(),
            span,
        }
    }

    /// Carries out the request within its span.
    pub(super) fn run<F: Future<Output = Response>>(
        &self,
        request: F,
    ) -> impl Future<Output = Response> + use<F> {
        request.instrument(self.span.clone())
    }

    /// Reports how the request ended.
    pub(super) fn end(self, response: &Response, problem: Option<&Problem>) {
        let (status, took) = (response.status().as_u16(), self.began.elapsed());
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        telemetry::answered(self.method, route, status, took);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let _entered = self.span.enter();
        match problem {
            None => tracing::info!(status, milliseconds, "answered"),
            Some(it) if status >= 500 => {
                let cause = it.cause.as_deref();
                tracing::error!(status, milliseconds, code = &*it.code, cause, "failed");
            }
            // The detail may repeat what the client sent.
            Some(it) => tracing::info!(status, milliseconds, code = &*it.code, "refused"),
        }
    }
}

/// A method's name; one word for all that no route takes.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// The trace and the span of the caller (W3C Trace Context, 3.2), if the header is right.
fn trace_parent(headers: &HeaderMap) -> Option<(&str, &str)> {
    let given = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = given.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = parts.next()?;
    let is_hex = |it: &str, length| {
        let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        it.len() == length && it.bytes().all(is_digit)
    };
    let is_zero = |it: &str| it.bytes().all(|it| it == b'0');
    let is_right = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && !is_zero(trace)
        && !is_zero(parent);
    is_right.then_some((trace, parent))
}
