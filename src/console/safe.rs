//! What keeps the pages safe: headers of every answer, and requests that other sites may not make.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::frame::Frame;
use super::refused::Refused;
use super::site::Console;

/// What a page may load: from here, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Refuses what another site may have made the browser send, and gives each answer its headers.
pub(super) async fn safe(State(console): State<Console>, request: Request, next: Next) -> Response {
    let is_refused = !request.method().is_safe() && !is_own(request.headers());
    let mut response = if is_refused {
        let frame = Frame::new(&console, request.headers());
        let detail = frame.texts.foreign;
        Refused::new(&frame, StatusCode::FORBIDDEN, detail).into_response()
    } else if *request.method() == Method::OPTIONS || *request.method() == Method::TRACE {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
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
