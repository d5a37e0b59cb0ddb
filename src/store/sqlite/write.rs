//! One command within a transaction.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::cache::{Cache, Current};
use super::read::event_by_seq;
use super::row::{BY_UUID, Joined, cursor};
use super::subscribers::Subscribers;
use crate::lifecycle::event::{Event, EventKind};
use crate::lifecycle::source::{TriggerContext, VaultUpload};
use crate::lifecycle::state::Status;
use crate::store::actor::ActorKind;
use crate::store::decide::{Answer, Found, answer, taken};
use crate::store::name::{IdempotencyKey, InstitutionId};
use crate::store::remembered::{Refused, UsedKey, text_of};
use crate::store::request::Operation;
use crate::store::stored::code;
use crate::store::within::Answers;
use crate::store::{Append, ExecuteError, Receipt, Refusal, StoreError};

/// What stands for the event of a key whose command was refused.
const NO_EVENT: i64 = 0;

/// Why a command within a transaction has no event.
enum Failure {
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

/// The writer's statements, prepared once, and what it remembers of the tables.
pub(super) struct Write<'c> {
    connection: &'c Connection,
    by_uuid: CachedStatement<'c>,
    by_key: CachedStatement<'c>,
    institution: CachedStatement<'c>,
    add_institution: CachedStatement<'c>,
    add_application: CachedStatement<'c>,
    add_head: CachedStatement<'c>,
    move_head: CachedStatement<'c>,
    add_event: CachedStatement<'c>,
    add_key: CachedStatement<'c>,
    /// Institutions never change. What a rolled back transaction added is forgotten.
    institutions: HashMap<InstitutionId, i64>,
    applications: Cache,
    subscribers: Subscribers<'c>,
    data_version: CachedStatement<'c>,
    /// SQLite's count of what other connections have committed (`PRAGMA data_version`).
    seen: Option<i64>,
}

