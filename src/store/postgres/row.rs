//! Rows to events.

use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use super::text::decode as decode_text;
use crate::lifecycle::event::Event;
use crate::store::cursor::Cursor;
use crate::store::request::RecordedEvent;
use crate::store::stored::{self, Columns, Problem};

/// The columns of an application and one of its events: those of
/// [`joined`](crate::store::stored), and then 16 the event's uuid, 17 and 18 its place in the feed,
/// 19 the application's place in the order of creation.
macro_rules! columns {
    () => {
        "a.uuid, a.institution, a.application_id, a.certificate_title, a.applicant_email, \
         a.trigger_context, a.status, a.version, a.updated_at, \
         e.version, e.kind, e.at, e.text, e.actor_kind, e.actor, e.idempotency_key, \
         e.uuid, e.transaction, e.place, a.number"
    };
}
pub(super) use columns;

/// An integer of any width.
struct Integer(i64);

impl<'a> FromSql<'a> for Integer {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

/// A row whose columns come as the server sends them, in the binary format.
pub(super) trait Binary {
    fn get<'r, T: FromSql<'r>>(&'r self, at: usize, column: &str) -> Result<Option<T>, Problem>;
}

impl Binary for Row {
    fn get<'r, T: FromSql<'r>>(&'r self, at: usize, column: &str) -> Result<Option<T>, Problem> {
        self.try_get(at)
            .map_err(|error| format!("{column}: {error}"))
    }
}

impl<R: Binary> Columns for R {
    fn integer_or_none(&self, at: usize, column: &str) -> Result<Option<i64>, Problem> {
        Ok(self.get(at, column)?.map(|Integer(it)| it))
    }

    fn word_or_none(&self, at: usize, column: &str) -> Result<Option<String>, Problem> {
        self.get(at, column)
    }

    fn text_or_none(&self, at: usize, column: &str) -> Result<Option<String>, Problem> {
        Ok(self.get(at, column)?.map(decode_text))
    }

    fn uuid_or_none(&self, at: usize, column: &str) -> Result<Option<Uuid>, Problem> {
        self.get(at, column)
    }

    fn bytes_or_none(&self, at: usize, column: &str) -> Result<Option<Vec<u8>>, Problem> {
        self.get(at, column)
    }

    fn flag(&self, at: usize, column: &str) -> Result<bool, Problem> {
        self.get(at, column)?
            .ok_or_else(|| format!("{column} is missing"))
    }
}

/// One row of these columns.
pub(super) struct Joined<'r, R>(pub(super) &'r R);

impl<R: Columns> Joined<'_, R> {
    /// The key of the row, for reports, as far as it can be read.
    pub(super) fn key(&self) -> String {
        let version = self.0.integer(9, "version");
        let uuid = self.0.uuid(0, "uuid").or_else(|_| self.0.uuid(16, "uuid"));
        match (uuid, version) {
            (Ok(uuid), Ok(version)) => format!("application {uuid}, event {version}"),
            (Ok(uuid), Err(_)) => format!("application {uuid}"),
            (Err(problem), _) => format!("a row ({problem})"),
        }
    }

    /// The application's place in the order of creation.
    pub(super) fn number(&self) -> Result<i64, Problem> {
        self.0.integer(19, "number")
    }

    /// The event.
    pub(super) fn event(&self) -> Result<Event, Problem> {
        stored::event(self.0)
    }

    /// The last event, and that the application's own columns say the same.
    pub(super) fn last_event(&self) -> Result<Event, Problem> {
        stored::last_event(self.0, stored::event)
    }

    /// The event with what stands beside it in the record.
    pub(super) fn recorded(&self) -> Result<RecordedEvent, Problem> {
        stored::recorded(self.0, self.event()?, self.cursor()?)
    }

    /// Its place in the feed.
    pub(super) fn cursor(&self) -> Result<Cursor, Problem> {
        let transaction = self.0.integer(17, "transaction")?;
        let place = self.0.integer(18, "place")?;
        cursor(transaction, place)
    }
}

/// The place in the feed of the event with this place among those of its transaction.
pub(super) fn cursor(transaction: i64, place: i64) -> Result<Cursor, Problem> {
    match (u64::try_from(transaction), u32::try_from(place)) {
        (Ok(transaction), Ok(place)) => Ok(Cursor::new(transaction, place)),
        _ => Err(format!("({transaction}, {place}) is no place in the feed")),
    }
}
