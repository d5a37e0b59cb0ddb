//! Commands as columns, carried out by one statement.
//!
//! The statement guards itself: SQL checks key, version and legality, and the row that it updates
//! is the proof. So a legal command takes one round trip, and no lock is held across two.
//! A command that comes back without an event was refused, or has lost a race. Then its rows are
//! read, and `decide` explains why (`each.rs`): the words of a refusal are made in one place.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::columns::{Columns, event_kind};
use super::failure::{Failure, not_understood};
use super::link::Link;
use super::statement::Shape;
use crate::lifecycle::event::{Event, EventKind};
use crate::store::decide::decide;
use crate::store::remembered::text_of;
use crate::store::request::Operation;
use crate::store::stored::{Columns as Row, StoredEvent, code, details};
use crate::store::{Append, Result, StoreError};

/// Carries out commands of one kind. Each is about another application, and has another key.
///
/// Returns the events of those that were carried out. `places` has the place of each command's
/// event among the events of the transaction.
pub(super) async fn append(
    link: &impl Link,
    shape: Shape,
    batch: &[&Append],
    places: &[i32],
) -> Result<HashMap<Uuid, Result<Event>>, Failure> {
    let columns = Columns::of(batch, places);
    let mut parameters = shape.input().parameters(&columns);
    let guard = link.guard();
    if let Some(guard) = &guard {
        parameters.push((&guard.table, Type::OID));
        parameters.push((&guard.database, Type::TEXT));
        parameters.push((&guard.started_at, Type::INT8));
        parameters.push((&guard.last_place, Type::INT4));
    }
    let shape = shape.guarded(guard.is_some());
    let rows = link.send(shape.sql(), &parameters).await?;
    let by_uuid: HashMap<Uuid, &Append> = batch
        .iter()
        .map(|append| (append.uuid(), *append))
        .collect();
    let mut events = HashMap::with_capacity(rows.len());
    for row in &rows {
        let uuid = row.uuid(0, "uuid").map_err(not_understood)?;
        if let Some(append) = by_uuid.get(&uuid) {
            events.insert(uuid, event(row, append));
        }
    }
    Ok(events)
}

/// The event of a command that was carried out, as it was recorded.
fn event(row: &impl Row, append: &Append) -> Result<Event> {
    let corrupt =
        |problem: String| StoreError::corrupt(format!("application {}", append.uuid()), problem);
    let Operation::Act { command, .. } = &append.request.operation else {
        // The event of a creation says what the command says.
        return decide(append, None).map_err(|refusal| corrupt(refusal.to_string()));
    };
    let read = || -> Result<Event, String> {
        let stored = StoredEvent {
            version: row.integer(1, "version")?,
            kind: code(&EventKind::ALL, &event_kind(command)).into(),
            at: row.integer(2, "updated_at")?,
            text: text_of(command).map(str::to_owned),
            trigger_context: row.integer(6, "trigger_context")?,
        };
        let details = details(row, [0, 3, 4, 5])?;
        stored.restore(Arc::new(details))
    };
    read().map_err(corrupt)
}
