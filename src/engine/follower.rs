//! Reading the feed without end.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::store::{CommitWatch, Cursor, RecordedEvent, Store, StoreError};

/// How many events are read from the store at once.
const PAGE: u32 = 512;

/// Follows the feed without end: see [`Engine::follow`](super::Engine::follow).
pub struct Follower {
    events: BoxStream<'static, Result<RecordedEvent, StoreError>>,
}

impl Follower {
    pub(super) fn new<S: Store>(store: S, after: Cursor) -> Self {
        let following = Following {
            commits: store.commits(),
            store,
            cursor: after,
            read: VecDeque::new(),
            failures: 0,
        };
        let events = stream::unfold(following, async |mut following| {
            let next = following.next().await;
            Some((next, following))
        });
        Self {
            events: events.boxed(),
        }
    }

    /// The next event; waits for it where all was read.
    ///
    /// A call that is dropped before it ends, as in `tokio::select!`, loses nothing: the next call
    /// goes on with what it had begun.
    ///
    /// # Errors
    /// [`StoreError`]. The next call first waits, the longer the more errors came in a row, up to
    /// 2 seconds, and goes on at the same place.
    pub async fn next(&mut self) -> Result<RecordedEvent, StoreError> {
        match self.events.next().await {
            Some(next) => next,
            // The stream has no end.
            None => std::future::pending().await,
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

struct Following<S> {
    store: S,
    commits: CommitWatch,
    cursor: Cursor,
    read: VecDeque<RecordedEvent>,
    /// How often in a row the store has failed.
    failures: u32,
}

impl<S: Store> Following<S> {
    async fn next(&mut self) -> Result<RecordedEvent, StoreError> {
        loop {
            if let Some(recorded) = self.read.pop_front() {
                self.cursor = recorded.cursor;
                return Ok(recorded);
            }
            if self.failures > 0 {
                self.commits.back_off(self.failures).await;
            }
            match self.store.feed(self.cursor, PAGE).await {
                Ok(page) => self.read = page.into(),
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    return Err(error);
                }
            }
            self.failures = 0;
            if self.read.is_empty() {
                self.commits.wait().await;
            }
        }
    }
}
