//! A row of either database.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Problem, from_millis, nearest_time};
use crate::store::name::InstitutionId;

/// The columns of a row, by their places. A problem names the column.
pub(in crate::store) trait Columns {
    /// A number, however wide its column is.
    fn integer_or_none(&self, at: usize, column: &str) -> Result<Option<i64>, Problem>;

    /// A text without U+0000.
    fn word_or_none(&self, at: usize, column: &str) -> Result<Option<String>, Problem>;

    /// A text that may have U+0000, which some databases cannot hold as it is.
    fn text_or_none(&self, at: usize, column: &str) -> Result<Option<String>, Problem>;

    fn uuid_or_none(&self, at: usize, column: &str) -> Result<Option<Uuid>, Problem>;

    fn bytes_or_none(&self, at: usize, column: &str) -> Result<Option<Vec<u8>>, Problem>;

    fn flag(&self, at: usize, column: &str) -> Result<bool, Problem>;

    fn integer(&self, at: usize, column: &str) -> Result<i64, Problem> {
        needed(column, self.integer_or_none(at, column)?)
    }

    fn word(&self, at: usize, column: &str) -> Result<String, Problem> {
        needed(column, self.word_or_none(at, column)?)
    }

    fn text(&self, at: usize, column: &str) -> Result<String, Problem> {
        needed(column, self.text_or_none(at, column)?)
    }

    fn uuid(&self, at: usize, column: &str) -> Result<Uuid, Problem> {
        needed(column, self.uuid_or_none(at, column)?)
    }

    fn bytes(&self, at: usize, column: &str) -> Result<Vec<u8>, Problem> {
        needed(column, self.bytes_or_none(at, column)?)
    }

    fn institution(&self, at: usize) -> Result<InstitutionId, Problem> {
        let id = self.word(at, "institution.id")?;
        InstitutionId::new(id).map_err(super::rule)
    }

    /// A number from 0.
    fn count<T: TryFrom<i64>>(&self, at: usize, column: &str) -> Result<T, Problem> {
        let number = self.integer(at, column)?;
        T::try_from(number).map_err(|_| format!("{column} must not be negative, but is {number}"))
    }

    /// A time in milliseconds since 1970.
    fn time(&self, at: usize, column: &str) -> Result<DateTime<Utc>, Problem> {
        from_millis(column, self.integer(at, column)?)
    }

    fn time_or_none(&self, at: usize, column: &str) -> Result<Option<DateTime<Utc>>, Problem> {
        let time = self.integer_or_none(at, column)?;
        time.map(|it| from_millis(column, it)).transpose()
    }

    /// The same, or the nearest time that exists.
    fn nearest_time(&self, at: usize, column: &str) -> Result<Option<DateTime<Utc>>, Problem> {
        Ok(self.integer_or_none(at, column)?.map(nearest_time))
    }
}

fn needed<T>(column: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| format!("{column} is missing"))
}
