//! Rows to events.

use std::sync::Arc;

use rusqlite::types::FromSql;
use rusqlite::{Row, types::ValueRef};
use uuid::Uuid;

use crate::lifecycle::application::ApplicationDetails;
use crate::lifecycle::event::{Event, EventKind};
use crate::store::cursor::Cursor;
use crate::store::name::InstitutionId;
use crate::store::request::RecordedEvent;
use crate::store::stored::{Problem, StoredDetails, StoredEvent, StoredRecord, decode};

/// The columns of an application, its head and one of its events, in the order in which [`Joined`]
/// reads them. Rows that are missing in a join give nulls, which are reported as corrupt.
macro_rules! columns {
    () => {
        "SELECT a.no, a.uuid, a.application_id, a.certificate_title, a.applicant_email, \
         h.trigger_context, h.status, h.version, h.updated_at, h.event, e.seq, e.application, \
         e.version, e.kind, e.at, e.previous, e.text, e.actor_kind, e.actor, e.idempotency_key, \
         i.no, i.id "
    };
}
pub(super) use columns;

/// One application by its identity, with its last event.
pub(super) const BY_UUID: &str = concat!(
    columns!(),
    "FROM certlife_application a LEFT JOIN certlife_head h ON h.application = a.no \
     LEFT JOIN certlife_institution i ON i.no = h.institution \
     LEFT JOIN certlife_event e ON e.seq = h.event WHERE a.uuid = ?1"
);

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
        self.get(0, "application")
    }

    /// The institution's number.
    pub(super) fn institution(&self) -> Result<i64, Problem> {
        self.get(20, "head.institution")
    }

    /// Whether it is this institution's. To be asked before anything else of the row is looked at
    /// or told: another's application answers like one that does not exist, in whatever state it
    /// is.
    pub(super) fn is_of(&self, institution: &InstitutionId) -> Result<bool, Problem> {
        match self.0.get_ref(21) {
            // Not as text: another's id may be none, and still is not this one.
            Ok(ValueRef::Text(id)) => Ok(id == institution.as_str().as_bytes()),
            _ => Err("its institution is missing".to_owned()),
        }
    }

    /// The institution's id.
    fn institution_id(&self) -> Result<String, Problem> {
        self.get(21, "institution.id")
    }

    /// The number of the event.
    pub(super) fn seq(&self) -> Result<i64, Problem> {
        self.get(10, "event.seq")
    }

    /// The number of the event before; none for the first.
    pub(super) fn previous(&self) -> Result<Option<i64>, Problem> {
        self.get(15, "event.previous")
    }

    /// The key of the row, for reports, as far as it can be read: what every store names, and the
    /// row's place in this file.
    pub(super) fn key(&self) -> String {
        let version = self.get::<i64>(12, "event.version");
        let event = match (version, self.seq()) {
            (Ok(version), Ok(seq)) => Some(format!("event {version} (event row {seq})")),
            (Err(_), Ok(seq)) => Some(format!("event row {seq}")),
            (_, Err(_)) => None,
        };
        let application = match (self.uuid(), self.application()) {
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
        let details = Arc::new(self.details()?);
        let owner: i64 = self.get(11, "event.application")?;
        let number = self.application()?;
        if owner != number {
            return Err(format!(
                "the event belongs to application row {owner}, not to {number}"
            ));
        }
        let stored = StoredEvent {
            version: self.get(12, "event.version")?,
            kind: self.get(13, "event.kind")?,
            at: self.get(14, "event.at")?,
            text: self.get(16, "event.text")?,
            trigger_context: self.get(5, "head.trigger_context")?,
        };
        let is_first = stored.version == 1;
        let event = stored.restore(details)?;
        if is_first != self.previous()?.is_none() {
            return Err("the chain of its events is broken".to_owned());
        }
        Ok(event)
    }

    /// The last event, and that the head says the same.
    pub(super) fn last_event(&self) -> Result<Event, Problem> {
        let event = self.event()?;
        let status = decode(&EventKind::ALL, "head.status", self.get(6, "head.status")?)?.status();
        let version: i64 = self.get(7, "head.version")?;
        let updated_at: i64 = self.get(8, "head.updated_at")?;
        if status != event.kind().status()
            || u64::try_from(version) != Ok(event.version())
            || updated_at != event.timestamp().timestamp()
        {
            return Err(format!(
                "the head (status {status}, version {version}) is not what the last event ({}, \
                 version {}) left",
                event.kind(),
                event.version()
            ));
        }
        Ok(event)
    }

    /// The event with what stands beside it in the record.
    pub(super) fn recorded(&self) -> Result<RecordedEvent, Problem> {
        let event = self.event()?;
        let seq = self.seq()?;
        let stored = StoredRecord {
            cursor: cursor(seq),
            institution: self.institution_id()?,
            actor_kind: self.get(17, "event.actor_kind")?,
            actor: self.get(18, "event.actor")?,
            idempotency_key: self.get(19, "event.idempotency_key")?,
        };
        stored.restore(event)
    }

    fn details(&self) -> Result<ApplicationDetails, Problem> {
        let stored = StoredDetails {
            uuid: self.uuid()?,
            application_id: self.get(2, "application.application_id")?,
            title: self.get(3, "application.certificate_title")?,
            email: self.get(4, "application.applicant_email")?,
        };
        stored.restore()
    }

    fn uuid(&self) -> Result<Uuid, Problem> {
        match self.0.get_ref(1) {
            Ok(ValueRef::Blob(bytes)) => Uuid::from_slice(bytes).map_err(|error| error.to_string()),
            _ => Err("application.uuid is missing".to_owned()),
        }
    }

    fn get<T: FromSql>(&self, index: usize, column: &str) -> Result<T, Problem> {
        get(self.0, index, column)
    }
}

/// What stands in this column; the problem names it.
pub(super) fn get<T: FromSql>(row: &Row<'_>, index: usize, column: &str) -> Result<T, Problem> {
    let value = row.get_ref(index).map_err(|error| error.to_string())?;
    T::column_result(value).map_err(|_| match value {
        ValueRef::Null => format!("{column} is missing"),
        other => format!("{column} is a {}", other.data_type()),
    })
}

/// The place in the feed of the event with this number.
pub(super) fn cursor(seq: i64) -> Cursor {
    Cursor::new(u64::try_from(seq).unwrap_or_default(), 0)
}
