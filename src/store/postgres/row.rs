//! Rows to events.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::text::decode as decode_text;
use crate::lifecycle::application::ApplicationDetails;
use crate::lifecycle::event::{Event, EventKind};
use crate::store::cursor::Cursor;
use crate::store::request::RecordedEvent;
use crate::store::stored::{Problem, StoredDetails, StoredEvent, StoredRecord, decode};

/// The columns of an application and one of its events, in the order in which [`Joined`] reads
/// them. Rows that are missing in a join give nulls, which are reported as corrupt.
macro_rules! columns {
    () => {
        "a.uuid, a.institution, a.application_id, a.certificate_title, a.applicant_email, \
         a.trigger_context, a.status, a.version, a.updated_at, e.uuid, e.version, e.kind, e.at, \
         e.actor_kind, e.actor, e.text, e.idempotency_key, e.transaction, e.place, a.number"
    };
}
pub(super) use columns;

/// The details of an application from four columns: uuid, application id, title, address.
pub(super) fn details(row: &Row, at: [usize; 4]) -> Result<ApplicationDetails, Problem> {
    let [uuid, application_id, title, email] = at;
    let stored = StoredDetails {
        uuid: get(row, uuid, "uuid")?,
        application_id: get(row, application_id, "application_id")?,
        title: decode_text(get(row, title, "certificate_title")?),
        email: get(row, email, "applicant_email")?,
    };
    stored.restore()
}

pub(super) fn get<'r, T: FromSql<'r>>(
    row: &'r Row,
    index: usize,
    column: &str,
) -> Result<T, Problem> {
    row.try_get::<_, Option<T>>(index)
        .map_err(|error| format!("{column}: {error}"))?
        .ok_or_else(|| format!("{column} is missing"))
}

pub(super) fn get_or_null<'r, T: FromSql<'r>>(
    row: &'r Row,
    index: usize,
    column: &str,
) -> Result<Option<T>, Problem> {
    row.try_get(index)
        .map_err(|error| format!("{column}: {error}"))
}

/// One row of these columns.
pub(super) struct Joined<'r>(pub(super) &'r Row);

impl Joined<'_> {
    /// The key of the row, for reports, as far as it can be read.
    pub(super) fn key(&self) -> String {
        let version = get::<i64>(self.0, 10, "version");
        let uuid = get::<Uuid>(self.0, 0, "uuid").or_else(|_| get(self.0, 9, "uuid"));
        match (uuid, version) {
            (Ok(uuid), Ok(version)) => format!("application {uuid}, event {version}"),
            (Ok(uuid), Err(_)) => format!("application {uuid}"),
            (Err(problem), _) => format!("a row ({problem})"),
        }
    }

    /// The application's place in the order of creation.
    pub(super) fn number(&self) -> Result<i64, Problem> {
        get(self.0, 19, "number")
    }

    /// Whose application it is.
    pub(super) fn institution(&self) -> Result<String, Problem> {
        get(self.0, 1, "institution")
    }

    /// The event.
    pub(super) fn event(&self) -> Result<Event, Problem> {
        let details = Arc::new(details(self.0, [0, 2, 3, 4])?);
        let text: Option<String> = get_or_null(self.0, 15, "text")?;
        let stored = StoredEvent {
            version: get(self.0, 10, "event.version")?,
            kind: get::<i16>(self.0, 11, "event.kind")?.into(),
            at: get(self.0, 12, "event.at")?,
            text: text.map(decode_text),
            trigger_context: get::<i16>(self.0, 5, "trigger_context")?.into(),
        };
        stored.restore(details)
    }

    /// The last event, and that the application's own columns say the same.
    pub(super) fn last_event(&self) -> Result<Event, Problem> {
        let version: i64 = get(self.0, 7, "version")?;
        if get_or_null::<i64>(self.0, 10, "event.version")?.is_none() {
            return Err(format!("its event at version {version} is missing"));
        }
        let event = self.event()?;
        let status = get::<i16>(self.0, 6, "status")?.into();
        let status = decode(&EventKind::ALL, "status", status)?.status();
        let updated_at: i64 = get(self.0, 8, "updated_at")?;
        if status != event.kind().status()
            || u64::try_from(version) != Ok(event.version())
            || updated_at != event.timestamp().timestamp()
        {
            return Err(format!(
                "its status {status} is not what the last event ({}, version {version}) left",
                event.kind()
            ));
        }
        Ok(event)
    }

    /// The event with what stands beside it in the record.
    pub(super) fn recorded(&self) -> Result<RecordedEvent, Problem> {
        let event = self.event()?;
        let stored = StoredRecord {
            cursor: self.cursor()?,
            institution: self.institution()?,
            actor_kind: get::<i16>(self.0, 13, "actor_kind")?.into(),
            actor: get(self.0, 14, "actor")?,
            idempotency_key: get_or_null(self.0, 16, "idempotency_key")?,
        };
        stored.restore(event)
    }

    /// Its place in the feed.
    pub(super) fn cursor(&self) -> Result<Cursor, Problem> {
        let transaction: i64 = get(self.0, 17, "transaction")?;
        let place: i32 = get(self.0, 18, "place")?;
        match (u64::try_from(transaction), u32::try_from(place)) {
            (Ok(transaction), Ok(place)) => Ok(Cursor::new(transaction, place)),
            _ => Err(format!("({transaction}, {place}) is no place in the feed")),
        }
    }
}
