//! What the metrics are called. Nothing personal is in them, and no label has many values.

use chrono::{DateTime, Utc};

use super::judge::outcome;
use super::send::Sent;
use crate::store::Backlog;

/// Attempts, by `outcome`: `delivered`, `refused`, `target_refused`, `connect_failed`, `timeout`, `broken`;
/// and `local`, which are none: this machine has run out of something.
pub const ATTEMPTS: &str = "certlife_delivery_attempts_total";
/// How long an attempt took, in seconds.
pub const ATTEMPT_SECONDS: &str = "certlife_delivery_attempt_seconds";
/// From the recording of an event to its delivery, in seconds.
pub const LATENCY_SECONDS: &str = "certlife_delivery_latency_seconds";
/// Deliveries that ran out of attempts, or could not be sent at all.
pub const DEAD_TOTAL: &str = "certlife_delivery_dead_total";
/// Settlements that did not count, since somebody else had taken over or the webhook was removed.
pub const LOST_LEASES: &str = "certlife_delivery_lost_leases_total";
/// Webhooks that were disabled, by `reason`: `gone`, `failing`.
pub const DISABLED: &str = "certlife_delivery_webhooks_disabled_total";
/// Requests under way in this dispatcher.
pub const UNDER_WAY: &str = "certlife_delivery_requests_under_way";
/// Deliveries that are pending, in the store.
pub const PENDING: &str = "certlife_delivery_pending";
/// Deliveries that are dead, in the store.
pub const DEAD: &str = "certlife_delivery_dead";
/// The age of the oldest pending delivery, in seconds.
pub const OLDEST_SECONDS: &str = "certlife_delivery_oldest_pending_seconds";

/// Says what the metrics mean to whatever records them.
pub(super) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(ATTEMPTS, Unit::Count, "attempts to deliver, by outcome");
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "how long an attempt took");
    describe_histogram!(LATENCY_SECONDS, Unit::Seconds, "from event to delivery");
    describe_counter!(DEAD_TOTAL, Unit::Count, "deliveries that died");
    describe_counter!(LOST_LEASES, Unit::Count, "outcomes that came too late");
    describe_counter!(DISABLED, Unit::Count, "webhooks disabled, by reason");
    describe_gauge!(UNDER_WAY, Unit::Count, "requests under way");
    describe_gauge!(PENDING, Unit::Count, "pending deliveries");
    describe_gauge!(DEAD, Unit::Count, "dead deliveries");
    describe_gauge!(
        OLDEST_SECONDS,
        Unit::Seconds,
        "age of the oldest pending delivery"
    );
}

/// An attempt is over.
pub(super) fn attempted(sent: &Sent) {
    let outcome = outcome(&sent.answer);
    metrics::counter!(ATTEMPTS, "outcome" => outcome).increment(1);
    metrics::histogram!(ATTEMPT_SECONDS).record(seconds(sent.attempted.milliseconds));
}

/// A delivery has arrived.
pub(super) fn delivered(created_at: DateTime<Utc>, now: DateTime<Utc>) {
    let latency = (now - created_at).num_milliseconds();
    let latency = u64::try_from(latency).unwrap_or_default();
    metrics::histogram!(LATENCY_SECONDS).record(seconds(latency));
}

/// The backlog was counted.
pub(super) fn backlog(backlog: &[Backlog], now: DateTime<Utc>) {
    let sum = |of: fn(&Backlog) -> u64| number(backlog.iter().map(of).sum());
    metrics::gauge!(PENDING).set(sum(|it| it.pending));
    metrics::gauge!(DEAD).set(sum(|it| it.dead));
    let oldest = backlog.iter().filter_map(|it| it.oldest).min();
    let age = oldest.map_or(0, |it| (now - it).num_milliseconds());
    metrics::gauge!(OLDEST_SECONDS).set(seconds(u64::try_from(age).unwrap_or_default()));
}

/// How many requests are under way.
pub(super) fn under_way(requests: u32) {
    metrics::gauge!(UNDER_WAY).set(f64::from(requests));
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
