//! Questions to the database, each on one connection and one snapshot.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::connection::unavailable;
use super::row::{BY_UUID, Joined, columns, cursor, events};
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::state::Status;
use crate::lifecycle::value::ApplicantEmail;
use crate::store::stored::{Problem, check_order, decode};
use crate::store::{
    Count, Cursor, InstitutionId, ListOrder, ListQuery, Page, RecordedEvent, StoreError,
};

/// Reads a row with its checks; what is wrong is reported with the row's key.
fn read<'r, 's, T>(
    row: &'r Row<'s>,
    read: impl FnOnce(&Joined<'r, 's>) -> Result<T, Problem>,
) -> Result<T, StoreError> {
    let joined = Joined(row);
    read(&joined).map_err(|problem| StoreError::corrupt(joined.key(), problem))
}

pub(super) fn load(
    connection: &Connection,
    institution: &InstitutionId,
    uuid: Uuid,
) -> Result<Option<AnyApplication>, StoreError> {
    last_event(connection, institution, uuid, |joined| {
        Ok(joined.last_event()?.application())
    })
}

/// All of an application's events, from the last to the first along their chain.
pub(super) fn history(
    connection: &mut Connection,
    institution: &InstitutionId,
    uuid: Uuid,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let snapshot = connection.transaction().map_err(unavailable)?;
    let last = last_event(&snapshot, institution, uuid, |joined| {
        joined.last_event()?;
        joined.seq()
    })?;
    let mut history: Vec<RecordedEvent> = Vec::new();
    let mut next = last;
    while let Some(seq) = next {
        let broken = |problem: String| {
            StoreError::corrupt(format!("application {uuid}, event row {seq}"), problem)
        };
        let (recorded, previous) = event_by_seq(&snapshot, institution, seq)?
            .ok_or_else(|| broken("it is missing in the chain of events".to_owned()))?;
        if recorded.event.uuid() != uuid {
            let owner = recorded.event.uuid();
            return Err(broken(format!("it belongs to application {owner}")));
        }
        if let Some(later) = history.last() {
            check_order(&recorded.event, &later.event).map_err(broken)?;
        }
        history.push(recorded);
        next = previous;
    }
    history.reverse();
    Ok(history)
}

fn last_event<T>(
    connection: &Connection,
    institution: &InstitutionId,
    uuid: Uuid,
    value: impl FnOnce(&Joined<'_, '_>) -> Result<T, Problem>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(BY_UUID).map_err(unavailable)?;
    let mut rows = statement
        .query([uuid.as_bytes().as_slice()])
        .map_err(unavailable)?;
    let Some(row) = rows.next().map_err(unavailable)? else {
        return Ok(None);
    };
    if !read(row, |joined| joined.is_of(institution))? {
        return Ok(None);
    }
    read(row, value).map(Some)
}

/// One event of an institution, and the number of the one before.
pub(super) fn event_by_seq(
    connection: &Connection,
    institution: &InstitutionId,
    seq: i64,
) -> Result<Option<(RecordedEvent, Option<i64>)>, StoreError> {
    let mut statement = connection
        .prepare_cached(events!("e.seq = ?1"))
        .map_err(unavailable)?;
    let mut rows = statement.query([seq]).map_err(unavailable)?;
    let Some(row) = rows.next().map_err(unavailable)? else {
        return Ok(None);
    };
    if !read(row, |joined| joined.is_of(institution))? {
        return Ok(None);
    }
    read(row, |joined| Ok((joined.recorded()?, joined.previous()?))).map(Some)
}

pub(super) fn feed(
    connection: &Connection,
    after: Cursor,
    limit: u32,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let place = i64::try_from(after.transaction()).unwrap_or(i64::MAX);
    let sql = events!("e.seq > ?1 ORDER BY e.seq LIMIT ?2");
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement
        .query([place, limit.into()])
        .map_err(unavailable)?;
    let mut page = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        match read(row, Joined::recorded) {
            Ok(recorded) => page.push(recorded),
            // What comes before it is told first.
            Err(_) if !page.is_empty() => break,
            Err(corrupt) => return Err(corrupt),
        }
    }
    if page.is_empty() && limit > 0 {
        let end = feed_end(connection)?;
        if after.transaction() > end.transaction() {
            return Err(StoreError::CursorBeyondEnd { cursor: after, end });
        }
    }
    Ok(page)
}

/// The last event: the one writer at a time numbers them in the order of its commits.
pub(super) fn feed_end(connection: &Connection) -> Result<Cursor, StoreError> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(seq) FROM certlife_event")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(unavailable)?;
    Ok(last.map_or(Cursor::START, cursor))
}

