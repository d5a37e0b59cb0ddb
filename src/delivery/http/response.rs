//! What a server answers, within limits.

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

/// How long a body is waited for, once its head has come. It costs no more than an excerpt, so that
/// no server holds up a dispatcher by it.
const BODY_WAIT: Duration = Duration::from_secs(2);

/// A response, and how far it was read.
pub(super) struct Read {
    pub(super) response: Response,
    pub(super) extent: Extent,
}

/// How far a response was read, which decides on its connection.
pub(super) enum Extent {
    /// To its end.
    Whole,
    /// Not to its end, over HTTP/2: it is longer than what is read. Its stream is reset.
    Cut,
    /// Not to its end: it came too late, broke off, or is longer than what is read of HTTP/1.1.
    GivenUp,
}

/// Reads a response whose head has come, which decides. Of its body, at most [`Response::READ`]
/// bytes are read and the rest of the frame that crosses them, for [`BODY_WAIT`] and until the
/// deadline at most; [`Response::EXCERPT`] bytes of that are passed on. A body that comes too late
/// or breaks off leaves what has come of it.
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

/// Whether the body was read to its end: not if it is longer than what is read. None if it broke
/// off.
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

/// How long a server asks to be left alone, if it says so in a way that RFC 9110 knows.
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
