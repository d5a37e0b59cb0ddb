//! All events, in the order in which they were committed.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};

use super::Engine;
use crate::store::{Cursor, RecordedEvent, Store, StoreError};

/// How many events are read from the store at once.
const PAGE: u32 = 512;

impl<S: Store> Engine<S> {
    /// The first `limit` events after the cursor, of all institutions, in the order in which they
    /// were committed.
    ///
    /// Only an empty page is the end, for now. A page may be shorter than asked for, and the feed
    /// go on: what comes before a corrupt row is told first, and the row when it is asked for what
    /// follows.
    ///
    /// No event is skipped or reordered, with any number of writers: none ever appears before a
    /// cursor that was given out. Whoever keeps the cursor of the last event they dealt with goes
    /// on exactly there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.feed(after, limit).await
    }

    /// The cursor for a subscriber who starts now: everything that is committed after the call
    /// comes behind it, with any number of writers. Some of what was committed just before may come
    /// as well.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed_end(&self) -> Result<Cursor, StoreError> {
        self.store.feed_end().await
    }

    /// What [`feed`](Self::feed) tells, without end: after the last event, it waits for the next
    /// one.
    ///
    /// After an error the stream goes on where it was. Asked again, it first waits, the longer the
    /// more errors came in a row, up to 2 seconds: so a loop may go on after an error without
    /// asking a store that is away all the time. Which errors do not go away by themselves is for
    /// the caller to say: [`StoreError`].
    ///
    /// ```
    /// # use certificate_lifecycle::{*, engine::Engine, store::*};
    /// use futures_util::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?, uuid::Uuid::nil(),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// # let institution = InstitutionId::new("example-university")?;
    /// let engine = Engine::new(MemoryStore::new());
    /// let mut events = engine.follow(Cursor::START);
    /// engine.submit(&institution, &Actor::customer("john")?, details).await?;
    /// let recorded = events.next().await.expect("it has no end")?;
    /// assert_eq!(recorded.event.kind(), EventKind::Created);
    /// // Dealt with: from here on, next time.
    /// let next_time = recorded.cursor;
    /// # let _ = next_time;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a stream tells nothing until it is asked"]
    pub fn follow(&self, after: Cursor) -> BoxStream<'static, Result<RecordedEvent, StoreError>> {
        let following = Following {
            store: self.store.clone(),
            wake: self.store.commits(),
            cursor: after,
            read: VecDeque::new(),
            failures: 0,
        };
        stream::unfold(following, async |mut following| {
            let next = following.next().await;
            Some((next, following))
        })
        .boxed()
    }
}

struct Following<S> {
    store: S,
    wake: crate::store::CommitWatch,
    cursor: Cursor,
    read: VecDeque<RecordedEvent>,
    /// How often the store was asked in vain since it last answered.
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
                self.wake.back_off(self.failures).await;
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
                self.wake.wait().await;
            }
        }
    }
}
