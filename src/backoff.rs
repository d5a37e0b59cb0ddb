//! Waits that grow: before the next claim, or before a store that fails is asked again.

use std::time::Duration;

/// The shortest wait before a store that has failed is asked again.
const SHORTEST_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// The longest: work resumes soon after the store is back.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// The longest wait for a store that is too slow.
#[cfg(feature = "delivery")]
const LONGEST_WHERE_LATE: Duration = Duration::from_secs(5);

/// The wait where something was due, but another process was faster, or the claim came too late.
pub(crate) const RACE: Duration = Duration::from_millis(20);

/// A wait that doubles each time, until it is reset.
#[derive(Debug)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    /// How many waits there were since the last reset.
    times: u32,
}

impl Backoff {
    /// For a store that fails.
    pub(crate) const fn after_failure() -> Self {
        Self {
            shortest: SHORTEST_AFTER_FAILURE,
            longest: LONGEST_AFTER_FAILURE,
            times: 0,
        }
    }

    /// For claims that come too late.
    #[cfg(feature = "delivery")]
    pub(crate) const fn where_late() -> Self {
        Self {
            shortest: RACE,
            longest: LONGEST_WHERE_LATE,
            times: 0,
        }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.times.min(10)).unwrap_or(1);
        self.times = self.times.saturating_add(1);
        (self.shortest * doubled).min(self.longest)
    }

    /// How many waits there were since the last reset.
    #[cfg(feature = "delivery")]
    pub(crate) const fn times(&self) -> u32 {
        self.times
    }

    pub(crate) const fn reset(&mut self) {
        self.times = 0;
    }
}
