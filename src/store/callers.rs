//! How callers wait for the answers of who carries out their commands: a thread or a task.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task;

/// Those that wait.
#[derive(Debug)]
pub(super) struct Callers {
    /// How long a caller stays awake for its answer, if the last one came as fast: to be woken
    /// takes a good part of a commit.
    patience: Duration,
    waiting: AtomicUsize,
    /// How long the last answer took, in microseconds.
    last: AtomicU64,
}

impl Callers {
    pub(super) const fn new(patience: Duration) -> Self {
        Self {
            patience,
            waiting: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        }
    }

    /// The answer; none if it will never come.
    ///
    /// A caller that is alone asks again and again, and lets other tasks and threads run in
    /// between. Of several callers, each would keep the work from its core: they sleep.
    pub(super) async fn wait<T>(&self, mut answer: Receiver<T>) -> Option<T> {
        let _waiting = Waiting::begin(&self.waiting);
        let start = Instant::now();
        if self.last.load(Ordering::Relaxed) < micros(self.patience) {
            while self.waiting.load(Ordering::Relaxed) == 1 && start.elapsed() < self.patience {
                match answer.try_recv() {
                    Err(TryRecvError::Empty) => {
                        thread::yield_now();
                        task::yield_now().await;
                    }
                    received => return self.note(start, received.ok()),
                }
            }
        }
        self.note(start, answer.await.ok())
    }

    fn note<T>(&self, start: Instant, answer: T) -> T {
        self.last.store(micros(start.elapsed()), Ordering::Relaxed);
        answer
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// One that waits, until this is dropped: also by a caller that gives up.
struct Waiting<'c>(&'c AtomicUsize);

impl<'c> Waiting<'c> {
    fn begin(waiting: &'c AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "../../tests/unit/callers.rs"]
mod tests;
