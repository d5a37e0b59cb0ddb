//! What keeps the pages safe: headers of every answer, and requests that other sites may not make.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::frame::Frame;
use super::refused::Refused;
use super::site::Console;

/// What a page may load: from here, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
                      report-uri";

/// For two years, which is what the lists of browsers ask for at least (RFC 6797, 6.1).
const TRANSPORT: &str = "max-age=63072000";

/// The policy, with where browsers report to what it has kept a page from.
pub(super) fn policy(path: &str) -> HeaderValue {
    let policy = HeaderValue::from_str(&format!("{POLICY} {path}/reports"));
    // A path that cannot stand in a header cannot stand in a URL either.
    policy.unwrap_or(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'",
    ))
}

/// Refuses what another site may have made the browser send, and gives each answer its headers.
pub(super) async fn safe(State(console): State<Console>, request: Request, next: Next) -> Response {
    let is_https = console.options.is_https || is_forwarded_https(request.headers());
    let frame = Frame::new(&console, request.headers());
    let is_refused = !request.method().is_safe() && !is_own(request.headers());
    let mut response = if is_refused {
        let detail = frame.texts.foreign;
        Refused::new(&frame, StatusCode::FORBIDDEN, detail).into_response()
    } else if *request.method() == Method::OPTIONS || *request.method() == Method::TRACE {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    } else {
        let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        answered.unwrap_or_else(|panic| panicked(&frame, &*panic))
    };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    if is_https {
        set(header::STRICT_TRANSPORT_SECURITY, TRANSPORT);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, console.policy.clone());
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A page has panicked: the reader learns that the server is broken, and the log why.
fn panicked(frame: &Frame, panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(cause = text.as_deref(), "a page has panicked");
    Refused::new(frame, StatusCode::INTERNAL_SERVER_ERROR, frame.texts.broken).into_response()
}

/// Whether a proxy says that the browser has reached it by HTTPS. A client that says it itself
/// binds no one else.
fn is_forwarded_https(headers: &HeaderMap) -> bool {
    let given = headers.get("x-forwarded-proto");
    given.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"https"))
}

/// Whether a page of this origin has sent the request: the browser says so (Fetch Metadata), or
/// names an origin whose host is this one (RFC 6454).
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => match (text("origin"), text("host")) {
            (Some(origin), Some(host)) => {
                let of = origin.split_once("://").map(|(_, host)| host);
                of.is_some_and(|it| it.eq_ignore_ascii_case(host))
            }
            _ => false,
        },
    }
}
