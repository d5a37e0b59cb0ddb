//! The present, for what reads no clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// The present: the core of a dispatcher or a processor reads no clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instants {
    /// Waits are measured by this one.
    pub(crate) monotonic: Instant,
    /// Leases and retries are measured by this one. It may jump.
    pub(crate) wall: DateTime<Utc>,
}

impl Instants {
    /// The instant after this delay.
    pub(crate) fn after(self, delay: Duration) -> Instant {
        self.monotonic + delay
    }
}
