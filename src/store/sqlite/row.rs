//! Rows to events.

use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};
use uuid::Uuid;

use crate::lifecycle::event::Event;
use crate::store::cursor::Cursor;
use crate::store::name::InstitutionId;
use crate::store::request::RecordedEvent;
use crate::store::stored::{self, Columns, Problem};

/// The columns of an application, its head and one of its events: those of
/// [`joined`](crate::store::stored), and then 16 the application's number, 17 and 18 the event's
/// number and application, 19 the number of the event before, 20 the institution's number.
macro_rules! columns {
    () => {
        "SELECT a.uuid, i.id, a.application_id, a.certificate_title, a.applicant_email, \
         h.trigger_context, h.status, h.version, h.updated_at, \
         e.version, e.kind, e.at, e.text, e.actor_kind, e.actor, e.idempotency_key, \
         a.no, e.seq, e.application, e.previous, i.no "
    };
}
pub(super) use columns;

/// One application with its last event; to be followed by a condition.
macro_rules! application {
    ($condition:literal) => {
        concat!(
            columns!(),
            "FROM certlife_application a LEFT JOIN certlife_head h ON h.application = a.no \
             LEFT JOIN certlife_institution i ON i.no = h.institution \
             LEFT JOIN certlife_event e ON e.seq = h.event WHERE ",
            $condition
        )
    };
}

/// One application by its identity, with its last event.
pub(super) const BY_UUID: &str = application!("a.uuid = ?1");

/// The same by its number.
pub(super) const BY_NUMBER: &str = application!("a.no = ?1");

/// Events, with their applications; to be followed by a condition.
macro_rules! events {
    ($condition:literal) => {
        concat!(
            $crate::store::sqlite::row::columns!(),
            "FROM certlife_event e LEFT JOIN certlife_application a ON a.no = e.application \
             LEFT JOIN certlife_head h ON h.application = e.application \
             LEFT JOIN certlife_institution i ON i.no = h.institution WHERE ",
            $condition
        )
    };
}
pub(super) use events;

/// One row of these columns.
pub(super) struct Joined<'r, 's>(pub(super) &'r Row<'s>);

impl Joined<'_, '_> {
    /// The application's number.
    pub(super) fn application(&self) -> Result<i64, Problem> {
        self.0.integer(16, "application")
    }

    /// The institution's number.
    pub(super) fn institution(&self) -> Result<i64, Problem> {
        self.0.integer(20, "head.institution")
    }

    /// Whether it is this institution's. To be asked before anything else of the row is looked at
    /// or shown: another's application answers like one that does not exist, in whatever state it
    /// is.
    pub(super) fn is_of(&self, institution: &InstitutionId) -> Result<bool, Problem> {
        match self.0.get_ref(1) {
            // Not as text: another's id may be none, and still is not this one.
            Ok(ValueRef::Text(id)) => Ok(id == institution.as_str().as_bytes()),
            _ => Err("its institution is missing".to_owned()),
        }
    }

    /// The number of the event.
    pub(super) fn seq(&self) -> Result<i64, Problem> {
        self.0.integer(17, "event.seq")
    }

    /// The number of the event before; none for the first.
    pub(super) fn previous(&self) -> Result<Option<i64>, Problem> {
        self.0.integer_or_none(19, "event.previous")
    }

    /// The key of the row, for reports, as far as it can be read: what every store names, and the
    /// row's place in this file.
    pub(super) fn key(&self) -> String {
        let version = self.0.integer(9, "event.version");
        let event = match (version, self.seq()) {
            (Ok(version), Ok(seq)) => Some(format!("event {version} (event row {seq})")),
            (Err(_), Ok(seq)) => Some(format!("event row {seq}")),
            (_, Err(_)) => None,
        };
        let application = match (self.0.uuid(0, ""), self.application()) {
            (Ok(uuid), _) => Some(format!("application {uuid}")),
            (Err(_), Ok(number)) => Some(format!("application row {number}")),
            (Err(_), Err(_)) => None,
        };
        match (application, event) {
            (Some(application), Some(event)) => format!("{application}, {event}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "a row without its application and event".to_owned(),
        }
    }

    /// The event, and that it is its application's.
    pub(super) fn event(&self) -> Result<Event, Problem> {
        let event = stored::event(self.0)?;
        let (owner, number) = (
            self.0.integer(18, "event.application")?,
            self.application()?,
        );
        if owner != number {
            return Err(format!(
                "the event belongs to application row {owner}, not to {number}"
            ));
        }
        if (event.version() == 1) != self.previous()?.is_none() {
            return Err("the chain of its events is broken".to_owned());
        }
        Ok(event)
    }

    /// The last event, and that the head says the same.
    pub(super) fn last_event(&self) -> Result<Event, Problem> {
        stored::last_event(self.0, |_| self.event())
    }

    /// The event with what stands beside it in the record.
    pub(super) fn recorded(&self) -> Result<RecordedEvent, Problem> {
        stored::recorded(self.0, self.event()?, cursor(self.seq()?))
    }
}

impl Columns for Row<'_> {
    fn integer_or_none(&self, at: usize, column: &str) -> Result<Option<i64>, Problem> {
        get(self, at, column)
    }

    fn word_or_none(&self, at: usize, column: &str) -> Result<Option<String>, Problem> {
        get(self, at, column)
    }

    fn text_or_none(&self, at: usize, column: &str) -> Result<Option<String>, Problem> {
        get(self, at, column)
    }

    fn uuid_or_none(&self, at: usize, column: &str) -> Result<Option<Uuid>, Problem> {
        let uuid = |bytes| Uuid::from_slice(bytes).map_err(|it| format!("{column}: {it}"));
        match self.get_ref(at).map_err(|error| error.to_string())? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => uuid(bytes).map(Some),
            other => Err(format!("{column} is a {}", other.data_type())),
        }
    }

    fn bytes_or_none(&self, at: usize, column: &str) -> Result<Option<Vec<u8>>, Problem> {
        get(self, at, column)
    }

    fn flag(&self, at: usize, column: &str) -> Result<bool, Problem> {
        match self.integer(at, column)? {
            0 => Ok(false),
            // As SQL has it: `enabled = 1`.
            1 => Ok(true),
            other => Err(format!("{column} must be 0 or 1, but is {other}")),
        }
    }
}

/// What stands in this column; the problem names it.
fn get<T: FromSql>(row: &Row<'_>, index: usize, column: &str) -> Result<Option<T>, Problem> {
    let value = row.get_ref(index).map_err(|error| error.to_string())?;
    FromSql::column_result(value).map_err(|_| format!("{column} is a {}", value.data_type()))
}

/// The place in the feed of the event with this number.
pub(super) fn cursor(seq: i64) -> Cursor {
    Cursor::new(u64::try_from(seq).unwrap_or_default(), 0)
}
