//! Numbers as the outbox's tables keep them.

use chrono::{DateTime, Utc};

use crate::store::postgres::sql::input;

/// A time: milliseconds since 1970.
pub(in crate::store::postgres) const fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

input! {
    /// Deliveries.
    Numbers {
        number: i64 = INT8,
    }
}
