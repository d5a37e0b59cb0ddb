//! All events, in the order in which they were committed.

use super::Engine;
use super::follower::Follower;
use crate::lifecycle::event::EventKind;
use crate::store::{Cursor, FeedPage, InstitutionId, Queries, RecordedEvent, Store, StoreError};

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
        Follower::new(self.store.clone(), after)
    }
}

impl<S: Queries> Engine<S> {
    /// The last `limit` events before the cursor, the newest first: those of an institution and of
    /// a kind, if they are given. Without a cursor, the newest of all.
    ///
    /// It returns only what [`feed`](Self::feed) returns as well, so nothing comes later between
    /// the events of a page, or between two pages. A page may be short and have a next one
    /// nevertheless: see [`FeedPage`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed_before(
        &self,
        institution: Option<&InstitutionId>,
        kind: Option<EventKind>,
        before: Option<Cursor>,
        limit: u32,
    ) -> Result<FeedPage, StoreError> {
        let found = self.store.feed_before(institution, kind, before, limit);
        found.await
    }
}
