//! How a dispatcher works.

use std::time::Duration;

use crate::setters::setters;
use crate::webhook::RetrySchedule;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a dispatcher works. A value outside its limits is taken for the nearest one inside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispatcherOptions {
    /// How many requests are under way at the same time, 1 to 10,000; 128. One webhook gets at most
    /// half of them, two get a third each, and so on: there is always room for one more.
    pub concurrency: u32,
    /// When a failed delivery is retried.
    pub schedule: RetrySchedule,
    /// How long a request may take, reading the response included, 10 ms to an hour; 15 seconds.
    /// [`Transport::send`](super::Transport::send) gets it as a deadline.
    pub timeout: Duration,
    /// How much longer than a request a lease lasts, 100 ms to an hour; 5 seconds. When a
    /// dispatcher is killed, another one takes its deliveries over this long after their timeout.
    /// The clocks of dispatchers may differ by as much.
    pub margin: Duration,
    /// How long all attempts must have failed before a webhook is disabled; 5 days.
    pub disable_after: Duration,
    /// How long attempts and delivered deliveries are kept; 30 days. Dead deliveries are kept until
    /// they are redelivered.
    pub retention: Duration,
    /// How often housekeeping counts the backlog for the metrics, and prunes what is past its
    /// retention, 100 ms to a year; a minute.
    pub housekeeping_every: Duration,
}

impl Default for DispatcherOptions {
    fn default() -> Self {
        Self {
            concurrency: 128,
            schedule: RetrySchedule::default(),
            timeout: Duration::from_secs(15),
            margin: Duration::from_secs(5),
            disable_after: 5 * DAY,
            retention: 30 * DAY,
            housekeeping_every: MINUTE,
        }
    }
}

impl DispatcherOptions {
    setters! {
        with_concurrency: concurrency, u32;
        with_schedule: schedule, RetrySchedule;
        with_timeout: timeout, Duration;
        with_margin: margin, Duration;
        with_disable_after: disable_after, Duration;
        with_retention: retention, Duration;
        with_housekeeping_every: housekeeping_every, Duration;
    }

    pub(super) fn within_limits(mut self) -> Self {
        let tenth = Duration::from_millis(100);
        self.concurrency = self.concurrency.clamp(1, 10_000);
        self.timeout = self.timeout.clamp(Duration::from_millis(10), HOUR);
        self.margin = self.margin.clamp(tenth, HOUR);
        // An instant must be able to hold it.
        self.housekeeping_every = self.housekeeping_every.clamp(tenth, 365 * DAY);
        self
    }

    /// How long a lease lasts.
    pub(super) fn lease(&self) -> Duration {
        self.timeout + self.margin
    }

    /// The longest time for which an open circuit pauses a webhook: the delay before the second
    /// attempt, from 100 ms to 5 s.
    pub(super) fn longest_break(&self) -> Duration {
        let second = self.schedule.delays().get(1).copied();
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(5));
        second.unwrap_or(most).clamp(least, most)
    }

    /// How many probes are under way at once to a failing webhook, if there is room for them.
    pub(super) fn probes(&self) -> u32 {
        (self.concurrency / 16).max(4)
    }
}
