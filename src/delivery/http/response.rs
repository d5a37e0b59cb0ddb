//! What a server answers, within limits.

use chrono::{DateTime, TimeDelta, Utc};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response as Head};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::delivery::transport::{Response, RetryAfter};

/// The longest delay that anybody can mean: ten years. Longer ones are taken for it.
const LONGEST_DELAY: TimeDelta = TimeDelta::days(3652);

/// Reads a response: of its body [`Response::READ`] bytes and the rest of the frame that crosses them, and if there
/// is more, no more of its connection. Of that, [`Response::EXCERPT`] bytes are passed on.
pub(super) async fn read(response: Head<Incoming>) -> Result<Response, hyper::Error> {
    let (head, mut body) = response.into_parts();
    let mut excerpt = Vec::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            // Trailers.
            continue;
        };
        let missing = Response::EXCERPT.saturating_sub(excerpt.len());
        excerpt.extend_from_slice(data.get(..missing).unwrap_or(&data));
        read += data.len();
        if read > Response::READ {
            break;
        }
    }
    Ok(Response {
        status: head.status.as_u16(),
        retry_after: retry_after(&head.headers),
        excerpt,
    })
}

/// How long a server asks to be left alone, if it says so in a way that RFC 9110 knows.
fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        // What does not fit is longer than the longest.
        let seconds = text.parse().ok().and_then(TimeDelta::try_seconds);
        let delay = seconds.unwrap_or(LONGEST_DELAY).min(LONGEST_DELAY);
        return Some(RetryAfter::Delay(delay));
    }
    let time = httpdate::parse_http_date(text).ok()?;
    Some(RetryAfter::Until(DateTime::<Utc>::from(time)))
}
