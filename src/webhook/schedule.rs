//! When a failed delivery is tried again.

use chrono::TimeDelta;
use uuid::Uuid;

/// The most attempts of a schedule.
const MOST: usize = 100;

/// The longest delay before an attempt: 30 days.
const LONGEST: TimeDelta = TimeDelta::days(30);

/// The delays before the attempts of a delivery, each counted from the end of the attempt before.
///
/// By default: 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. A delay is lengthened by
/// up to a fifth, differently for each delivery, so that what failed together is not tried again
/// together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<TimeDelta>);

/// Why delays are no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryScheduleError {
    /// So many delays.
    #[error("a retry schedule has 1 to {MOST} delays, but this has {0}")]
    Count(usize),
    /// The delay in this place, from 1, is negative or too long.
    #[error("the delays of a retry schedule are 0 s to 30 days, but the one in place {place} is {} s", seconds(.delay))]
    OutOfRange {
        /// Which one, from 1.
        place: usize,
        /// What it is.
        delay: TimeDelta,
    },
    /// The first attempt would have to wait so long.
    #[error(
        "the first delay of a retry schedule is 0 s, since the first attempt is made at once, but this begins \
         with {} s", seconds(.0)
    )]
    FirstWaits(TimeDelta),
}

/// What a person reads of a delay, which may be negative.
fn seconds(delay: &TimeDelta) -> f64 {
    let seconds = delay.abs().to_std().unwrap_or_default().as_secs_f64();
    if *delay < TimeDelta::zero() {
        -seconds
    } else {
        seconds
    }
}

impl RetrySchedule {
    /// The longest that a receiver can ask to be left alone (`Retry-After`): a day.
    pub const LONGEST_RETRY_AFTER: TimeDelta = TimeDelta::days(1);

    /// A schedule with these delays; the first, that of the first attempt, is zero.
    ///
    /// # Errors
    /// [`RetryScheduleError`].
    pub fn new(delays: Vec<TimeDelta>) -> Result<Self, RetryScheduleError> {
        let range = TimeDelta::zero()..=LONGEST;
        if delays.len() > MOST {
            return Err(RetryScheduleError::Count(delays.len()));
        }
        for (place, &delay) in (1..).zip(&delays) {
            if !range.contains(&delay) {
                return Err(RetryScheduleError::OutOfRange { place, delay });
            }
        }
        match delays.first() {
            None => Err(RetryScheduleError::Count(0)),
            Some(first) if !first.is_zero() => Err(RetryScheduleError::FirstWaits(*first)),
            Some(_) => Ok(Self(delays)),
        }
    }

    /// The delays, without what lengthens them.
    #[must_use]
    pub fn delays(&self) -> &[TimeDelta] {
        &self.0
    }

    /// How long to wait after so many failed attempts; none where they were all.
    ///
    /// `retry_after` is what the receiver asked for: it counts between the delay of the schedule
    /// and a day. What lengthens the delay follows from the event, the webhook and the attempt, so
    /// it is the same wherever it is worked out.
    #[must_use]
    pub fn delay(
        &self,
        failed: u32,
        event: Uuid,
        webhook: Uuid,
        retry_after: Option<TimeDelta>,
    ) -> Option<TimeDelta> {
        let scheduled = *self.0.get(usize::try_from(failed).ok()?)?;
        let most = scheduled.num_milliseconds() / 5;
        let both = event.as_u128() ^ webhook.as_u128().rotate_left(64);
        let spread = mix(Uuid::from_u128(both).as_u64_pair(), failed);
        let jitter = spread.checked_rem(most + 1).unwrap_or_default();
        let delay = scheduled + TimeDelta::milliseconds(jitter);
        let asked = retry_after.map(|it| it.min(Self::LONGEST_RETRY_AFTER));
        Some(asked.map_or(delay, |asked| asked.max(delay)))
    }
}

/// A number from 0 on that looks like chance (the finalizer of SplitMix64).
fn mix((high, low): (u64, u64), round: u32) -> i64 {
    let mut state = low
        ^ high.rotate_left(32)
        ^ u64::from(round)
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^= state >> 31;
    (state >> 1).cast_signed()
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(vec![
            TimeDelta::zero(),
            TimeDelta::seconds(5),
            TimeDelta::minutes(5),
            TimeDelta::minutes(30),
            TimeDelta::hours(2),
            TimeDelta::hours(5),
            TimeDelta::hours(10),
            TimeDelta::hours(14),
            TimeDelta::hours(20),
            TimeDelta::hours(24),
        ])
    }
}
