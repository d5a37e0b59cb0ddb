//! One statement for many commands, one command an application.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::{GenericClient, Row, Statement};
use uuid::Uuid;

use super::failure::Failure;
use super::text::encode;
use crate::lifecycle::action::Command;
use crate::lifecycle::event::{Event, EventKind};
use crate::lifecycle::source::TriggerContext;
use crate::store::actor::ActorKind;
use crate::store::cells::Cells;
use crate::store::request::Operation;
use crate::store::stored::{StoredEvent, code};
use crate::store::{Append, StoreError};

/// See the file.
pub(super) const SQL: &str = include_str!("sql/append.sql");

/// The commands as columns.
#[derive(Default)]
struct Columns<'a> {
    uuid: Vec<Uuid>,
    institution: Vec<&'a str>,
    at: Vec<i64>,
    at_is_given: Vec<bool>,
    legal: Vec<i32>,
    status: Vec<i16>,
    expected_version: Vec<Option<i64>>,
    actor_kind: Vec<i16>,
    actor: Vec<&'a str>,
    text: Vec<Option<std::borrow::Cow<'a, str>>>,
    key: Vec<Option<&'a str>>,
    application_id: Vec<Option<i64>>,
    title: Vec<Option<std::borrow::Cow<'a, str>>>,
    email: Vec<Option<&'a str>>,
    trigger_context: Vec<Option<i16>>,
}

/// What one command asks of the row of its application.
struct Change<'a> {
    kind: EventKind,
    legal: u16,
    expected_version: Option<u64>,
    text: Option<&'a str>,
}

impl<'a> Change<'a> {
    fn of(operation: &'a Operation) -> Self {
        match operation {
            Operation::Submit(_) | Operation::Upload(..) => Self {
                kind: EventKind::Created,
                legal: 0,
                expected_version: None,
                text: None,
            },
            Operation::Transition {
                command,
                expected_version,
                ..
            } => Self {
                kind: kind_of(command),
                legal: Cells::legal(command.action()).bits(),
                expected_version: *expected_version,
                text: match command {
                    Command::Reject(reason) => Some(reason.as_str()),
                    Command::Fail(error) => Some(error.as_str()),
                    _ => None,
                },
            },
        }
    }
}

/// The event that a command emits.
fn kind_of(command: &Command) -> EventKind {
    let kinds = EventKind::ALL.into_iter();
    let mut emitted = kinds.filter(|kind| kind.action() == Some(command.action()));
    // Every action emits one kind of event; a test walks through them.
    emitted.next().unwrap_or(EventKind::Created)
}

impl<'a> Columns<'a> {
    fn push(&mut self, append: &'a Append) {
        let request = &append.request;
        let change = Change::of(&request.operation);
        self.uuid.push(append.uuid());
        self.institution.push(request.institution.as_str());
        self.at.push(append.at().to_datetime().timestamp());
        self.at_is_given.push(request.at.is_some());
        self.legal.push(change.legal.into());
        self.status.push(code(&EventKind::ALL, &change.kind));
        // A version that PostgreSQL cannot hold is none that an application has.
        let expected = change.expected_version;
        self.expected_version
            .push(expected.map(|it| i64::try_from(it).unwrap_or(-1)));
        self.actor_kind
            .push(code(&ActorKind::ALL, &request.actor.kind));
        self.actor.push(request.actor.id.as_str());
        self.text.push(change.text.map(encode));
        let key = request.idempotency_key.as_ref();
        self.key.push(key.map(|it| it.as_str()));
        let creation = request.operation.creation();
        let details = creation.map(|(details, _)| details);
        self.application_id
            .push(details.map(|it| it.application_id().get().cast_signed()));
        self.title
            .push(details.map(|it| encode(it.certificate_title().as_str())));
        self.email
            .push(details.map(|it| it.applicant_email().as_str()));
        self.trigger_context
            .push(creation.map(|(_, context)| code(&TriggerContext::ALL, &context)));
    }
}

/// Carries out the commands, of which no two are about the same application or have the same key.
///
/// The answer has the events of those that went through. `place` is the place in the feed of the
/// transaction's events so far.
pub(super) async fn append(
    client: &impl GenericClient,
    statement: &Statement,
    batch: &[&Append],
    place: i64,
) -> Result<HashMap<Uuid, Result<Event, StoreError>>, Failure> {
    let mut columns = Columns::default();
    for append in batch {
        columns.push(append);
    }
    let place = i32::try_from(place).unwrap_or(i32::MAX);
    let rows = client
        .query(
            statement,
            &[
                &columns.uuid,
                &columns.institution,
                &columns.at,
                &columns.at_is_given,
                &columns.legal,
                &columns.status,
                &columns.expected_version,
                &columns.actor_kind,
                &columns.actor,
                &columns.text,
                &columns.key,
                &columns.application_id,
                &columns.title,
                &columns.email,
                &columns.trigger_context,
                &place,
            ],
        )
        .await?;
    let by_uuid: HashMap<Uuid, &Append> = batch
        .iter()
        .map(|append| (append.uuid(), *append))
        .collect();
    let mut events = HashMap::with_capacity(rows.len());
    for row in &rows {
        let uuid = row.try_get(0)?;
        if let Some(append) = by_uuid.get(&uuid) {
            events.insert(uuid, event(row, append));
        }
    }
    Ok(events)
}

/// The event of a command that went through, as it was recorded.
fn event(row: &Row, append: &Append) -> Result<Event, StoreError> {
    let operation = &append.request.operation;
    let read = || -> Result<Event, String> {
        let column = |error: tokio_postgres::Error| error.to_string();
        let change = Change::of(operation);
        let creation = operation.creation();
        let at = append.at().to_datetime().timestamp();
        let (at, context, details) = match creation {
            Some((details, context)) => (
                at,
                code(&TriggerContext::ALL, &context),
                Arc::clone(details),
            ),
            None => (
                row.try_get(2).map_err(column)?,
                row.try_get(6).map_err(column)?,
                Arc::new(super::row::details(row, [0, 3, 4, 5])?),
            ),
        };
        let stored = StoredEvent {
            version: row.try_get(1).map_err(column)?,
            kind: code(&EventKind::ALL, &change.kind).into(),
            at,
            text: change.text.map(str::to_owned),
            trigger_context: context.into(),
        };
        stored.restore(details)
    };
    let key = || format!("application {}", append.uuid());
    read().map_err(|problem| StoreError::corrupt(key(), problem))
}