impl<'c> Write<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            connection,
            by_uuid: prepare(BY_UUID)?,
            by_key: prepare(
                "SELECT event, refused FROM certlife_idempotency WHERE key = ?1 AND institution = ?2",
            )?,
            institution: prepare("SELECT no FROM certlife_institution WHERE id = ?1")?,
            add_institution: prepare("INSERT INTO certlife_institution (id) VALUES (?1)")?,
            add_application: prepare(
                "INSERT INTO certlife_application (uuid, application_id, certificate_title, \
                 applicant_email) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (uuid) DO NOTHING",
            )?,
            add_head: prepare(
                "INSERT INTO certlife_head (application, status, version, updated_at, event, institution, \
                 trigger_context) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            move_head: prepare(
                "UPDATE certlife_head SET status = ?2, version = ?3, updated_at = ?4, event = ?5 \
                 WHERE application = ?1",
            )?,
            add_event: prepare(
                "INSERT INTO certlife_event (application, version, kind, at, previous, actor_kind, actor, \
                 text, idempotency_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            add_key: prepare(
                "INSERT INTO certlife_idempotency (key, institution, event, refused) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?,
            institutions: HashMap::new(),
            applications: Cache::default(),
            subscribers: Subscribers::new(connection)?,
            data_version: prepare("PRAGMA data_version")?,
            seen: None,
        })
    }

    /// At the begin of a transaction: what is remembered must be what is there. If others have
    /// written since the last one, it is outdated.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        let data_version = self.data_version.query_row([], |row| row.get(0))?;
        if self.seen != Some(data_version) {
            self.applications.clear();
            self.subscribers.forget();
            self.seen = Some(data_version);
        }
        Ok(())
    }

    /// What was remembered may have been rolled back.
    pub(super) fn forget(&mut self) {
        self.institutions.clear();
        self.applications.clear();
        self.subscribers.forget();
    }

    /// For what is not appended, with statements of its own.
    pub(super) const fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Webhooks were changed.
    pub(super) fn forget_subscribers(&mut self) {
        self.subscribers.forget();
    }

    /// Carries out each command for itself. Their keys remember refusals.
    pub(super) fn each(&mut self, batch: &[Append]) -> rusqlite::Result<Answers> {
        batch.iter().map(|append| self.one(append)).collect()
    }

    /// Carries out one command. Its key remembers a refusal.
    pub(super) fn one(
        &mut self,
        append: &Append,
    ) -> rusqlite::Result<Result<Receipt, ExecuteError>> {
        self.answer(append, true)
    }

    /// Carries out all commands or, if one is refused, none.
    pub(super) fn all(&mut self, batch: &[Append]) -> rusqlite::Result<Answers> {
        self.connection.execute_batch("SAVEPOINT all_or_none")?;
        let each = |append| self.answer(append, false);
        let mut answers: Answers = batch.iter().map(each).collect::<rusqlite::Result<_>>()?;
        if ExecuteError::abandon(&mut answers) {
            self.connection.execute_batch("ROLLBACK TO all_or_none")?;
            self.forget();
        }
        self.connection.execute_batch("RELEASE all_or_none")?;
        Ok(answers)
    }

    fn answer(
        &mut self,
        append: &Append,
        remembers: bool,
    ) -> rusqlite::Result<Result<Receipt, ExecuteError>> {
        match self.append(append) {
            Ok(receipt) => Ok(Ok(receipt)),
            Err(Failure::Answer(error)) => {
                if let (ExecuteError::Refused(refusal), true) = (&error, remembers) {
                    self.remember(append, refusal)?;
                }
                Ok(Err(error))
            }
            Err(Failure::Broken(error)) => Err(error),
        }
    }

    /// Carries out one command, or writes nothing.
    fn append(&mut self, append: &Append) -> Result<Receipt, Failure> {
        let institution = self.institution(&append.request.institution)?;
        let used = match (&append.request.idempotency_key, institution) {
            (Some(key), Some(institution)) => self.used(append, institution, key)?,
            _ => None,
        };
        let mut current = None;
        let find = || -> Result<Found, Failure> {
            if append.request.operation.creation().is_some() {
                // Whether the identity is free is seen by taking it.
                return Ok(Found::Nothing);
            }
            current = match self.applications.take(append.uuid()) {
                Some(known) => Some(known),
                None => self.current(append)?,
            };
            Ok(match &current {
                None => Found::Nothing,
                Some(it) if Some(it.institution) == institution => {
                    Found::Ours(it.last.application())
                }
                Some(_) => Found::Taken,
            })
        };
        let event = match answer(append, used, find) {
            Ok(Answer::Go(event)) => event,
            Ok(Answer::Repeated(receipt)) => return Ok(receipt),
            Err(refused) => {
                // It stays as it is.
                if let Some(current) = current {
                    self.applications.put(current);
                }
                return Err(refused);
            }
        };
        let seq = match current {
            Some(current) => self.move_on(append, current, &event)?,
            None => self.create(append, institution, &event)?,
        };
        Ok(Receipt::new(event, cursor(seq)))
    }

    /// The number of the event that it adds.
    fn create(
        &mut self,
        append: &Append,
        institution: Option<i64>,
        event: &Event,
    ) -> Result<i64, Failure> {
        let number = self.add_application(event)?;
        let number = number.ok_or_else(|| taken(append))?;
        let institution = match institution {
            Some(institution) => institution,
            None => self.add_institution(&append.request.institution)?,
        };
        let last_seq = self.add_event(append, (institution, number), event, None)?;
        let creation = append.request.operation.creation();
        self.add_head.execute(params![
            number,
            code(&Status::ALL, &event.kind().status()),
            event.version().cast_signed(),
            event.timestamp().timestamp(),
            last_seq,
            institution,
            creation.map(|(_, context)| code(&TriggerContext::ALL, &context)),
        ])?;
        // Of a bulk upload, most would be pushed out by the rest before anybody asks for them.
        if !matches!(
            append.request.operation,
            Operation::Upload(_, VaultUpload::Bulk)
        ) {
            self.applications.put(Current {
                number,
                institution,
                last: event.clone(),
                last_seq,
            });
        }
        Ok(last_seq)
    }

    /// The number of the event that it adds.
    fn move_on(
        &mut self,
        append: &Append,
        mut current: Current,
        event: &Event,
    ) -> Result<i64, Failure> {
        let of = (current.institution, current.number);
        let seq = self.add_event(append, of, event, Some(current.last_seq))?;
        self.move_head.execute(params![
            current.number,
            code(&Status::ALL, &event.kind().status()),
            event.version().cast_signed(),
            event.timestamp().timestamp(),
            seq
        ])?;
        current.last = event.clone();
        current.last_seq = seq;
        self.applications.put(current);
        Ok(seq)
    }

    /// Adds the event with its deliveries and its key; the numbers are those of the institution and
    /// the application.
    fn add_event(
        &mut self,
        append: &Append,
        (institution, number): (i64, i64),
        event: &Event,
        previous: Option<i64>,
    ) -> rusqlite::Result<i64> {
        let request = &append.request;
        let key = request.idempotency_key.as_ref().map(IdempotencyKey::as_str);
        let text = match &request.operation {
            Operation::Act { command, .. } => text_of(command),
            Operation::Submit(_) | Operation::Upload(..) => None,
        };
        let seq = self.add_event.insert(params![
            number,
            event.version().cast_signed(),
            code(&EventKind::ALL, &event.kind()),
            event.timestamp().timestamp(),
            previous,
            code(&ActorKind::ALL, &request.actor.kind),
            request.actor.id.as_str(),
            text,
            key,
        ])?;
        self.subscribers
            .deliver(institution, number, seq, event.kind(), append.now)?;
        if let Some(key) = key {
            let refused: Option<String> = None;
            self.add_key
                .execute(params![key, institution, seq, refused])?;
        }
        Ok(seq)
    }

    /// The institution's number; it gets one if it has none.
    pub(super) fn institution_or_new(&mut self, id: &InstitutionId) -> rusqlite::Result<i64> {
        match self.institution(id)? {
            Some(institution) => Ok(institution),
            None => self.add_institution(id),
        }
    }

    /// Lets the command's key remember that it was refused.
    fn remember(&mut self, append: &Append, refusal: &Refusal) -> rusqlite::Result<()> {
        let (Some(refused), Some(key)) = (
            Refused::of(append, refusal),
            &append.request.idempotency_key,
        ) else {
            return Ok(());
        };
        let institution = self.institution_or_new(&append.request.institution)?;
        let refused = refused.to_text();
        self.add_key
            .execute(params![key.as_str(), institution, NO_EVENT, refused])?;
        Ok(())
    }

    /// Takes the identity; none where it is taken.
    fn add_application(&mut self, event: &Event) -> rusqlite::Result<Option<i64>> {
        let details = event.details();
        let added = self.add_application.execute(params![
            details.uuid().as_bytes().as_slice(),
            details.application_id().get().cast_signed(),
            details.certificate_title().as_str(),
            details.applicant_email().as_str(),
        ])?;
        Ok((added == 1).then(|| self.connection.last_insert_rowid()))
    }

    fn institution(&mut self, id: &InstitutionId) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.institutions.get(id) {
            return Ok(Some(*number));
        }
        let number = self
            .institution
            .query_row([id.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(number) = number {
            self.institutions.insert(id.clone(), number);
        }
        Ok(number)
    }

    fn add_institution(&mut self, id: &InstitutionId) -> rusqlite::Result<i64> {
        self.add_institution.insert([id.as_str()])
    }

    /// What was recorded with this key.
    fn used(
        &mut self,
        append: &Append,
        institution: i64,
        key: &IdempotencyKey,
    ) -> Result<Option<UsedKey>, Failure> {
        let used: Option<(i64, Option<String>)> = self
            .by_key
            .query_row(params![key.as_str(), institution], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((seq, refused)) = used else {
            return Ok(None);
        };
        let row = format!("idempotency key {:?}", key.as_str());
        if let Some(refused) = refused {
            let refused = Refused::from_text(&refused);
            let refused = refused.map_err(|problem| StoreError::corrupt(row, problem))?;
            return Ok(Some(UsedKey::Refused(refused)));
        }
        let missing = || StoreError::corrupt(&row, format!("its event {seq} is missing"));
        let (recorded, _) =
            event_by_seq(self.connection, &append.request.institution, seq)?.ok_or_else(missing)?;
        if recorded.idempotency_key.as_ref() != Some(key) {
            let problem = format!("its event {seq} has another key or none");
            return Err(StoreError::corrupt(row, problem).into());
        }
        Ok(Some(UsedKey::Event(Box::new(recorded))))
    }

    /// The application that the command is about, if it is its institution's.
    fn current(&mut self, append: &Append) -> Result<Option<Current>, Failure> {
        let uuid = append.uuid();
        let mut rows = self.by_uuid.query([uuid.as_bytes().as_slice()])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let joined = Joined(row);
        let current = || {
            if !joined.is_of(&append.request.institution)? {
                return Ok(None);
            }
            Ok(Some(Current {
                number: joined.application()?,
                institution: joined.institution()?,
                last: joined.last_event()?,
                last_seq: joined.seq()?,
            }))
        };
        let corrupt = |problem: String| StoreError::corrupt(joined.key(), problem);
        Ok(current().map_err(corrupt)?)
    }
}
