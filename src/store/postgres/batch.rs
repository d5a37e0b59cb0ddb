//! Commands as columns, carried out by one statement.
//!
//! The statement guards itself: SQL checks key, version and legality, and the row that it updates
//! is the proof. So a legal command takes one round trip, and no lock is held across two.
//! A command that comes back without an event was refused, or has lost a race. Then its rows are
//! read, and `decide` explains why (`each.rs`): the words of a refusal are made in one place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::failure::Failure;
use super::statement::{Keys, Kind, Prepared};
use super::text::encode;
use crate::lifecycle::action::Command;
use crate::lifecycle::application::ApplicationDetails;
use crate::lifecycle::event::{Event, EventKind};
use crate::lifecycle::source::TriggerContext;
use crate::store::actor::ActorKind;
use crate::store::cells::Cells;
use crate::store::decide::decide;
use crate::store::remembered::text_of;
use crate::store::request::Operation;
use crate::store::stored::{StoredEvent, code};
use crate::store::{Append, IdempotencyKey, StoreError};

/// The columns that creations and transitions have in common.
#[derive(Default)]
struct Common<'a> {
    uuid: Vec<Uuid>,
    institution: Vec<&'a str>,
    at: Vec<i64>,
    actor_kind: Vec<i16>,
    actor: Vec<&'a str>,
    place: Vec<i32>,
    /// Milliseconds since 1970.
    now: Vec<i64>,
    key: Vec<Option<&'a str>>,
}

#[derive(Default)]
struct Creations<'a> {
    application_id: Vec<i64>,
    title: Vec<Cow<'a, str>>,
    email: Vec<&'a str>,
    trigger_context: Vec<i16>,
}

#[derive(Default)]
struct Transitions<'a> {
    at_is_given: Vec<bool>,
    legal: Vec<i64>,
    status: Vec<i16>,
    expected_version: Vec<Option<i64>>,
    text: Vec<Option<Cow<'a, str>>>,
}

impl<'a> Common<'a> {
    fn push(&mut self, place: i32, append: &'a Append) {
        let request = &append.request;
        self.place.push(place);
        self.uuid.push(append.uuid());
        self.institution.push(request.institution.as_str());
        self.at.push(append.at().to_datetime().timestamp());
        self.actor_kind
            .push(code(&ActorKind::ALL, &request.actor.kind));
        self.actor.push(request.actor.id.as_str());
        self.now.push(append.now.timestamp_millis());
        let key = request.idempotency_key.as_ref();
        self.key.push(key.map(IdempotencyKey::as_str));
    }
}

impl<'a> Creations<'a> {
    fn push(&mut self, details: &'a ApplicationDetails, context: TriggerContext) {
        self.application_id
            .push(details.application_id().get().cast_signed());
        self.title
            .push(encode(details.certificate_title().as_str()));
        self.email.push(details.applicant_email().as_str());
        self.trigger_context
            .push(code(&TriggerContext::ALL, &context));
    }
}

impl<'a> Transitions<'a> {
    fn push(&mut self, append: &Append, command: &'a Command, expected_version: Option<u64>) {
        self.at_is_given.push(append.request.at.is_some());
        self.legal.push(Cells::legal_at_versions(command.action()));
        self.status
            .push(code(&EventKind::ALL, &event_kind(command)));
        // A version that PostgreSQL cannot hold is none that an application has.
        let expected = expected_version.map(|it| i64::try_from(it).unwrap_or(-1));
        self.expected_version.push(expected);
        self.text.push(text_of(command).map(encode));
    }
}

/// The event that a command emits.
fn event_kind(command: &Command) -> EventKind {
    let mut kinds = EventKind::ALL.into_iter();
    let emitted = kinds.find(|kind| kind.action() == Some(command.action()));
    // Every action emits one kind of event: the conformance suite walks through all cells.
    emitted.unwrap_or(EventKind::Created)
}

/// Carries out the commands, all of one kind, of which no two are about the same application or
/// have the same key.
///
/// The answer has the events of those that went through. `places` has the place of each command's
/// event among the events of the transaction.
pub(super) async fn append(
    client: &impl GenericClient,
    statement: &Prepared,
    batch: &[&Append],
    places: &[i32],
) -> Result<HashMap<Uuid, Result<Event, StoreError>>, Failure> {
    let mut common = Common::default();
    let mut creations = Creations::default();
    let mut transitions = Transitions::default();
    // The rows are locked in this order: two statements never wait for each other.
    let mut in_order: Vec<_> = places.iter().copied().zip(batch.iter().copied()).collect();
    in_order.sort_unstable_by_key(|(_, append)| append.uuid());
    for (place, append) in in_order {
        common.push(place, append);
        match &append.request.operation {
            Operation::Act {
                command,
                expected_version,
                ..
            } => transitions.push(append, command, *expected_version),
            operation => {
                if let Some((details, context)) = operation.creation() {
                    creations.push(details, context);
                }
            }
        }
    }
    let shape = statement.shape;
    /// The column, or its only value.
    macro_rules! column {
        ($column:expr) => {
            match $column.first() {
                Some(value) if shape.is_one => value as &(dyn ToSql + Sync),
                _ => &$column,
            }
        };
    }
    let mut parameters: Vec<&(dyn ToSql + Sync)> = match shape.kind {
        Kind::Creation => vec![
            column!(common.uuid),
            column!(common.institution),
            column!(common.at),
            column!(creations.application_id),
            column!(creations.title),
            column!(creations.email),
            column!(creations.trigger_context),
            column!(common.actor_kind),
            column!(common.actor),
            column!(common.place),
            column!(common.now),
        ],
        Kind::Transition => vec![
            column!(common.uuid),
            column!(common.institution),
            column!(common.at),
            column!(transitions.at_is_given),
            column!(transitions.legal),
            column!(transitions.status),
            column!(transitions.expected_version),
            column!(common.actor_kind),
            column!(common.actor),
            column!(transitions.text),
            column!(common.place),
            column!(common.now),
        ],
    };
    if shape.keys != Keys::None {
        parameters.push(&common.key);
    }
    let rows = client.query(&statement.statement, &parameters).await?;
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
    let corrupt =
        |problem: String| StoreError::corrupt(format!("application {}", append.uuid()), problem);
    let Operation::Act { command, .. } = &append.request.operation else {
        // What was created is what was asked for.
        return decide(append, None).map_err(|refusal| corrupt(refusal.to_string()));
    };
    let read = || -> Result<Event, String> {
        let column = |error: tokio_postgres::Error| error.to_string();
        let stored = StoredEvent {
            version: row.try_get(1).map_err(column)?,
            kind: code(&EventKind::ALL, &event_kind(command)).into(),
            at: row.try_get(2).map_err(column)?,
            text: text_of(command).map(str::to_owned),
            trigger_context: row.try_get::<_, i16>(6).map_err(column)?.into(),
        };
        let details = super::row::details(row, [0, 3, 4, 5])?;
        stored.restore(Arc::new(details))
    };
    read().map_err(corrupt)
}
