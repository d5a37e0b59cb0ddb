//! An application joined with one of its events, as both databases select it:
//!
//! | columns | of |
//! |---|---|
//! | 0 to 4 | the application: uuid, institution, application id, title, address |
//! | 5 to 8 | its head: trigger context, status, version, time of the last event |
//! | 9 to 15 | the event: version, kind, time, text, kind of actor, actor, idempotency key |
//!
//! What follows is a database's own. Rows that are missing in the join give nulls.

use std::sync::Arc;

use super::{Columns, Problem, StoredEvent, decode, details, from_seconds, rule};
use crate::lifecycle::event::{Event, EventKind};
use crate::lifecycle::source::TriggerContext;
use crate::lifecycle::state::Status;
use crate::store::actor::{Actor, ActorKind};
use crate::store::cursor::Cursor;
use crate::store::error::{Result, StoreError};
use crate::store::name::{ActorId, IdempotencyKey, InstitutionId};
use crate::store::queries::Count;
use crate::store::request::RecordedEvent;

/// The event.
pub(in crate::store) fn event(row: &impl Columns) -> Result<Event, Problem> {
    let details = Arc::new(details(row, [0, 2, 3, 4])?);
    let stored = StoredEvent {
        version: row.integer(9, "event.version")?,
        kind: row.integer(10, "event.kind")?,
        at: row.integer(11, "event.at")?,
        text: row.text_or_none(12, "event.text")?,
        trigger_context: row.integer(5, "trigger_context")?,
    };
    stored.restore(details)
}

/// The last event, and that the head says the same. A store whose events have more to be checked
/// gives its own way to the event.
pub(in crate::store) fn last_event<R: Columns>(
    row: &R,
    event: impl FnOnce(&R) -> Result<Event, Problem>,
) -> Result<Event, Problem> {
    let version = row.integer(7, "version")?;
    if row.integer_or_none(9, "event.version")?.is_none() {
        return Err(format!("its event at version {version} is missing"));
    }
    let last = event(row)?;
    let status = decode(&EventKind::ALL, "status", row.integer(6, "status")?)?.status();
    if status != last.kind().status()
        || u64::try_from(version) != Ok(last.version())
        || row.integer(8, "updated_at")? != last.timestamp().timestamp()
    {
        return Err(format!(
            "the head (status {status}, version {version}) is not what the last event ({}, \
             version {}) left",
            last.kind(),
            last.version()
        ));
    }
    Ok(last)
}

/// The event with what stands beside it in the record.
pub(in crate::store) fn recorded(
    row: &impl Columns,
    event: Event,
    cursor: Cursor,
) -> Result<RecordedEvent, Problem> {
    let kind = row.integer(13, "event.actor_kind")?;
    let kind = decode(&ActorKind::ALL, "actor_kind", kind)?;
    let key = row.word_or_none(15, "event.idempotency_key")?;
    Ok(RecordedEvent {
        cursor,
        institution: row.institution(1)?,
        event,
        actor: Actor::new(
            kind,
            ActorId::new(row.word(14, "event.actor")?).map_err(rule)?,
        ),
        idempotency_key: key.map(IdempotencyKey::new).transpose().map_err(rule)?,
    })
}

/// How many applications of an institution are in a state, from a source: from the columns status,
/// trigger context, count, and the earliest time of a last event.
pub(in crate::store) fn cell(
    row: &impl Columns,
    table: &str,
    institution: &InstitutionId,
) -> Result<Count> {
    let cell = || {
        let status = decode(&Status::ALL, "status", row.integer(0, "status")?)?;
        let context = row.integer(1, "trigger_context")?;
        let context = decode(&TriggerContext::ALL, "trigger_context", context)?;
        Ok(Count {
            status,
            source: context.source(),
            applications: row.count(2, "count")?,
            oldest_updated_at: from_seconds(row.integer(3, "updated_at")?)?.to_datetime(),
        })
    };
    cell().map_err(|problem: Problem| {
        let of = institution.as_str();
        StoreError::corrupt(format!("table {table} of institution {of:?}"), problem)
    })
}
