//! The values of columns, one by one.

use chrono::{DateTime, Utc};

use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::InvalidValue;

/// Why stored bytes are no event of a legal application, or no webhook or delivery. It quotes no
/// text that is stored: it becomes the reason of a dead letter, and nothing personal belongs there.
pub(in crate::store) type Problem = String;

/// Which field breaks which rule.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
pub(super) fn rule(error: InvalidValue) -> Problem {
    error.without_value()
}

/// The number by which databases know a value: its place in `ALL`. What is stored relies on that
/// order; a test opens a database of an earlier version.
pub(in crate::store) fn code<T: PartialEq, const N: usize>(all: &[T; N], value: &T) -> i16 {
    let place = all.iter().position(|it| it == value);
    place.and_then(|it| i16::try_from(it).ok()).unwrap_or(-1)
}

/// The value that a database knows by this number.
pub(in crate::store) fn decode<T: Copy, const N: usize>(
    all: &[T; N],
    column: &str,
    code: i64,
) -> Result<T, Problem> {
    let place = usize::try_from(code).ok();
    place
        .and_then(|it| all.get(it))
        .copied()
        .ok_or_else(|| format!("{column} must be 0 to {}, but is {code}", N - 1))
}

/// The time of an event: seconds since 1970.
pub(super) fn from_seconds(seconds: i64) -> Result<Timestamp, Problem> {
    let time = DateTime::from_timestamp(seconds, 0)
        .ok_or_else(|| format!("there is no time {seconds} seconds after 1970"))?;
    Timestamp::new(time).map_err(|error| error.to_string())
}

/// A time of the outbox: milliseconds since 1970.
pub(in crate::store) fn from_millis(
    column: &str,
    milliseconds: i64,
) -> Result<DateTime<Utc>, Problem> {
    DateTime::from_timestamp_millis(milliseconds)
        .ok_or_else(|| format!("{column}: there is no time {milliseconds} ms after 1970"))
}

/// The time with this many milliseconds since 1970, or the nearest that exists, if a hand has
/// written another: a pending delivery always has a due time.
pub(super) fn nearest_time(milliseconds: i64) -> DateTime<Utc> {
    let end = if milliseconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(end)
}
