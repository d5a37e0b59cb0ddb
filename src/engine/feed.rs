//! All events, in the order in which they were committed.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};

use super::Engine;
use crate::store::{CommitWatch, Cursor, RecordedEvent, Store, StoreError};

/// How many events are read from the store at once.
const PAGE: u32 = 512;

impl<S: Store> Engine<S> {
    /// The first `limit` events after the cursor, of all institutions, in the order in which they
    /// were committed.
    ///
    /// Only an empty page means that the feed has been read to its end. A short page does not: it
    /// may stop before a corrupt row, and the next call reports that row.
    ///
    /// With any number of writers, no event is skipped or reordered, and none ever appears before a
    /// cursor that was given out. To resume without gaps or repeats, store the cursor of the last
    /// event that you processed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.feed(after, limit).await
    }

    /// The cursor for a subscriber who starts now: everything that is committed after the call
    /// comes behind it, with any number of writers. Events committed shortly before the call may
    /// also be returned.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed_end(&self) -> Result<Cursor, StoreError> {
        self.store.feed_end().await
    }

    /// Reads the [`feed`](Self::feed) without end: after the last event, it waits for the next one.
    ///
    /// After an error it goes on at the same place; [`Follower::next`] waits first, so a loop does
    /// not keep a store busy that is away. [`StoreError::is_lasting`] names the errors that waiting
    /// does not end.
    ///
    /// ```
    /// # use certificate_lifecycle::{*, engine::Engine, store::*};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?, uuid::Uuid::nil(),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// # let institution = InstitutionId::new("example-university")?;
    /// let engine = Engine::new(MemoryStore::new());
    /// let mut events = engine.follow(Cursor::START);
    /// engine.scope(&institution, &Actor::customer("john")?).submit(details).await?;
    /// let recorded = events.next().await?;
    /// assert_eq!(recorded.event.kind(), EventKind::Created);
    /// // Processed: the next run resumes here.
    /// let next_time = recorded.cursor;
    /// # let _ = next_time;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a follower reads nothing until it is asked"]
    pub fn follow(&self, after: Cursor) -> Follower {
        let following = Following {
            store: self.store.clone(),
            commits: self.store.commits(),
            cursor: after,
            read: VecDeque::new(),
            failures: 0,
        };
        let events = stream::unfold(following, async |mut following| {
            let next = following.next().await;
            Some((next, following))
        });
        Follower {
            events: events.boxed(),
        }
    }
}

/// Follows the feed without end: see [`Engine::follow`].
pub struct Follower {
    events: BoxStream<'static, Result<RecordedEvent, StoreError>>,
}

impl Follower {
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