macro_rules! list_sql {
    ($after:literal, $email:literal, $order:literal) => {
        concat!(
            columns!(),
            // The key, also of a row whose application is missing.
            ", h.application FROM certlife_head h LEFT JOIN certlife_application a ON a.no = h.application \
             LEFT JOIN certlife_institution i ON i.no = h.institution \
             LEFT JOIN certlife_event e ON e.seq = h.event WHERE h.institution = ?1 AND ",
            $email,
            " ",
            $after,
            " AND ((?3 >> (h.status * 2 + (h.trigger_context = 2))) & 1 \
                OR h.status NOT BETWEEN 0 AND 5) AND h.updated_at < ?4 \
             ORDER BY ",
            $order,
            " LIMIT ?5"
        )
    };
}

pub(super) fn list(connection: &Connection, query: &ListQuery) -> Result<Page, StoreError> {
    let Some(institution) = institution(connection, &query.institution)? else {
        return Ok(Page::default());
    };
    // A status that is none is read, so that it is reported.
    // The source is a customer's exactly where the trigger context is; both are numbers from 0.
    let sql = match (query.order, query.filter.email.is_some()) {
        (ListOrder::OldestFirst, false) => list_sql!("h.application > ?2", "", "h.application"),
        (ListOrder::OldestFirst, true) => {
            list_sql!("a.no > ?2", "a.applicant_email = ?6 AND", "a.no")
        }
        (ListOrder::NewestFirst, false) => {
            list_sql!("h.application < ?2", "", "h.application DESC")
        }
        (ListOrder::NewestFirst, true) => {
            list_sql!("a.no < ?2", "a.applicant_email = ?6 AND", "a.no DESC")
        }
    };
    let start = match query.order {
        ListOrder::OldestFirst => i64::MIN,
        ListOrder::NewestFirst => i64::MAX,
    };
    let filter = &query.filter;
    let before = filter.updated_before_seconds();
    let email = filter.email.as_ref().map(ApplicantEmail::as_str);
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut parameters: Vec<&dyn rusqlite::ToSql> = Vec::new();
    let after = query.after.map_or(start, |key| key.0);
    let limit = i64::from(query.page_size()) + 1;
    let cells = filter.cells.bits();
    parameters.extend::<[&dyn rusqlite::ToSql; 5]>([&institution, &after, &cells, &before, &limit]);
    if email.is_some() {
        parameters.push(&email);
    }
    let rows = statement
        .query_map(&*parameters, |row| {
            let application = read(row, |joined| Ok(joined.last_event()?.application()));
            Ok((application, row.get(22)?))
        })
        .map_err(unavailable)?;
    Page::of(query.page_size(), rows.map(|row| row.map_err(unavailable)))
}

/// Those with an application or a webhook: keys that remember a refusal name institutions as well.
pub(super) fn institutions(connection: &Connection) -> Result<Vec<InstitutionId>, StoreError> {
    let sql = "SELECT id FROM certlife_institution i WHERE \
               EXISTS (SELECT 1 FROM certlife_head h WHERE h.institution = i.no) OR \
               EXISTS (SELECT 1 FROM certlife_webhook w WHERE w.institution = i.no AND w.id IS NOT NULL) \
               ORDER BY id";
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0));
    let read = |id: rusqlite::Result<String>| {
        let id = id.map_err(unavailable)?;
        InstitutionId::new(&id)
            .map_err(|error| StoreError::corrupt(format!("institution {id:?}"), error.to_string()))
    };
    rows.map_err(unavailable)?.map(read).collect()
}

pub(super) fn counts(
    connection: &Connection,
    institution_id: &InstitutionId,
) -> Result<Vec<Count>, StoreError> {
    let Some(institution) = institution(connection, institution_id)? else {
        return Ok(Vec::new());
    };
    let sql = "SELECT status, trigger_context, count(*) FROM certlife_head WHERE institution = ?1 \
               GROUP BY status, trigger_context";
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query([institution]).map_err(unavailable)?;
    let mut counts: HashMap<(Status, Source), u64> = HashMap::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let column = |index| row.get::<_, i64>(index).map_err(unavailable);
        let (status, context, applications) = (column(0)?, column(1)?, column(2)?);
        let cell = || -> Result<(Status, Source), Problem> {
            let context = decode(&TriggerContext::ALL, "trigger_context", context)?;
            Ok((decode(&Status::ALL, "status", status)?, context.source()))
        };
        let heads = || {
            format!(
                "table certlife_head of institution {:?}",
                institution_id.as_str()
            )
        };
        let cell = cell().map_err(|it| StoreError::corrupt(heads(), it))?;
        let applications = u64::try_from(applications).unwrap_or_default();
        *counts.entry(cell).or_default() += applications;
    }
    Ok(Count::sorted(counts))
}

fn institution(connection: &Connection, id: &InstitutionId) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT no FROM certlife_institution WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row(params![id.as_str()], |row| row.get(0))
                .optional()
        })
        .map_err(unavailable)
}
