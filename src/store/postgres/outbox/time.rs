//! Times as the outbox's tables keep them: milliseconds since 1970.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::super::failure::failed;
use crate::store::StoreError;
use crate::store::stored::{Problem, nearest_time};

pub(super) const fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

/// The moment with this many milliseconds since 1970.
pub(super) fn time(column: &str, milliseconds: i64) -> Result<DateTime<Utc>, Problem> {
    let time = DateTime::from_timestamp_millis(milliseconds);
    time.ok_or_else(|| format!("{column}: there is no time {milliseconds} ms after 1970"))
}

/// The same, where there may be none.
pub(super) fn time_or_none(
    column: &str,
    milliseconds: Option<i64>,
) -> Result<Option<DateTime<Utc>>, Problem> {
    milliseconds.map(|it| time(column, it)).transpose()
}

/// A time, if there is one, or the one next to it: what is due has a time, whatever somebody's hand
/// has written.
pub(super) fn time_if_any(row: &Row, index: usize) -> Result<Option<DateTime<Utc>>, StoreError> {
    let milliseconds: Option<i64> = row.try_get(index).map_err(failed)?;
    Ok(milliseconds.map(nearest_time))
}
