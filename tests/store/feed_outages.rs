//! A store that is away for a while: a follower of its feed neither spins nor misses anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Append, Atomicity, CommitWatch, Cursor, ExecuteError, InstitutionId, MemoryStore, Receipt,
    RecordedEvent, Store, StoreError,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::{TestClock, engine_on, submit};

/// A store in memory whose feed fails so many more times.
#[derive(Debug, Clone, Default)]
struct Flaky {
    store: MemoryStore,
    failures: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
}

impl certificate_lifecycle::store::sealed::Sealed for Flaky {}

impl Store for Flaky {
    delegate!(append load history feed_end wake);

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let left = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        if left.is_ok() {
            return Err(StoreError::Unavailable {
                reason: "it is away".to_owned(),
                cause: None,
            });
        }
        self.store.feed(after, limit).await
    }
}

fn flaky(failures: u32) -> (Flaky, Engine<Flaky>) {
    let store = Flaky::default();
    store.failures.store(failures, Ordering::SeqCst);
    (store.clone(), engine_on(store, &TestClock::default()))
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_not_asked_all_the_time() {
    // Given a store that stays away, and a follower that goes on whatever comes
    let (store, engine) = flaky(u32::MAX);
    let mut events = engine.follow(Cursor::START);
    let start = Instant::now();
    // Then the first error is reported at once
    assert!(events.next().await.is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
    // And from then on each question is one wait after the other, none of them longer than 2
    // seconds
    for _ in 0..100 {
        let asked = Instant::now();
        assert!(events.next().await.is_err());
        let waited = asked.elapsed();
        let bounds = Duration::from_millis(50)..=Duration::from_millis(2_001);
        assert!(bounds.contains(&waited), "{waited:?}");
    }
    assert_eq!(store.asked.load(Ordering::SeqCst), 101);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_followed_where_it_was_left() {
    let (store, engine) = flaky(0);
    let first = engine.execute(submit(0)).await.unwrap();
    let mut events = engine.follow(Cursor::START);
    assert_eq!(events.next().await.unwrap().event, first.event);
    // Given that it is away for a while, and something happens meanwhile
    store.failures.store(3, Ordering::SeqCst);
    let second = engine.execute(submit(1)).await.unwrap();
    for _ in 0..3 {
        assert!(events.next().await.is_err());
    }
    // Then that is reported next, and a later failure is reported at once again
    assert_eq!(events.next().await.unwrap().event, second.event);
    store.failures.store(1, Ordering::SeqCst);
    let start = Instant::now();
    assert!(events.next().await.is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
}
