//! How a dispatcher works.

use chrono::TimeDelta;

use crate::webhook::RetrySchedule;

/// How a dispatcher works. What lies outside of the limits is taken for the nearest that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatcherOptions {
    /// How many requests are under way at the same time, 1 to 10,000; 128. One webhook gets half of
    /// them at most, two a third each, and so on: there is always room for one more.
    pub concurrency: u32,
    /// When a failed delivery is tried again.
    pub schedule: RetrySchedule,
    /// How long a request may take, the reading of the response included, 10 ms to an hour; 15
    /// seconds. The transport must not wait longer.
    pub timeout: TimeDelta,
    /// How much longer than that a delivery is leased, 100 ms to an hour; 5 seconds. So long after
    /// its dispatcher was killed, another one takes it over; and as far may the clocks of
    /// dispatchers differ.
    pub margin: TimeDelta,
    /// For how long everything must have failed before a webhook is disabled; 5 days.
    pub disable_after: TimeDelta,
    /// How long attempts and what was delivered are kept; 30 days. Dead letters are kept until
    /// somebody sees to them.
    pub retention: TimeDelta,
    /// How often the backlog is counted for the metrics, and what is past its retention pruned; a
    /// minute.
    pub chores_every: TimeDelta,
}

impl Default for DispatcherOptions {
    fn default() -> Self {
        Self {
            concurrency: 128,
            schedule: RetrySchedule::default(),
            timeout: TimeDelta::seconds(15),
            margin: TimeDelta::seconds(5),
            disable_after: TimeDelta::days(5),
            retention: TimeDelta::days(30),
            chores_every: TimeDelta::minutes(1),
        }
    }
}

impl DispatcherOptions {
    pub(super) fn within_limits(mut self) -> Self {
        let hour = TimeDelta::hours(1);
        self.concurrency = self.concurrency.clamp(1, 10_000);
        self.timeout = self.timeout.clamp(TimeDelta::milliseconds(10), hour);
        self.margin = self.margin.clamp(TimeDelta::milliseconds(100), hour);
        self.chores_every = self.chores_every.max(TimeDelta::milliseconds(100));
        self
    }

    /// How long a claimed delivery is nobody else's.
    pub(super) fn lease(&self) -> TimeDelta {
        self.timeout + self.margin
    }

    /// The longest that a failing webhook is left alone by the circuit breaker: as long as a
    /// delivery waits for its second attempt, within bounds.
    pub(super) fn longest_break(&self) -> TimeDelta {
        let second = self.schedule.delays().get(1).copied();
        let (least, most) = (TimeDelta::milliseconds(100), TimeDelta::seconds(5));
        second.unwrap_or(most).clamp(least, most)
    }

    /// How many requests at once try whether a failing webhook has recovered, where there is room
    /// for them.
    pub(super) fn probes(&self) -> u32 {
        (self.concurrency / 16).max(4)
    }
}
