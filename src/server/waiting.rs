//! How many requests wait for something at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::api::Api;
use super::problem::{Problem, ProblemCode};
use super::telemetry;

/// The requests that wait.
#[derive(Debug, Default, Clone)]
pub(super) struct Waiting(Arc<AtomicUsize>);

/// A request that waits, until this is dropped.
#[derive(Debug)]
pub(super) struct Slot(Waiting);

impl Waiting {
    /// Counts a request that waits.
    ///
    /// # Errors
    /// 429 where there are too many.
    pub(super) fn enter(api: &Api) -> Result<Slot, Problem> {
        let waiting = &api.waiting;
        let before = waiting.0.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(waiting.clone());
        metrics::gauge!(telemetry::WAITING).increment(1.0);
        let most = api.options.most_waiting;
        if before < most {
            return Ok(slot);
        }
        let detail = format!("{most} event streams and long polls are open, and no more are taken");
        Err(Problem::new(ProblemCode::TooManyRequests, detail))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!(telemetry::WAITING).decrement(1.0);
    }
}
