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
use super::row::cursor;
use super::statement::Shape;
use crate::lifecycle::event::{Event, EventKind};
use crate::store::decide::decide;
use crate::store::remembered::text_of;
use crate::store::request::Operation;
use crate::store::stored::{Columns as Row, Problem, StoredEvent, code, details};
use crate::store::{Append, Cursor, Receipt, Result, StoreError};

/// Carries out commands of one kind. Each is about another application, and has another key.
///
/// Returns the receipts of those that were carried out. `places` has the place of each command's
/// event among the events of the transaction.
pub(super) async fn append(
    link: &impl Link,
    shape: Shape,
    batch: &[&Append],
    places: &[i32],
) -> Result<HashMap<Uuid, Result<Receipt>>, Failure> {
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
    let commands = batch.iter().zip(places);
    let by_uuid: HashMap<Uuid, (&Append, i32)> = commands
        .map(|(append, place)| (append.uuid(), (*append, *place)))
        .collect();
    let mut receipts = HashMap::with_capacity(rows.len());
    for row in &rows {
        let uuid = row.uuid(0, "uuid").map_err(not_understood)?;
        if let Some((append, place)) = by_uuid.get(&uuid) {
            let receipt = || {
                Ok(Receipt::new(
                    event(row, append)?,
                    place_of(row, shape, *place)?,
                ))
            };
            let corrupt =
                |problem: Problem| StoreError::corrupt(format!("application {uuid}"), problem);
            receipts.insert(uuid, receipt().map_err(corrupt));
        }
    }
    Ok(receipts)
}

/// The place in the feed of the event with this place among those of its statement.
fn place_of(row: &impl Row, shape: Shape, place: i32) -> Result<Cursor, Problem> {
    let transaction = row.integer(1, "transaction")?;
    let last_place = shape
        .last_place_at()
        .map(|at| row.integer(at, "last_place"));
    let last_place = last_place.transpose()?.unwrap_or(0);
    cursor(transaction, last_place.saturating_add(place.into()))
}

/// The event of a command that was carried out, as it was recorded.
fn event(row: &impl Row, append: &Append) -> Result<Event, Problem> {
    let Operation::Act { command, .. } = &append.request.operation else {
        // The event of a creation says what the command says.
        return decide(append, None).map_err(|refusal| refusal.to_string());
    };
    let stored = StoredEvent {
        version: row.integer(2, "version")?,
        kind: code(&EventKind::ALL, &event_kind(command)).into(),
        at: row.integer(3, "updated_at")?,
        text: text_of(command).map(str::to_owned),
        trigger_context: row.integer(7, "trigger_context")?,
    };
    let details = details(row, [0, 4, 5, 6])?;
    stored.restore(Arc::new(details))
}
