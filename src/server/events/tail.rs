//! The end of the feed, read once for all requests that wait for what comes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::engine::Engine;
use crate::store::{AnyStore, RecordedEvent, StoreError};

/// How many events a request may be behind before it reads the feed itself again.
const BEHIND: usize = 1024;

/// How often it is looked whether any request still waits.
const LOOK: Duration = Duration::from_secs(5);

/// What the reader has seen.
#[derive(Clone)]
pub(crate) enum Seen {
    /// An event that was committed.
    Event(Arc<RecordedEvent>),
    /// Something that cannot be read, or no events for now: each request looks for itself.
    Trouble,
}

/// The reading of the feed's end: it goes on as long as a request waits.
pub(crate) struct Tail {
    seen: broadcast::Sender<Seen>,
    /// The reading that is under way: it becomes true once nothing that is committed is missed.
    reading: Mutex<Option<watch::Receiver<bool>>>,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            seen: broadcast::Sender::new(BEHIND),
            reading: Mutex::new(None),
        }
    }
}

impl Tail {
    /// What is committed from now on; perhaps some that was committed just before.
    ///
    /// # Errors
    /// [`StoreError`], where the end of the feed cannot be read.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        engine: &Engine<AnyStore>,
    ) -> Result<broadcast::Receiver<Seen>, StoreError> {
        loop {
            let seen = self.seen.subscribe();
            let mut reading = self.reading(engine);
            // An error: the reading has ended before it began, and the next look says why.
            if reading.wait_for(|it| *it).await.is_ok() {
                return Ok(seen);
            }
            engine.feed_end().await?;
        }
    }

    fn reading(self: &Arc<Self>, engine: &Engine<AnyStore>) -> watch::Receiver<bool> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = &*reading
            && under_way.has_changed().is_ok()
        {
            return under_way.clone();
        }
        let (begun, under_way) = watch::channel(false);
        *reading = Some(under_way.clone());
        let (tail, engine) = (Arc::clone(self), engine.clone());
        tokio::spawn(async move { tail.read(&engine, &begun).await });
        under_way
    }

    async fn read(&self, engine: &Engine<AnyStore>, begun: &watch::Sender<bool>) {
        let Ok(end) = engine.feed_end().await else {
            return;
        };
        let mut follower = engine.follow(end);
        begun.send_replace(true);
        loop {
            tokio::select! {
                next = follower.next() => {
                    let is_over = matches!(&next, Err(error) if !matches!(error, StoreError::Unavailable { .. }));
                    let seen = next.map_or(Seen::Trouble, |it| Seen::Event(Arc::new(it)));
                    // Without receivers, the look below ends the reading.
                    let _ = self.seen.send(seen);
                    if is_over {
                        return;
                    }
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.ends() {
                return;
            }
        }
    }

    /// Ends the reading if no request waits.
    fn ends(&self) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = self.seen.receiver_count() == 0;
        if ends {
            *reading = None;
        }
        ends
    }
}
