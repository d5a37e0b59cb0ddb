//! Commands as columns, carried out by one statement.
//!
//! The statement guards itself: SQL checks key, version and legality, and the row that it updates
//! is the proof. So a legal command takes one round trip, and no lock is held across two.
//! A command that comes back without an event was refused, or has lost a race. Then its rows are
//! read, and `decide` explains why (`each.rs`): the words of a refusal are made in one place.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::columns::{Columns, event_kind};
use super::failure::Failure;
use super::statement::Prepared;
use crate::lifecycle::event::{Event, EventKind};
use crate::store::decide::decide;
use crate::store::remembered::text_of;
use crate::store::request::Operation;
use crate::store::stored::{StoredEvent, code, details};
use crate::store::{Append, Result, StoreError};

/// Carries out commands of one kind. Each is about another application, and has another key.
///
/// Returns the events of those that were carried out. `places` has the place of each command's
/// event among the events of the transaction.
pub(super) async fn append(
    client: &impl GenericClient,
    statement: &Prepared,
    batch: &[&Append],
    places: &[i32],
) -> Result<HashMap<Uuid, Result<Event>>, Failure> {
    let columns = Columns::of(batch, places);
    let parameters = statement.shape.input().parameters(&columns);
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

/// The event of a command that was carried out, as it was recorded.
fn event(row: &Row, append: &Append) -> Result<Event> {
    let corrupt =
        |problem: String| StoreError::corrupt(format!("application {}", append.uuid()), problem);
    let Operation::Act { command, .. } = &append.request.operation else {
        // The event of a creation says what the command says.
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
        let details = details(row, [0, 3, 4, 5])?;
        stored.restore(Arc::new(details))
    };
    read().map_err(corrupt)
}
