//! The connections that read: few, however many ask.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::anchor::Anchor;
use super::connection::open_reader;
use super::options::SqliteOptions;
use super::read_only;
use crate::store::{Result, StoreError};

/// Between these lies the number of readers, which is that of the processor's cores. On one or two,
/// some may still wait for the disk; and each keeps files open, of which a process has only so
/// many.
const FEWEST: usize = 4;
const MOST: usize = 8;

/// How long an answer may still come from a file that was moved.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: SqliteOptions,
    /// What a writer here has open; none if this program may not write.
    anchor: Option<Anchor>,
    /// When it was last seen that they are still there.
    seen: Mutex<Option<Instant>>,
    /// Those that are idle: opened as they are needed, and kept until the store is closed.
    idle: Mutex<Vec<Connection>>,
    /// Who may ask now. There are never more connections than turns.
    turns: Arc<Semaphore>,
}

impl Readers {
    /// Readers of a file; without an anchor, of one that this program may not write.
    pub(super) fn new(path: PathBuf, options: SqliteOptions, anchor: Option<Anchor>) -> Self {
        let cores = std::thread::available_parallelism().map_or(FEWEST, usize::from);
        Self {
            path,
            options,
            anchor,
            seen: Mutex::default(),
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(cores.clamp(FEWEST, MOST))),
        }
    }

    /// Asks on a connection of its own, on a thread for blocking work, when it is its turn.
    /// Whatever changes meanwhile, the answer is about one moment; it may take more than one try.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl Fn(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The semaphore is never closed, so it is always a turn.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let readers = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = readers.ask_now(question);
            // Also for a caller that has gone: the turn ends with the work.
            drop(turn);
            answer
        });
        answer.await.unwrap_or_else(|error| {
            Err(StoreError::unavailable("the runtime is shutting down").caused_by(error))
        })
    }

    /// Asks on a connection of its own, here and now.
    pub(super) fn ask_now<T>(&self, question: impl Fn(&mut Connection) -> Result<T>) -> Result<T> {
        let Some(anchor) = &self.anchor else {
            return read_only::ask(&self.path, &self.options, question);
        };
        self.look(anchor)?;
        let idle = self.idle().pop();
        let mut reader = if let Some(reader) = idle {
            reader
        } else {
            // Another file, beside which the log of this one stands, would be changed by it.
            anchor.check()?;
            let reader = open_reader(&self.path, &self.options);
            // Whatever it has found there: it was to read what the writer writes.
            anchor.check()?;
            reader?
        };
        let answer = question(&mut reader);
        self.idle().push(reader);
        answer
    }

    /// Sees to it, now and then, that the answers are those of the file at the path.
    fn look(&self, anchor: &Anchor) -> Result<()> {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_none_or(|it| now.duration_since(it) >= LOOK_AGAIN) {
            anchor.check()?;
            *seen = Some(now);
        }
        Ok(())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
