//! One command within a transaction.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use uuid::Uuid;

use super::read::event_by_seq;
use super::row::{BY_UUID, Joined};
use crate::lifecycle::event::{Event, EventKind};
use crate::lifecycle::source::TriggerContext;
use crate::lifecycle::state::Status;
use crate::store::actor::ActorKind;
use crate::store::decide::{decide, replay};
use crate::store::name::{IdempotencyKey, InstitutionId};
use crate::store::request::Recorded;
use crate::store::stored::{code, text_of};
use crate::store::{Append, ExecuteError, Receipt, Refusal, StoreError};

/// Why a command within a transaction has no event.
pub(super) enum Failure {
    /// Nothing was written for it; the others of its transaction go on.
    Answer(ExecuteError),
    /// Something may have been written: the transaction must be rolled back.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Answer(refusal.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Answer(error.into())
    }
}

/// What an application was before the command.
struct Current {
    number: i64,
    institution: i64,
    last: Event,
    last_seq: i64,
}

/// The writer's view of the database within its transaction.
pub(super) struct Write<'c>(pub(super) &'c Connection);

impl Write<'_> {
    /// Carries out one command, or writes nothing.
    pub(super) fn append(&self, append: &Append) -> Result<Receipt, Failure> {
        let institution = self.institution(&append.request.institution)?;
        if let Some(key) = &append.request.idempotency_key
            && let Some(institution) = institution
            && let Some(recorded) = self.recorded(institution, key)?
        {
            return Ok(replay(append, recorded)?);
        }
        let current = self.current(append.uuid())?;
        let ours = current
            .as_ref()
            .filter(|it| Some(it.institution) == institution);
        if current.is_some() && append.request.operation.creation().is_some() {
            let uuid = append.uuid();
            return Err(Refusal::AlreadyExists { uuid }.into());
        }
        let event = decide(append, ours.map(|it| it.last.application()))?;
        let institution = match institution {
            Some(institution) => institution,
            None => self.add_institution(&append.request.institution)?,
        };
        self.record(append, institution, ours, &event)?;
        Ok(Receipt {
            event,
            replayed: false,
        })
    }

    fn record(
        &self,
        append: &Append,
        institution: i64,
        current: Option<&Current>,
        event: &Event,
    ) -> rusqlite::Result<()> {
        let number = match current {
            Some(current) => current.number,
            None => self.add_application(event)?,
        };
        let request = &append.request;
        let key = request.idempotency_key.as_ref();
        let version = event.version().cast_signed();
        let at = event.timestamp().timestamp();
        self.cached(
            "INSERT INTO event (application, version, kind, at, previous, actor_kind, actor, text, \
             idempotency_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            number,
            version,
            code(&EventKind::ALL, &event.kind()),
            at,
            current.map(|it| it.last_seq),
            code(&ActorKind::ALL, &request.actor.kind),
            request.actor.id.as_str(),
            text_of(event),
            key.map(IdempotencyKey::as_str),
        ])?;
        let seq = self.0.last_insert_rowid();
        let status = code(&Status::ALL, &event.kind().status());
        if current.is_some() {
            self.cached(
                "UPDATE head SET status = ?2, version = ?3, updated_at = ?4, event = ?5 \
                 WHERE application = ?1",
            )?
            .execute(params![number, status, version, at, seq])?;
        } else {
            let creation = request.operation.creation();
            let context = creation.map(|(_, context)| code(&TriggerContext::ALL, &context));
            self.cached(
                "INSERT INTO head (application, status, version, updated_at, event, institution, \
                 trigger_context) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                number,
                status,
                version,
                at,
                seq,
                institution,
                context
            ])?;
        }
        if let Some(key) = key {
            self.cached("INSERT INTO idempotency (key, institution, event) VALUES (?1, ?2, ?3)")?
                .execute(params![key.as_str(), institution, seq])?;
        }
        Ok(())
    }

    fn add_application(&self, event: &Event) -> rusqlite::Result<i64> {
        let details = event.details();
        self.cached(
            "INSERT INTO application (uuid, application_id, certificate_title, applicant_email) \
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            details.uuid().as_bytes().as_slice(),
            details.application_id().get().cast_signed(),
            details.certificate_title().as_str(),
            details.applicant_email().as_str(),
        ])?;
        Ok(self.0.last_insert_rowid())
    }

    fn institution(&self, id: &InstitutionId) -> rusqlite::Result<Option<i64>> {
        self.cached("SELECT no FROM institution WHERE id = ?1")?
            .query_row([id.as_str()], |row| row.get(0))
            .optional()
    }

    fn add_institution(&self, id: &InstitutionId) -> rusqlite::Result<i64> {
        self.cached("INSERT INTO institution (id) VALUES (?1)")?
            .execute([id.as_str()])?;
        Ok(self.0.last_insert_rowid())
    }

    /// What was recorded with this key.
    fn recorded(&self, institution: i64, key: &IdempotencyKey) -> Result<Option<Recorded>, Failure> {
        let seq: Option<i64> = self
            .cached("SELECT event FROM idempotency WHERE key = ?1 AND institution = ?2")?
            .query_row(params![key.as_str(), institution], |row| row.get(0))
            .optional()?;
        let Some(seq) = seq else {
            return Ok(None);
        };
        let row = format!("idempotency key {key:?}");
        let missing = || StoreError::corrupt(row, format!("its event {seq} is missing"));
        let (recorded, _) = event_by_seq(self.0, seq)?.ok_or_else(missing)?;
        Ok(Some(recorded))
    }

    fn current(&self, uuid: Uuid) -> Result<Option<Current>, Failure> {
        let mut statement = self.cached(BY_UUID)?;
        let mut rows = statement.query([uuid.as_bytes().as_slice()])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let joined = Joined(row);
        let current = || {
            Ok(Current {
                number: joined.application()?,
                institution: joined.institution()?,
                last: joined.last_event()?,
                last_seq: joined.seq()?,
            })
        };
        let current = current().map_err(|problem: String| StoreError::corrupt(joined.key(), problem))?;
        Ok(Some(current))
    }

    fn cached(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.0.prepare_cached(sql)
    }
}
