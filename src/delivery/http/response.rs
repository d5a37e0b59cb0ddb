//! Reads a response, within limits.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response as Head, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::delivery::transport::{Response, RetryAfter};

/// Ten years. A longer delay is taken for it.
const LONGEST_DELAY: Duration = Duration::from_secs(3652 * 24 * 60 * 60);

/// How long the transport waits for a body after its head. A missing body only costs its excerpt,
/// so no server can delay a dispatcher by it.
const BODY_WAIT: Duration = Duration::from_secs(2);

/// A response, and how much of it was read.
pub(super) struct Read {
    pub(super) response: Response,
    pub(super) extent: Extent,
}

/// How much of a response was read, which decides about its connection.
pub(super) enum Extent {
    /// To its end.
    Whole,
    /// Not to its end, over HTTP/2: it is longer than the limit. Its stream is reset.
    Cut,
    /// Not to its end: it came too late, broke off, or is longer than the limit over HTTP/1.1.
    GivenUp,
}

/// Reads the body of a response whose head has come. At most [`Response::READ`] bytes are read, and
/// the rest of the frame that crosses them, for at most [`BODY_WAIT`] and until the deadline.
/// [`Response::EXCERPT`] bytes are kept. Of a body that comes too late or breaks off, the beginning
/// is kept.
pub(super) async fn read(response: Head<Incoming>, deadline: Instant) -> Read {
    let (head, mut body) = response.into_parts();
    let mut excerpt = Vec::new();
    let until = deadline.min(Instant::now() + BODY_WAIT);
    let reading = read_body(&mut body, &mut excerpt);
    let extent = match timeout_at(until, reading).await {
        Ok(Some(true)) => Extent::Whole,
        Ok(Some(false)) if head.version == Version::HTTP_2 => Extent::Cut,
        _ => Extent::GivenUp,
    };
    let response = Response {
        status: head.status.as_u16(),
        retry_after: retry_after(&head.headers),
        excerpt,
    };
    Read { response, extent }
}

/// Returns `true` if the body was read to its end, `false` if it is longer than the limit, and none
/// if it broke off.
async fn read_body(body: &mut Incoming, excerpt: &mut Vec<u8>) -> Option<bool> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return None;
        };
        let Ok(data) = frame.into_data() else {
            // Trailers.
            continue;
        };
        let missing = Response::EXCERPT.saturating_sub(excerpt.len());
        excerpt.extend_from_slice(data.get(..missing).unwrap_or(&data));
        read += data.len();
        if read > Response::READ {
            return Some(body.is_end_stream());
        }
    }
    Some(true)
}

/// The pause that a server asks for, if its header is one of RFC 9110.
fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        // A number that does not fit is longer than the longest.
        let delay = text.parse().map_or(LONGEST_DELAY, Duration::from_secs);
        return Some(RetryAfter::Delay(delay.min(LONGEST_DELAY)));
    }
    let time = httpdate::parse_http_date(text).ok()?;
    Some(RetryAfter::Until(DateTime::<Utc>::from(time)))
}
