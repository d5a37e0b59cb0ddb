//! The store in memory: the reference for all others, and for tests.

mod acts;
mod applications;
mod auditing;
mod authorizing;
mod delivering;
mod listing;
mod log;
mod names;
mod outbox;
mod pieces;
mod replies;
mod replying;
mod texts;
mod tokens;
mod webhooks;
mod work;
mod working;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use applications::{Applications, Row};
use log::Entered;
use names::Names;
use pieces::{Pieces, place};
use texts::Texts;

use super::actor::Actor;
use super::commits::CommitWatch;
use super::contract::Store;
use super::cursor::Cursor;
use super::decide::{Answer, Found, answer};
use super::error::{ExecuteError, Refusal, Result, StoreError};
use super::name::{IdempotencyKey, InstitutionId};
use super::remembered::{Refused, UsedKey};
use super::request::{Append, Atomicity, Receipt, RecordedEvent};
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::Event;

/// Keeps everything in memory, and forgets it with the last handle.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    commits: watch::Sender<()>,
}

/// The place in the feed of the event at this place of the log.
fn cursor(at: u32) -> Cursor {
    Cursor::new(u64::from(at) + 1, 0)
}

/// No other process can commit, so those who wait are woken; this is only how often they look
/// nevertheless.
const POLL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Tables {
    institutions: Names<InstitutionId>,
    actors: Names<Actor>,
    applications: Applications,
    /// In the order of commits; the cursor of an event is its place, from 1.
    log: Pieces<Entered>,
    /// The reasons and errors of events.
    texts: Texts,
    keys: HashMap<(u32, IdempotencyKey), Key>,
    /// The keys of the events that have one.
    key_of: HashMap<u32, IdempotencyKey>,
    outbox: outbox::Outbox,
    work: work::Work,
    tokens: tokens::Table,
    replies: replies::Table,
    acts: acts::Table,
}

