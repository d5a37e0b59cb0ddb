//! When housekeeping is due, and what runs beside deliveries.

use std::time::{Duration, Instant};

use super::input::Instants;

/// The housekeeping, one at a time; and how many webhooks are being disabled.
#[derive(Debug)]
pub(super) struct Housekeeping {
    next_at: Instant,
    is_under_way: bool,
    disabling: u32,
}

impl Housekeeping {
    /// The first housekeeping begins at once: the run may be short, and the only one.
    pub(super) fn begun(now: Instants, every: Duration) -> Self {
        Self {
            next_at: now.after(every),
            is_under_way: true,
            disabling: 0,
        }
    }

    pub(super) fn begin(&mut self, now: Instants, every: Duration) {
        self.next_at = now.after(every);
        self.is_under_way = true;
    }

    pub(super) const fn end(&mut self) {
        self.is_under_way = false;
    }

    pub(super) const fn begin_disabling(&mut self) {
        self.disabling += 1;
    }

    pub(super) const fn end_disabling(&mut self) {
        self.disabling = self.disabling.saturating_sub(1);
    }

    pub(super) const fn is_disabling(&self) -> bool {
        self.disabling > 0
    }

    pub(super) const fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// When the next housekeeping begins; none while one is under way.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        (!self.is_under_way).then_some(self.next_at)
    }
}
