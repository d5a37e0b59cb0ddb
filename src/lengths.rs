//! Lengths of time beside moments: `std` has the lengths, `chrono` the moments.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The length, for chrono. One that is too long for it becomes the longest that it has.
pub(crate) fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(longest())
}

/// The longest that chrono has; its oldest version that is allowed has no constant for it.
const fn longest() -> TimeDelta {
    TimeDelta::milliseconds(i64::MAX)
}

/// The moment so long after; at most the last one.
pub(crate) fn later(at: DateTime<Utc>, length: Duration) -> DateTime<Utc> {
    let later = at.checked_add_signed(delta(length));
    later.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The moment so long before; at least the first one.
pub(crate) fn earlier(at: DateTime<Utc>, length: Duration) -> DateTime<Utc> {
    let earlier = at.checked_sub_signed(delta(length));
    earlier.unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// The length from one moment to a later one; zero if it is earlier.
#[cfg(any(test, feature = "delivery", feature = "processor"))]
pub(crate) fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    to.signed_duration_since(from).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};

    use crate::lengths::{between, delta, earlier, later, longest};

    #[test]
    fn a_length_too_long_for_chrono_is_taken_for_the_longest() {
        assert_eq!(delta(Duration::MAX), longest());
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(later(now, Duration::MAX), DateTime::<Utc>::MAX_UTC);
        assert_eq!(earlier(now, Duration::MAX), DateTime::<Utc>::MIN_UTC);
    }

    #[test]
    fn a_moment_and_a_length_make_a_moment() {
        let (now, second) = (DateTime::UNIX_EPOCH, Duration::from_secs(1));
        assert_eq!(later(now, second) - now, TimeDelta::seconds(1));
        assert_eq!(now - earlier(now, second), TimeDelta::seconds(1));
        assert_eq!(between(now, later(now, second)), second);
        assert_eq!(between(later(now, second), now), Duration::ZERO);
    }
}
