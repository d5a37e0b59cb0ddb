//! How many requests wait for something at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::problem::{Problem, ProblemCode};
use super::telemetry;

/// The requests that wait.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    open: Arc<AtomicUsize>,
    most: usize,
}

/// A request that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Waiting {
    /// At most so many at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            open: Arc::default(),
            most,
        }
    }

    /// Counts a request that waits.
    ///
    /// # Errors
    /// 429 where there are too many.
    pub(crate) fn enter(&self) -> Result<Slot, Problem> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(Arc::clone(&self.open));
        metrics::gauge!(telemetry::WAITING).increment(1.0);
        let most = self.most;
        if before < most {
            return Ok(slot);
        }
        let detail = format!("{most} event streams and long polls are open, and no more are taken");
        Err(Problem::new(ProblemCode::TooManyRequests, detail))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!(telemetry::WAITING).decrement(1.0);
    }
}
