//! How a processor works.

use std::time::Duration;

use crate::jitter::lengthened;
use crate::setters::setters;
use crate::store::{Actor, ActorId, ActorKind, InstitutionId, WorkLease};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a processor works. A value outside its limits is taken for the nearest one inside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessorOptions {
    /// How many applications are worked on at the same time, 1 to 10,000; 16. One institution gets
    /// at most half of them, two get a third each, and so on: there is always room for one more.
    pub concurrency: u32,
    /// The most applications of one institution that this processor works on at the same time, if
    /// that is to be less, 1 or more; none.
    pub most_of_one: Option<u32>,
    /// The only institution that is worked for, which then may have all of the room; none for all.
    pub institution: Option<InstitutionId>,
    /// How long an attempt may take, 10 ms to 30 days; 10 minutes.
    pub timeout: Duration,
    /// How long a claim lasts that is not renewed, 1 second to a day; a minute. It is renewed at a
    /// third of that. When a processor is killed, another one takes its work over after this time.
    /// The clocks of processors may differ by half as much.
    pub lease: Duration,
    /// How many attempts there are, 1 to 1,000; 5. When the last one is to be made
    /// [again](super::Outcome::Again), the application fails.
    pub attempts: u32,
    /// How long the second attempt waits, 1 ms to a day; 5 seconds. Each further one waits twice as
    /// long as the one before. Jitter lengthens a wait by up to a fifth.
    pub first_wait: Duration,
    /// The longest of these waits, without jitter, 1 ms to 30 days; 10 minutes.
    pub longest_wait: Duration,
    /// How long what is under way may go on after the shutdown before it is cancelled, at most a
    /// day; 20 seconds.
    pub grace: Duration,
    /// In whose name applications are approved and fail: an actor of the kind
    /// [`System`](ActorKind::System); `processor`.
    pub actor: ActorId,
    /// How often the backlog is counted for the metrics, 100 ms to a year; a minute.
    pub count_every: Duration,
}

impl Default for ProcessorOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            most_of_one: None,
            institution: None,
            timeout: 10 * MINUTE,
            lease: MINUTE,
            attempts: 5,
            first_wait: 5 * SECOND,
            longest_wait: 10 * MINUTE,
            grace: 20 * SECOND,
            // It is a name.
            actor: ActorId::new("processor").unwrap_or_else(|_| unreachable!()),
            count_every: MINUTE,
        }
    }
}

impl ProcessorOptions {
    setters! {
        with_concurrency: concurrency, u32;
        with_most_of_one: most_of_one, Option<u32>;
        with_institution: institution, Option<InstitutionId>;
        with_timeout: timeout, Duration;
        with_lease: lease, Duration;
        with_attempts: attempts, u32;
        with_first_wait: first_wait, Duration;
        with_longest_wait: longest_wait, Duration;
        with_grace: grace, Duration;
        with_actor: actor, ActorId;
        with_count_every: count_every, Duration;
    }

    pub(super) fn within_limits(mut self) -> Self {
        let (least, month) = (Duration::from_millis(1), 30 * DAY);
        self.concurrency = self.concurrency.clamp(1, 10_000);
        self.most_of_one = self.most_of_one.map(|it| it.max(1));
        self.timeout = self.timeout.clamp(10 * least, month);
        self.lease = self.lease.clamp(SECOND, DAY);
        self.attempts = self.attempts.clamp(1, 1000);
        self.first_wait = self.first_wait.clamp(least, DAY);
        self.longest_wait = self.longest_wait.clamp(least, month);
        self.grace = self.grace.min(DAY);
        self.count_every = self.count_every.clamp(100 * least, 8760 * HOUR);
        self
    }

    /// Who approves and fails applications.
    pub(super) fn who_acts(&self) -> Actor {
        Actor::new(ActorKind::System, self.actor.clone())
    }

    /// How long the next attempt waits after this one, counted from 1.
    pub(super) fn wait_after(&self, attempt: u32, of: WorkLease) -> Duration {
        let doubled = 1_u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let wait = self.first_wait.saturating_mul(doubled);
        lengthened(
            wait.min(self.longest_wait),
            of.application.as_u64_pair(),
            attempt,
        )
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_lengthens_them_by_up_to_a_fifth() {
        let options = ProcessorOptions::default();
        let of = WorkLease::new(Uuid::from_u128(7), 1);
        for (attempt, seconds) in [(1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (90, 600)] {
            let (wait, plain) = (
                options.wait_after(attempt, of),
                Duration::from_secs(seconds),
            );
            assert!(
                wait >= plain && wait <= plain * 6 / 5,
                "{attempt}: {wait:?}"
            );
        }
        let others = (0..100).map(|it| WorkLease::new(Uuid::from_u128(it), 1));
        let different: std::collections::BTreeSet<_> =
            others.map(|it| options.wait_after(1, it)).collect();
        assert!(different.len() > 50);
    }

    #[test]
    fn values_outside_of_the_limits_are_taken_for_the_nearest() {
        let zero = Duration::ZERO;
        let least = ProcessorOptions::default()
            .with_concurrency(0)
            .with_most_of_one(Some(0))
            .with_timeout(zero)
            .with_lease(zero)
            .with_attempts(0)
            .with_first_wait(zero)
            .with_longest_wait(zero)
            .with_count_every(zero)
            .within_limits();
        assert_eq!((least.concurrency, least.most_of_one), (1, Some(1)));
        assert_eq!((least.attempts, least.lease), (1, SECOND));
        assert_eq!(least.timeout, Duration::from_millis(10));
        let most = ProcessorOptions::default()
            .with_timeout(Duration::MAX)
            .with_lease(Duration::MAX)
            .with_grace(Duration::MAX)
            .with_count_every(Duration::MAX)
            .within_limits();
        assert_eq!((most.timeout, most.lease), (30 * DAY, DAY));
        assert_eq!(most.grace, DAY);
    }
}
