//! When a failed delivery is tried again.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::jitter::lengthened;

/// The most attempts of a schedule.
const MOST: usize = 100;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest delay before an attempt: 30 days.
const LONGEST: Duration = Duration::from_secs(30 * DAY);

/// The delays before the attempts of a delivery, each counted from the end of the attempt before.
///
/// By default: 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. Jitter lengthens a delay
/// by up to a fifth, differently for each delivery, so that deliveries that failed together are not
/// retried together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// Why delays are no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryScheduleError {
    /// The number of delays.
    #[error("a retry schedule has 1 to {MOST} delays, but this has {0}")]
    Count(usize),
    /// A delay is too long.
    #[error("retry delay {place} is {}; the maximum is {}", Words(*.delay), Words(LONGEST))]
    TooLong {
        /// Its place in the schedule, from 1.
        place: usize,
        /// The delay.
        delay: Duration,
    },
    /// The first attempt would have to wait this long.
    #[error(
        "the first retry delay must be 0 s, since the first attempt is made at once, but is {}",
        Words(*.0)
    )]
    FirstWaits(Duration),
}

/// A delay in the largest unit that divides it.
struct Words(Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() > 0 {
            return write!(f, "{} s", self.0.as_secs_f64());
        }
        let units = [
            (DAY, "day", "days"),
            (HOUR, "hour", "hours"),
            (MINUTE, "minute", "minutes"),
        ];
        for (unit, one, many) in units {
            if seconds > 0 && seconds.is_multiple_of(unit) {
                let count = seconds / unit;
                return write!(f, "{count} {}", if count == 1 { one } else { many });
            }
        }
        write!(f, "{seconds} s")
    }
}

impl RetrySchedule {
    /// The longest pause that a receiver can ask for (`Retry-After`): a day.
    pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(DAY);

    /// A schedule with these delays; the first, that of the first attempt, is zero.
    ///
    /// # Errors
    /// [`RetryScheduleError`].
    pub fn new(delays: Vec<Duration>) -> Result<Self, RetryScheduleError> {
        if delays.len() > MOST {
            return Err(RetryScheduleError::Count(delays.len()));
        }
        for (place, &delay) in (1..).zip(&delays) {
            if delay > LONGEST {
                return Err(RetryScheduleError::TooLong { place, delay });
            }
        }
        match delays.first() {
            None => Err(RetryScheduleError::Count(0)),
            Some(first) if !first.is_zero() => Err(RetryScheduleError::FirstWaits(*first)),
            Some(_) => Ok(Self(delays)),
        }
    }

    /// The delays, without jitter.
    #[must_use]
    pub fn delays(&self) -> &[Duration] {
        &self.0
    }

    /// The delay after this number of failed attempts, with jitter; none if the schedule has no
    /// more attempts.
    ///
    /// `retry_after` is the pause that the receiver asked for: up to a day of it replaces a shorter
    /// delay. The jitter depends only on the event, the webhook and the number, so every dispatcher
    /// computes the same delay.
    #[must_use]
    pub fn delay(
        &self,
        failed: u32,
        event: Uuid,
        webhook: Uuid,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let scheduled = *self.0.get(usize::try_from(failed).ok()?)?;
        let both = event.as_u128() ^ webhook.as_u128().rotate_left(64);
        let delay = lengthened(scheduled, Uuid::from_u128(both).as_u64_pair(), failed);
        let asked = retry_after.map(|it| it.min(Self::LONGEST_RETRY_AFTER));
        Some(asked.map_or(delay, |asked| asked.max(delay)))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(vec![
            Duration::ZERO,
            Duration::from_secs(5),
            Duration::from_secs(5 * MINUTE),
            Duration::from_secs(30 * MINUTE),
            Duration::from_secs(2 * HOUR),
            Duration::from_secs(5 * HOUR),
            Duration::from_secs(10 * HOUR),
            Duration::from_secs(14 * HOUR),
            Duration::from_secs(20 * HOUR),
            Duration::from_secs(24 * HOUR),
        ])
    }
}
