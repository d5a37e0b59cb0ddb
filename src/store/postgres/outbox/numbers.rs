//! Numbers as the outbox's tables keep them.

use chrono::{DateTime, Utc};

/// A time: milliseconds since 1970.
pub(super) const fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}
