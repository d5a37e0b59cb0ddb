//! Requests that are being answered, which keep their connection open.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// The requests of one connection. They wake nothing: who wants to know looks from time to time.
pub(super) struct Requests(Mutex<Count>);

struct Count {
    in_progress: usize,
    /// When the last one ended, or the connection began.
    ended: Instant,
}

impl Requests {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Count {
            in_progress: 0,
            ended: Instant::now(),
        })))
    }

    /// Since when there has been none; nothing while there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let count = self.count();
        (count.in_progress == 0).then_some(count.ended)
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
pub(super) struct InProgress(Arc<Requests>);

impl InProgress {
    pub(super) fn new(requests: &Arc<Requests>) -> Self {
        requests.count().in_progress += 1;
        Self(Arc::clone(requests))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut count = self.0.count();
        count.in_progress = count.in_progress.saturating_sub(1);
        if count.in_progress == 0 {
            count.ended = Instant::now();
        }
    }
}

/// The body of a response. Its request is in progress until all of it was taken.
pub(super) struct Answer<B> {
    pub(super) body: B,
    pub(super) _request: InProgress,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
