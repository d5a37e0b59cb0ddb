//! What is to be recorded.

use std::collections::VecDeque;
use std::time::Instant;

use crate::backoff::Backoff;
use crate::instants::Instants;
use crate::store::WorkSettlement;

/// How many outcomes are recorded at once.
const MOST: usize = 512;

/// Outcomes that are not recorded yet.
#[derive(Debug)]
pub(super) struct Outcomes {
    waiting: VecDeque<WorkSettlement>,
    is_settling: bool,
    /// Until when the store is left alone.
    held_until: Option<Instant>,
    failures: Backoff,
}

impl Outcomes {
    pub(super) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            is_settling: false,
            held_until: None,
            failures: Backoff::after_failure(),
        }
    }

    pub(super) fn add(&mut self, settlement: WorkSettlement) {
        self.waiting.push_back(settlement);
    }

    /// The outcomes that are to be recorded now, if it is time.
    pub(super) fn begin(&mut self, now: Instants) -> Option<Vec<WorkSettlement>> {
        let is_held = self.held_until.is_some_and(|until| now.monotonic < until);
        if self.is_settling || self.waiting.is_empty() || is_held {
            return None;
        }
        self.held_until = None;
        self.is_settling = true;
        let count = self.waiting.len().min(MOST);
        Some(self.waiting.drain(..count).collect())
    }

    /// Those that were begun have been answered. `again` are to be recorded again.
    pub(super) fn answered(&mut self, now: Instants, again: Vec<WorkSettlement>) {
        self.is_settling = false;
        if again.is_empty() {
            self.failures.reset();
            return;
        }
        self.held_until = Some(now.after(self.failures.next()));
        for settlement in again.into_iter().rev() {
            self.waiting.push_front(settlement);
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When they are tried again.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let is_waiting = !self.waiting.is_empty() && !self.is_settling;
        self.held_until.filter(|_| is_waiting)
    }
}
