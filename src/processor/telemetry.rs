//! The names of the metrics. They hold nothing personal, and no label has many values.

use chrono::{DateTime, Utc};

use crate::lengths::between;
use crate::store::WorkBacklog;

/// Attempts, by `outcome`: `approved`, `done`, `failed`, `again`, `later`, `broken` (it
/// panicked), `timeout`, `released`.
pub const ATTEMPTS: &str = "certlife_processing_attempts_total";
/// How long an attempt took, in seconds.
pub const ATTEMPT_SECONDS: &str = "certlife_processing_attempt_seconds";
/// Leases that were lost: another processor had taken over, or the application had moved on.
pub const LOST_LEASES: &str = "certlife_processing_lost_leases_total";
/// Applications that are worked on in this process.
pub const UNDER_WAY: &str = "certlife_processing_under_way";
/// Applications in progress that no processor has a lease on, in the store.
pub const WAITING: &str = "certlife_processing_waiting";
/// Since when the application that waits longest has been in progress, in seconds; 0 if none
/// waits.
pub const OLDEST_WAITING_SECONDS: &str = "certlife_processing_oldest_waiting_seconds";

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(ATTEMPTS, Unit::Count, "attempts of work, by outcome");
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "how long an attempt took");
    describe_counter!(LOST_LEASES, Unit::Count, "leases that were lost");
    describe_gauge!(UNDER_WAY, Unit::Count, "applications that are worked on");
    describe_gauge!(WAITING, Unit::Count, "applications that wait for work");
    describe_gauge!(
        OLDEST_WAITING_SECONDS,
        Unit::Seconds,
        "how long the oldest of them has been in progress"
    );
}

/// An attempt is over.
pub(super) fn attempted(outcome: &'static str) {
    metrics::counter!(ATTEMPTS, "outcome" => outcome).increment(1);
}

/// A lease is lost.
pub(super) fn lost_lease() {
    metrics::counter!(LOST_LEASES).increment(1);
}

/// The backlog was counted.
pub(super) fn backlog(backlog: &[WorkBacklog], now: DateTime<Utc>) {
    let waiting: u64 = backlog.iter().map(|it| it.waiting).sum();
    metrics::gauge!(WAITING).set(number(waiting));
    let oldest = backlog.iter().filter_map(|it| it.oldest).min();
    let since = oldest.map_or(0.0, |it| between(it, now).as_secs_f64());
    metrics::gauge!(OLDEST_WAITING_SECONDS).set(since);
}

/// Work under way, until this is dropped. The gauge counts up and down, so that all processors of a
/// process add up.
pub(super) struct UnderWay(tokio::time::Instant);

impl UnderWay {
    pub(super) fn begin() -> Self {
        metrics::gauge!(UNDER_WAY).increment(1.0);
        Self(tokio::time::Instant::now())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        metrics::gauge!(UNDER_WAY).decrement(1.0);
        metrics::histogram!(ATTEMPT_SECONDS).record(self.0.elapsed().as_secs_f64());
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a metric of 2^53 may be off by one"
)]
fn number(count: u64) -> f64 {
    count as f64
}