/// What a key was used for.
#[derive(Debug)]
enum Key {
    /// The event at this place of the log.
    Event(u32),
    Refused(Box<Refused>),
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tables: Arc::default(),
            commits: watch::Sender::new(()),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Every change is made by steps that cannot panic halfway.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_now(
        &self,
        batch: &[Append],
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        let mut tables = self.tables();
        let before = tables.log.len();
        let mut answers: Vec<_> = batch
            .iter()
            .map(|append| {
                let answer = match atomicity {
                    Atomicity::Each => tables.append_each(append),
                    Atomicity::All => tables.append(append),
                };
                answer.map_err(ExecuteError::from)
            })
            .collect();
        if atomicity == Atomicity::All && ExecuteError::abandon(&mut answers) {
            tables.truncate(before);
        }
        if tables.log.len() > before {
            self.commits.send_replace(());
        }
        answers
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    fn append(&mut self, append: &Append) -> Result<Receipt, Refusal> {
        let institution = self.institutions.number(&append.request.institution);
        let key = append.request.idempotency_key.as_ref();
        let used = key.and_then(|key| self.keys.get(&(institution, key.clone())));
        let used = used.and_then(|used| match used {
            Key::Event(at) => Some(UsedKey::Event(Box::new(self.recorded(*at)?))),
            Key::Refused(refused) => Some(UsedKey::Refused((**refused).clone())),
        });
        let mut number = None;
        let find = || {
            number = self.applications.number(append.uuid());
            let row = number.and_then(|it| self.applications.get(it));
            Ok::<_, Refusal>(match row {
                None => Found::Nothing,
                row => self
                    .current(institution, row)
                    .map_or(Found::Taken, Found::Ours),
            })
        };
        let event = match answer(append, used, find)? {
            Answer::Repeated(receipt) => return Ok(receipt),
            Answer::Go(event) => event,
        };
        let uuid = append.uuid();
        let at = self.enter(append, institution, number, &event);
        let at = at.ok_or(Refusal::UnknownApplication { uuid })?;
        Ok(Receipt::new(event, cursor(at)))
    }

    /// Carries out a command for itself: a refusal is remembered under its key.
    fn append_each(&mut self, append: &Append) -> Result<Receipt, Refusal> {
        let answer = self.append(append);
        if let Err(refusal) = &answer {
            self.remember(append, refusal);
        }
        answer
    }

    fn remember(&mut self, append: &Append, refusal: &Refusal) {
        if let Some(refused) = Refused::of(append, refusal)
            && let Some(key) = &append.request.idempotency_key
        {
            let institution = self.institutions.number(&append.request.institution);
            let used = Key::Refused(Box::new(refused));
            self.keys.insert((institution, key.clone()), used);
        }
    }

    /// Enters the event of the application with this number: its place in the log. Only a creation
    /// has no number.
    fn enter(
        &mut self,
        append: &Append,
        institution: u32,
        number: Option<u32>,
        event: &Event,
    ) -> Option<u32> {
        let last = place(self.log.len());
        let (application, previous) = if let Some(number) = number {
            let row = self.applications.get_mut(number)?;
            (number, std::mem::replace(&mut row.last, last))
        } else {
            let (details, context) = append.request.operation.creation()?;
            let row = Row {
                institution,
                last,
                trigger_context: context,
            };
            let number = self.applications.push(details, row);
            (number, last)
        };
        if let Some(key) = &append.request.idempotency_key {
            let used = Key::Event(last);
            self.keys.insert((institution, key.clone()), used);
            self.key_of.insert(last, key.clone());
        }
        let actor = self.actors.number(&append.request.actor);
        let kind = event.kind();
        self.outbox
            .enter(institution, application, last, kind, append.now);
        let texts = &mut self.texts;
        self.log
            .push(Entered::new(event, application, actor, previous, texts));
        Some(last)
    }

    /// Takes back every event from this place on, the last first.
    fn truncate(&mut self, length: usize) {
        self.outbox.truncate(place(length));
        while self.log.len() > length {
            let Some(entered) = self.log.pop() else {
                return;
            };
            entered.take_back(&mut self.texts);
            let Some(row) = self.applications.get_mut(entered.application) else {
                return;
            };
            if let Some(key) = self.key_of.remove(&place(self.log.len())) {
                self.keys.remove(&(row.institution, key));
            }
            if entered.version == 1 {
                self.applications.pop();
            } else {
                row.last = entered.previous;
            }
        }
    }

    fn row(&self, uuid: Uuid) -> Option<&Row> {
        self.applications.get(self.applications.number(uuid)?)
    }

    fn current(&self, institution: u32, row: Option<&Row>) -> Option<AnyApplication> {
        let row = row.filter(|row| row.institution == institution)?;
        Some(self.last(row)?.application())
    }

    /// The last event of an application.
    fn last(&self, row: &Row) -> Option<Event> {
        self.event(self.log.get(row.last)?)
    }

    fn event(&self, entered: &Entered) -> Option<Event> {
        let row = self.applications.get(entered.application)?;
        let details = self.applications.share(entered.application)?;
        entered.event(row, details, &self.texts)
    }

    fn institution(&self, institution: &InstitutionId) -> Option<u32> {
        self.institutions.numbers.get(institution).copied()
    }

    fn recorded(&self, at: u32) -> Option<RecordedEvent> {
        let entered = self.log.get(at)?;
        let row = self.applications.get(entered.application)?;
        Some(RecordedEvent {
            cursor: cursor(at),
            institution: self.institutions.all.get(row.institution as usize)?.clone(),
            event: self.event(entered)?,
            actor: self.actors.all.get(entered.actor as usize)?.clone(),
            idempotency_key: self.key_of.get(&at).cloned(),
        })
    }

    fn history(&self, institution: u32, uuid: Uuid) -> Option<Vec<RecordedEvent>> {
        let row = self.row(uuid)?;
        if row.institution != institution {
            return None;
        }
        let mut history = Vec::new();
        let mut at = row.last;
        loop {
            history.push(self.recorded(at)?);
            let previous = self.log.get(at)?.previous;
            if previous == at {
                history.reverse();
                return Some(history);
            }
            at = previous;
        }
    }
}

impl super::contract::sealed::Sealed for MemoryStore {}

impl Store for MemoryStore {
    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        self.append_now(&batch, atomicity)
    }

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>> {
        let tables = self.tables();
        let institution = tables.institution(institution);
        Ok(institution.and_then(|institution| tables.current(institution, tables.row(uuid))))
    }

    async fn history(&self, institution: &InstitutionId, uuid: Uuid) -> Result<Vec<RecordedEvent>> {
        let tables = self.tables();
        let institution = tables.institution(institution);
        let history = institution.and_then(|it| tables.history(it, uuid));
        Ok(history.unwrap_or_default())
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>> {
        let tables = self.tables();
        let last = Cursor::new(u64::from(place(tables.log.len())), 0);
        if after.transaction() > last.transaction() {
            return Err(StoreError::CursorBeyondEnd {
                cursor: after,
                end: last,
            });
        }
        let start = u32::try_from(after.transaction()).unwrap_or(u32::MAX);
        let end = start.saturating_add(limit).min(place(tables.log.len()));
        Ok((start..end).filter_map(|at| tables.recorded(at)).collect())
    }

    async fn feed_end(&self) -> Result<Cursor> {
        Ok(Cursor::new(u64::from(place(self.tables().log.len())), 0))
    }

    fn commits(&self) -> CommitWatch {
        CommitWatch::new(self.commits.subscribe(), POLL)
    }

    fn wake(&self) {
        self.commits.send_replace(());
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/memory.rs"]
mod tests;
