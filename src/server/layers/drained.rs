//! Bodies that were not read to their end, since the request was refused before.
//!
//! A connection that is closed while the client still sends is reset, and the reset may overtake
//! the answer: a proxy then says 502 where the server said 413. So what is left of the body is read
//! and thrown away first, within limits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

use super::envelope::envelope;

/// What is thrown away at most, in bytes: 16 MiB.
const MOST: u64 = 16 << 20;

/// How long that may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A body up to here, in bytes, has come with its head, and nothing of it is still to be sent.
const SMALL: u64 = 4 << 10;

/// Where what was not read is left.
type Left = Arc<Mutex<Option<Body>>>;

/// The outermost layer of all routes. It is one layer and not two, since each of them boxes and
/// clones what lies within it, for every request.
pub(crate) async fn outermost(request: Request, next: Next) -> Response {
    drained(request, |request| envelope(request, next)).await
}

/// Reads the body to its end before the request is answered, if nothing else holds it any more.
async fn drained<F>(request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let size = hyper::body::Body::size_hint(request.body());
    let is_small = size.upper().is_some_and(|it| it <= SMALL);
    // Its end would not be reached.
    let is_large = size.lower() > MOST;
    // Such a client sends its body only when it is asked for it.
    let waits = request.headers().contains_key(header::EXPECT);
    if is_small || is_large || waits {
        return answer(request).await;
    }
    let left = Left::default();
    let request = request.map(|body| {
        Body::new(Lent {
            body,
            has_ended: false,
            left: Arc::clone(&left),
        })
    });
    let response = answer(request).await;
    let body = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    let was_awaited = response.status() == StatusCode::REQUEST_TIMEOUT;
    if let Some(body) = body.filter(|_| !was_awaited) {
        // Late or broken off: the connection is closed then.
        let _ = tokio::time::timeout(TIMEOUT, discard(body)).await;
    }
    response
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        discarded += u64::try_from(length).unwrap_or(u64::MAX);
        if discarded > MOST {
            return;
        }
    }
}

/// A body that is left behind when it is dropped before its end.
struct Lent {
    body: Body,
    /// Whether nothing more comes of it: some bodies panic if they are asked once more.
    has_ended: bool,
    left: Left,
}

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.has_ended = matches!(frame, Poll::Ready(None | Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !hyper::body::Body::is_end_stream(self) {
            let body = std::mem::take(&mut self.body);
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
