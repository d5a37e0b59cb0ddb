//! The moment of a transition, as the contract writes it: UTC, whole seconds.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};

use super::value::{InvalidValue, Violation};
use crate::excerpt::shorten;

/// A moment in UTC, in whole seconds, in the years 0000 to 9999
/// (CONTRACT.md, "Events", field `timestamp`; RFC 3339 has no other years).
///
/// Transitions take a `DateTime` and make one of these. A caller who wants to refuse a time that
/// lies outside, rather than have it moved to the nearest, needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    date: NaiveDate,
    /// 0 to 86,399.
    second_of_day: u32,
}

impl Timestamp {
    /// The length of the wire form, `2026-06-04T10:30:00Z`, in bytes.
    pub(crate) const WIRE_LEN: usize = 20;

    /// The earliest moment, `0000-01-01T00:00:00Z`.
    pub const MIN: Self = Self::at(0, 1, 1, 0);

    /// The latest moment, `9999-12-31T23:59:59Z`.
    pub const MAX: Self = Self::at(9999, 12, 31, 86_399);

    /// Cuts `at` to the whole second that it lies in.
    ///
    /// # Errors
    /// [`Violation::YearOutOfRange`] where the year in UTC is not 0000 to 9999.
    #[inline]
    pub fn new(at: DateTime<Utc>) -> Result<Self, InvalidValue> {
        if (0..=9999).contains(&at.naive_utc().year()) {
            Ok(Self::whole_second(at))
        } else {
            Err(InvalidValue::new(
                "timestamp",
                Violation::YearOutOfRange {
                    year: at.year().into(),
                },
            ))
        }
    }

    /// Cuts `at` to its whole second, and to the nearest end of the range where it lies outside.
    #[must_use]
    #[inline]
    pub fn saturating(at: DateTime<Utc>) -> Self {
        Self::whole_second(at).clamp(Self::MIN, Self::MAX)
    }

    /// Reads the wire form: exactly `YYYY-MM-DDTHH:MM:SSZ`.
    ///
    /// # Errors
    /// [`Violation::NotATimestamp`] for any other form, and for a day or time that does not exist.
    pub fn from_wire(text: &str) -> Result<Self, InvalidValue> {
        Self::parse_wire(text).ok_or_else(|| {
            InvalidValue::new(
                "timestamp",
                Violation::NotATimestamp {
                    value: shorten(text),
                },
            )
        })
    }

    /// The same; none for any other form.
    pub(crate) fn parse_wire(text: &str) -> Option<Self> {
        let bytes: &[u8; Self::WIRE_LEN] = text.as_bytes().try_into().ok()?;
        let &[
            y0,
            y1,
            y2,
            y3,
            b'-',
            m0,
            m1,
            b'-',
            d0,
            d1,
            b'T',
            h0,
            h1,
            b':',
            n0,
            n1,
            b':',
            s0,
            s1,
            b'Z',
        ] = bytes
        else {
            return None;
        };
        let two = |tens: u8, ones: u8| -> Option<u32> {
            (tens.is_ascii_digit() && ones.is_ascii_digit())
                .then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
        };
        let year = i32::try_from(two(y0, y1)? * 100 + two(y2, y3)?).ok()?;
        let date = NaiveDate::from_ymd_opt(year, two(m0, m1)?, two(d0, d1)?)?;
        let time = NaiveTime::from_hms_opt(two(h0, h1)?, two(n0, n1)?, two(s0, s1)?)?;
        Some(Self::from_parts(date, time))
    }

    /// The wire form's bytes, all ASCII.
    pub(crate) fn wire(self) -> [u8; Self::WIRE_LEN] {
        let mut out = *b"0000-00-00T00:00:00Z";
        let (date, seconds) = (self.date, self.second_of_day);
        // The constructors keep the year within 0 to 9999.
        let year = date.year().unsigned_abs();
        let parts = [
            (0, year / 100),
            (2, year),
            (5, date.month()),
            (8, date.day()),
            (11, seconds / 3600),
            (14, seconds / 60 % 60),
            (17, seconds % 60),
        ];
        for (at, value) in parts {
            // The last two digits, each of which fits a byte.
            if let Some([tens, ones]) = out.get_mut(at..at + 2) {
                *tens = b'0' + (value / 10 % 10) as u8;
                *ones = b'0' + (value % 10) as u8;
            }
        }
        out
    }

    /// The same moment for calculating with.
    #[must_use]
    #[inline]
    pub const fn to_datetime(self) -> DateTime<Utc> {
        let time = match NaiveTime::from_num_seconds_from_midnight_opt(self.second_of_day, 0) {
            Some(time) => time,
            // Never so: the second of the day came out of a `NaiveTime`.
            None => NaiveTime::MIN,
        };
        self.date.and_time(time).and_utc()
    }

    const fn at(year: i32, month: u32, day: u32, second_of_day: u32) -> Self {
        match NaiveDate::from_ymd_opt(year, month, day) {
            Some(date) => Self {
                date,
                second_of_day,
            },
            // Only called in constants: a day that does not exist would not compile.
            None => unreachable!(),
        }
    }

    /// A leap second (chrono's nanosecond of 10⁹ and more) lies in second 59.
    #[inline]
    fn whole_second(at: DateTime<Utc>) -> Self {
        let at = at.naive_utc();
        Self::from_parts(at.date(), at.time())
    }

    #[inline]
    fn from_parts(date: NaiveDate, time: NaiveTime) -> Self {
        Self {
            date,
            second_of_day: time.num_seconds_from_midnight(),
        }
    }
}

impl From<Timestamp> for DateTime<Utc> {
    #[inline]
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_datetime()
    }
}

impl std::fmt::Display for Timestamp {
    /// The wire form.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.wire()))
    }
}
