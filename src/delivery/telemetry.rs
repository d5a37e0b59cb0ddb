//! The names of the metrics. They hold nothing personal, and no label has many values.

use chrono::{DateTime, Utc};

use crate::store::Backlog;

/// Attempts, by `outcome`: `delivered`, `refused`, `target_refused`, `connect_failed`, `timeout`,
/// `broken`; and `local`, which does not count as an attempt: this machine has run out of
/// something.
pub const ATTEMPTS: &str = "certlife_delivery_attempts_total";
/// How long an attempt took, in seconds.
pub const ATTEMPT_SECONDS: &str = "certlife_delivery_attempt_seconds";
/// From the recording of an event to its delivery, in seconds.
pub const LATENCY_SECONDS: &str = "certlife_delivery_latency_seconds";
/// Deliveries that ran out of attempts, or could not be sent at all.
pub const DEAD_TOTAL: &str = "certlife_delivery_dead_total";
/// Settlements that did not count: another dispatcher had taken over, or the webhook was removed.
pub const LOST_LEASES: &str = "certlife_delivery_lost_leases_total";
/// Webhooks that were disabled, by `reason`: `gone`, `failing`.
pub const DISABLED: &str = "certlife_delivery_webhooks_disabled_total";
/// Requests under way in this process.
pub const UNDER_WAY: &str = "certlife_delivery_requests_under_way";
/// Deliveries that are pending for enabled webhooks, in the store.
pub const PENDING: &str = "certlife_delivery_pending";
/// Deliveries that are kept for disabled webhooks, in the store.
pub const KEPT: &str = "certlife_delivery_kept_for_disabled";
/// Deliveries that are dead, in the store.
pub const DEAD: &str = "certlife_delivery_dead";
/// How long the oldest delivery to an enabled webhook has been due, in seconds; 0 if none is.
pub const OLDEST_DUE_SECONDS: &str = "certlife_delivery_oldest_due_seconds";

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(ATTEMPTS, Unit::Count, "attempts to deliver, by outcome");
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "how long an attempt took");
    describe_histogram!(LATENCY_SECONDS, Unit::Seconds, "from event to delivery");
    describe_counter!(DEAD_TOTAL, Unit::Count, "deliveries that became dead");
    describe_counter!(LOST_LEASES, Unit::Count, "settlements that did not count");
    describe_counter!(DISABLED, Unit::Count, "webhooks disabled, by reason");
    describe_gauge!(UNDER_WAY, Unit::Count, "requests under way");
    describe_gauge!(PENDING, Unit::Count, "pending, for enabled webhooks");
    describe_gauge!(KEPT, Unit::Count, "pending, for disabled webhooks");
    describe_gauge!(DEAD, Unit::Count, "dead deliveries");
    describe_gauge!(
        OLDEST_DUE_SECONDS,
        Unit::Seconds,
        "how long the oldest delivery has been due"
    );
}

/// An attempt is over.
pub(super) fn attempted(outcome: &'static str, milliseconds: u64) {
    metrics::counter!(ATTEMPTS, "outcome" => outcome).increment(1);
    metrics::histogram!(ATTEMPT_SECONDS).record(seconds(milliseconds));
}

/// A delivery has arrived.
pub(super) fn delivered(created_at: DateTime<Utc>, now: DateTime<Utc>) {
    let latency = (now - created_at).num_milliseconds();
    let latency = u64::try_from(latency).unwrap_or_default();
    metrics::histogram!(LATENCY_SECONDS).record(seconds(latency));
}

/// A delivery is dead.
pub(super) fn dead() {
    metrics::counter!(DEAD_TOTAL).increment(1);
}

/// This number of settlements did not count.
pub(super) fn lost_leases(lost: usize) {
    metrics::counter!(LOST_LEASES).increment(lost as u64);
}

