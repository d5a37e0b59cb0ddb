//! How long to wait before something is tried again.

use std::time::Duration;

use crate::store::chance::chance;

/// How often something is tried again that lost a deadlock.
pub(super) const MOST_ATTEMPTS: u32 = 20;

/// The most tries that make a pause longer.
const LONGEST: u32 = 20;

/// How long to wait before the next try of something that lost a race or a deadlock: the longer,
/// the more often it was tried, a millisecond a try on average. Rivals wait for different times, or
/// they would meet again.
pub(super) fn pause(tries: u32) -> Duration {
    let most = 2_000 * u64::from(tries.min(LONGEST));
    Duration::from_micros(chance() % (most + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rivals_wait_for_different_times() {
        let pauses: std::collections::HashSet<_> = (0..100).map(|_| pause(20)).collect();
        assert!(pauses.len() > 50, "{pauses:?}");
        assert!(pauses.iter().all(|it| *it <= Duration::from_millis(40)));
        assert!((0..100).all(|_| pause(1) <= Duration::from_millis(2)));
        assert!((0..100).all(|_| pause(u32::MAX) <= Duration::from_millis(40)));
    }
}
