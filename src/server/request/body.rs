//! Bodies.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::server::problem::{Problem, ProblemCode};

/// The largest body, streams aside, in bytes: 1 MiB (API.md, "Common").
pub(in crate::server) const LARGEST: usize = 1 << 20;

/// How long a body may take (API.md, "Common").
const TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of a JSON body of at most 1 MiB. They are empty where there is no body.
pub(in crate::server) struct Bytes1MiB(pub(in crate::server) Bytes);

impl<S: Send + Sync> FromRequest<S> for Bytes1MiB {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        refuse_coded(request.headers())?;
        let is_json = has_media_type(request.headers(), |it| {
            it == "application/json" || it.ends_with("+json")
        });
        let read = tokio::time::timeout(TIMEOUT, read(request.into_body())).await;
        let bytes = read.unwrap_or_else(|_| {
            let detail = format!("the body was not complete in {} s", TIMEOUT.as_secs());
            Err(Problem::new(ProblemCode::RequestTimeout, detail))
        })?;
        if !is_json && !bytes.is_empty() {
            return Err(unsupported("application/json"));
        }
        Ok(Self(bytes))
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is longer than {LARGEST} bytes (1 MiB)");
        Problem::new(ProblemCode::TooLarge, detail)
    };
    // A client that waits to be asked for such a body (`Expect: 100-continue`) is not asked.
    if hyper::body::Body::size_hint(&body).lower() > LARGEST as u64 {
        return Err(too_large());
    }
    let read = Limited::new(body, LARGEST).collect().await;
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                too_large()
            } else {
                let detail = "the body ended before it was complete";
                Problem::new(ProblemCode::InvalidJson, detail)
            }
        })
}

/// A stream of lines: its length has no limit.
pub(in crate::server) struct NdjsonBody(pub(in crate::server) Body);

impl<S: Send + Sync> FromRequest<S> for NdjsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        refuse_coded(request.headers())?;
        let is_ndjson = has_media_type(request.headers(), |it| it == "application/x-ndjson");
        if !is_ndjson {
            return Err(unsupported("application/x-ndjson"));
        }
        Ok(Self(request.into_body()))
    }
}

/// Refuses a body that would have to be decoded first (RFC 9110, 8.4).
fn refuse_coded(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.all(|it| it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let detail = "the body is coded: expected it as it is, without the header Content-Encoding";
    Err(Problem::new(ProblemCode::UnsupportedMediaType, detail))
}

/// Whether the type of the content, without its parameters, is one of those.
fn has_media_type(headers: &HeaderMap, is_one: impl FnOnce(&str) -> bool) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (essence, _) = given.split_once(';').unwrap_or((given, ""));
    is_one(&essence.trim().to_ascii_lowercase())
}

fn unsupported(expected: &str) -> Problem {
    let detail = format!("expected the header Content-Type: {expected}");
    Problem::new(ProblemCode::UnsupportedMediaType, detail)
}