/// The backlog was counted.
pub(super) fn backlog(backlog: &[Backlog], now: DateTime<Utc>) {
    let pending = |is_enabled| {
        let of = backlog.iter().filter(|it| it.is_enabled == is_enabled);
        number(of.map(|it| it.pending).sum())
    };
    metrics::gauge!(PENDING).set(pending(true));
    metrics::gauge!(KEPT).set(pending(false));
    metrics::gauge!(DEAD).set(number(backlog.iter().map(|it| it.dead).sum()));
    let enabled = backlog.iter().filter(|it| it.is_enabled);
    let first = enabled.filter_map(|it| it.first_due).min();
    // A time in the future is not due yet.
    let since = first.map_or(0, |it| (now - it).num_milliseconds());
    metrics::gauge!(OLDEST_DUE_SECONDS).set(seconds(u64::try_from(since).unwrap_or_default()));
}

/// A request under way, until this is dropped. The gauge counts up and down, so that all
/// dispatchers of a process add up.
pub(super) struct UnderWay(());

impl UnderWay {
    pub(super) fn begin() -> Self {
        metrics::gauge!(UNDER_WAY).increment(1.0);
        Self(())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        metrics::gauge!(UNDER_WAY).decrement(1.0);
    }
}

fn seconds(milliseconds: u64) -> f64 {
    number(milliseconds) / 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a metric of 2^53 may be off by one"
)]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    use uuid::Uuid;

    use super::*;
    use crate::store::InstitutionId;

    /// What is pending for a webhook, and since when the first of it is due.
    fn pending(is_enabled: bool, pending: u64, since: Option<DateTime<Utc>>) -> Backlog {
        Backlog {
            // It is an id.
            institution: InstitutionId::new("default").unwrap_or_else(|_| unreachable!()),
            webhook: Uuid::nil(),
            is_enabled,
            pending,
            oldest: Some(DateTime::UNIX_EPOCH),
            first_due: since,
            dead: 1,
        }
    }

    /// What the gauges say of it: pending, kept, dead, and for how long something has been due.
    fn gauges(all: &[Backlog], now: DateTime<Utc>) -> [f64; 4] {
        let recorder = DebuggingRecorder::new();
        let snapshots = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || backlog(all, now));
        let all = snapshots.snapshot().into_vec();
        [PENDING, KEPT, DEAD, OLDEST_DUE_SECONDS].map(|name| {
            let mut of = all.iter().filter(|(key, ..)| key.key().name() == name);
            let Some((.., DebugValue::Gauge(value))) = of.next() else {
                return f64::NAN;
            };
            value.into_inner()
        })
    }

    #[test]
    fn what_is_kept_for_disabled_webhooks_is_not_due_and_counted_apart() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1000);
        let ago = |seconds| now.checked_sub_signed(TimeDelta::seconds(seconds));
        let far = Some(DateTime::<Utc>::MAX_UTC);
        for (all, expected) in [
            (vec![], [0.0, 0.0, 0.0, 0.0]),
            (vec![pending(true, 3, ago(7))], [3.0, 0.0, 1.0, 7.0]),
            // The longest counts, but deliveries kept for disabled webhooks have no age
            (
                vec![
                    pending(true, 3, ago(7)),
                    pending(false, 10, ago(80_000_000)),
                    pending(true, 4, ago(9)),
                    pending(true, 0, None),
                ],
                [7.0, 10.0, 4.0, 9.0],
            ),
            (vec![pending(false, 10, ago(9))], [0.0, 10.0, 1.0, 0.0]),
            // Nor have deliveries that are not due yet
            (vec![pending(true, 2, ago(-5))], [2.0, 0.0, 1.0, 0.0]),
            (vec![pending(true, 2, far)], [2.0, 0.0, 1.0, 0.0]),
            (vec![pending(true, 2, ago(0))], [2.0, 0.0, 1.0, 0.0]),
        ] {
            #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
            let is_expected = gauges(&all, now) == expected;
            assert!(is_expected, "{all:?}: {:?}", gauges(&all, now));
        }
    }
}
