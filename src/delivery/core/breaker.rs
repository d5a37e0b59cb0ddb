//! The circuit breaker of a webhook.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// After how many failures in a row a webhook is left alone for a while.
const THRESHOLD: u32 = 10;

/// As how many failures a deadline counts that has passed.
const SILENCE: u32 = 5;

/// How long it is left alone first; then twice as long, and so on.
const SHORTEST: Duration = Duration::from_millis(100);

/// Leaves a webhook alone whose server fails, and then tries whether it has recovered.
///
/// closed: everything is sent → open: nothing is → half-open: a few probes are; one success closes
/// it, one failure opens it again, for twice as long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Breaker {
    /// In a row.
    failures: u32,
    /// How often it was opened since something succeeded.
    opened: u32,
    open: Option<Open>,
}

/// The time in which nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Open {
    /// A clock that is set back to before it was opened does not keep it open for longer.
    fn has(&self, now: DateTime<Utc>) -> bool {
        self.since <= now && now < self.until
    }
}

/// What may be sent to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Whatever there is room for.
    All,
    /// A few.
    Probes,
    /// Nothing before this time.
    Nothing(DateTime<Utc>),
}

impl Breaker {
    pub(super) fn admits(&self, now: DateTime<Utc>) -> Admission {
        match self.open {
            None => Admission::All,
            Some(open) if open.has(now) => Admission::Nothing(open.until),
            Some(_) => Admission::Probes,
        }
    }

    /// Something was delivered.
    pub(super) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Something was not. Silence counts for more than an answer, since it takes longer to be
    /// heard.
    pub(super) fn fail(&mut self, now: DateTime<Utc>, longest: Duration, is_silence: bool) {
        let weight = if is_silence { SILENCE } else { 1 };
        self.failures = self.failures.saturating_add(weight);
        if self.failures < THRESHOLD || self.open.is_some_and(|it| it.has(now)) {
            return;
        }
        let doubled = 1_u32.checked_shl(self.opened.min(20)).unwrap_or(1);
        self.opened = self.opened.saturating_add(1);
        self.open = Some(Open {
            since: now,
            until: now + (SHORTEST * doubled).min(longest),
        });
    }

    /// Whether the last that was heard is a failure.
    pub(super) const fn is_suspicious(&self) -> bool {
        self.failures > 0
    }

    /// How often it was opened since something succeeded.
    pub(super) const fn opened(&self) -> u32 {
        self.opened
    }

    /// Whether nothing has failed since something succeeded.
    pub(super) const fn is_at_rest(&self) -> bool {
        self.open.is_none() && self.failures == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};

    use super::{Admission, Breaker, THRESHOLD};

    const LONGEST: Duration = Duration::from_secs(5);

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds)
    }

    #[test]
    fn failures_in_a_row_open_it_a_success_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..10 * THRESHOLD {
            breaker.fail(at(0), LONGEST, false);
            breaker.succeed();
        }
        assert_eq!(breaker.admits(at(0)), Admission::All);
        for _ in 0..THRESHOLD {
            assert_eq!(breaker.admits(at(0)), Admission::All);
            breaker.fail(at(0), LONGEST, false);
        }
        assert_eq!(breaker.admits(at(0)), Admission::Nothing(at(100)));
    }

    #[test]
    fn half_open_it_admits_probes_and_their_failure_opens_it_for_longer() {
        let mut breaker = Breaker::default();
        (0..THRESHOLD).for_each(|_| breaker.fail(at(0), LONGEST, false));
        assert_eq!(breaker.admits(at(100)), Admission::Probes);
        breaker.fail(at(100), LONGEST, false);
        assert_eq!(breaker.admits(at(299)), Admission::Nothing(at(300)));
        // What was still under way when it opened does not lengthen it.
        breaker.fail(at(200), LONGEST, false);
        assert_eq!(breaker.admits(at(300)), Admission::Probes);
        breaker.succeed();
        assert_eq!(breaker.admits(at(300)), Admission::All);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        (0..THRESHOLD).for_each(|_| breaker.fail(at(3_600_000), LONGEST, false));
        assert_eq!(breaker.admits(at(0)), Admission::Probes);
        breaker.fail(at(0), LONGEST, false);
        assert_eq!(breaker.admits(at(1)), Admission::Nothing(at(200)));
    }

    #[test]
    fn it_is_never_open_for_longer_than_the_longest() {
        let mut breaker = Breaker::default();
        let mut now = at(0);
        for _ in 0..1000 {
            breaker.fail(now, LONGEST, false);
            if let Admission::Nothing(until) = breaker.admits(now) {
                assert!(until <= now + LONGEST);
                now = until;
            }
        }
        assert!(now > at(60_000));
    }
}
