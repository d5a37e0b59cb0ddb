//! Questions to the database, each on one connection and one snapshot.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use uuid::Uuid;

use super::failure::unavailable;
use super::row::{BY_UUID, Joined, columns, cursor, events};
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::value::{ApplicantEmail, ProcessingError};
use crate::store::cells::in_cells;
use crate::store::stored::{self, Problem, check_order, up_to_corrupt};
use crate::store::title::Needle;
use crate::store::{
    Count, Cursor, FeedPage, InstitutionId, ListOrder, ListQuery, Page, PageKey, RecordedEvent,
    Result, StoreError,
};

/// Reads a row with its checks; what is wrong is reported with the row's key.
fn read<'r, 's, T>(
    row: &'r Row<'s>,
    read: impl FnOnce(&Joined<'r, 's>) -> Result<T, Problem>,
) -> Result<T> {
    let joined = Joined(row);
    read(&joined).map_err(|problem| StoreError::corrupt(joined.key(), problem))
}

/// The answers that the rows of a question give, in their order.
pub(super) fn ask<T>(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    each(connection, sql, parameters, |row| {
        all.push(read(row)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// Goes through the rows of a question, until it is enough.
fn each(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(parameters).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        if look(row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The answers of [`ask`], past what is corrupt; that is an error if there is nothing else.
pub(super) fn ask_past_corrupt<T>(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let (mut sound, mut corrupt) = (Vec::new(), None);
    for answer in ask(connection, sql, parameters, |row| Ok(read(row)))? {
        match answer {
            Ok(it) => sound.push(it),
            Err(error) => corrupt = Some(error),
        }
    }
    match corrupt {
        Some(error) if sound.is_empty() => Err(error),
        _ => Ok(sound),
    }
}

pub(super) fn load(
    connection: &Connection,
    institution: &InstitutionId,
    uuid: Uuid,
) -> Result<Option<AnyApplication>> {
    last_event(connection, institution, uuid, |joined| {
        Ok(joined.last_event()?.application())
    })
}

/// All of an application's events, from the last to the first along their chain.
pub(super) fn history(
    connection: &mut Connection,
    institution: &InstitutionId,
    uuid: Uuid,
) -> Result<Vec<RecordedEvent>> {
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
    value: impl Fn(&Joined<'_, '_>) -> Result<T, Problem>,
) -> Result<Option<T>> {
    of_institution(
        connection,
        institution,
        BY_UUID,
        &uuid.as_bytes().as_slice(),
        value,
    )
}

/// One event of an institution, and the number of the one before.
pub(super) fn event_by_seq(
    connection: &Connection,
    institution: &InstitutionId,
    seq: i64,
) -> Result<Option<(RecordedEvent, Option<i64>)>> {
    of_institution(
        connection,
        institution,
        events!("e.seq = ?1"),
        &seq,
        |joined| Ok((joined.recorded()?, joined.previous()?)),
    )
}

/// What the only row says, if it is the institution's.
fn of_institution<T>(
    connection: &Connection,
    institution: &InstitutionId,
    sql: &str,
    parameter: &dyn ToSql,
    value: impl Fn(&Joined<'_, '_>) -> Result<T, Problem>,
) -> Result<Option<T>> {
    let found = ask(connection, sql, &[parameter], |row| {
        if read(row, |joined| joined.is_of(institution))? {
            return read(row, &value).map(Some);
        }
        Ok(None)
    })?;
    Ok(found.into_iter().next().flatten())
}

pub(super) fn feed(
    connection: &Connection,
    after: Cursor,
    limit: u32,
) -> Result<Vec<RecordedEvent>> {
    let place = i64::try_from(after.transaction()).unwrap_or(i64::MAX);
    let sql = events!("e.seq > ?1 ORDER BY e.seq LIMIT ?2");
    let rows = ask(connection, sql, &[&place, &limit], |row| {
        Ok(read(row, Joined::recorded))
    })?;
    let page = up_to_corrupt(rows)?;
    if page.is_empty() && limit > 0 {
        let end = feed_end(connection)?;
        if after.transaction() > end.transaction() {
            return Err(StoreError::CursorBeyondEnd { cursor: after, end });
        }
    }
    Ok(page)
}

/// The last event: the one writer at a time numbers them in the order of its commits.
pub(super) fn feed_end(connection: &Connection) -> Result<Cursor> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(seq) FROM certlife_event")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(unavailable)?;
    Ok(last.map_or(Cursor::START, cursor))
}

/// Whether the event is of this institution and of this kind, where they are given.
macro_rules! event_matches {
    () => {
        "coalesce((?2 IS NULL OR h.institution = ?2) AND (?3 IS NULL OR e.kind = ?3), 0)"
    };
}

/// Events before a number, from the last to the first, and whether each matches. What does not
/// match is not joined.
const BACKWARD: &str = concat!(
    columns!(),
    ", ",
    event_matches!(),
    " FROM certlife_event e LEFT JOIN certlife_head h ON h.application = e.application \
     LEFT JOIN certlife_application a ON a.no = CASE WHEN ",
    event_matches!(),
    " THEN e.application END LEFT JOIN certlife_institution i ON i.no = CASE WHEN ",
    event_matches!(),
    " THEN h.institution END WHERE e.seq < ?1 ORDER BY e.seq DESC"
);

pub(super) fn feed_before(
    connection: &Connection,
    institution: Option<&InstitutionId>,
    kind: Option<EventKind>,
    before: Option<Cursor>,
    limit: u32,
) -> Result<FeedPage> {
    let number = institution.map(|it| institution_number(connection, it));
    let number = number.transpose().map_err(unavailable)?;
    if number == Some(None) {
        return Ok(FeedPage::default());
    }
    let place = before.and_then(|it| i64::try_from(it.transaction()).ok());
    let kind = kind.map(|it| stored::code(&EventKind::ALL, &it));
    let parameters: [&dyn ToSql; 3] = [&place.unwrap_or(i64::MAX), &number.flatten(), &kind];
    let mut look = FeedPage::look(limit);
    each(connection, BACKWARD, &parameters, |row| {
        let place = cursor(read(row, Joined::seq)?);
        let matches: bool = row.get(21).map_err(unavailable)?;
        let recorded = matches.then(|| read(row, Joined::recorded));
        Ok(look.at(place, recorded))
    })?;
    Ok(FeedPage::of(look.page()))
}

/// Whether the filter of a list lets the head through.
macro_rules! head_matches {
    () => {
        concat!(
            "(h.institution = ?1 AND ",
            in_cells!("h", "?3"),
            " AND h.updated_at >= ?4 AND h.updated_at < ?5)"
        )
    };
}

/// Whether it lets the application through, but for its title. One that is missing is reported.
macro_rules! application_matches {
    () => {
        concat!(
            "(",
            head_matches!(),
            " AND (?6 IS NULL OR a.no IS NULL OR a.application_id = ?6))"
        )
    };
}

/// Every row that is to be looked at, and whether it matches. What does not match is not joined.
macro_rules! list_sql {
    ($applications:expr, $condition:literal, $order:literal) => {
        concat!(
            columns!(),
            // The key, also of a row whose application is missing.
            ", h.application, ",
            application_matches!(),
            " FROM ",
            $applications,
            " LEFT JOIN certlife_institution i ON i.no = h.institution \
             LEFT JOIN certlife_event e ON e.seq = CASE WHEN ",
            application_matches!(),
            " THEN h.event END WHERE ",
            $condition,
            " ORDER BY ",
            $order
        )
    };
    (all $after:literal, $order:literal) => {
        list_sql!(
            concat!(
                "certlife_head h LEFT JOIN certlife_application a ON a.no = CASE WHEN ",
                head_matches!(),
                " THEN h.application END"
            ),
            $after,
            $order
        )
    };
    (email $after:literal, $order:literal) => {
        list_sql!(
            "certlife_application a JOIN certlife_head h ON h.application = a.no",
            $after,
            $order
        )
    };
}

pub(super) fn list(connection: &Connection, query: &ListQuery) -> Result<Page> {
    let institution = institution_number(connection, &query.institution);
    let Some(institution) = institution.map_err(unavailable)? else {
        return Ok(Page::default());
    };
    let sql = match (query.order, query.filter.email.is_some()) {
        (ListOrder::OldestFirst, false) => {
            list_sql!(all "h.institution = ?1 AND h.application > ?2", "h.application")
        }
        (ListOrder::OldestFirst, true) => {
            list_sql!(email "a.applicant_email = ?7 AND a.no > ?2", "a.no")
        }
        (ListOrder::NewestFirst, false) => {
            list_sql!(all "h.institution = ?1 AND h.application < ?2", "h.application DESC")
        }
        (ListOrder::NewestFirst, true) => {
            list_sql!(email "a.applicant_email = ?7 AND a.no < ?2", "a.no DESC")
        }
    };
    let start = match query.order {
        ListOrder::OldestFirst => i64::MIN,
        ListOrder::NewestFirst => i64::MAX,
    };
    let filter = &query.filter;
    let (from, before) = filter.updated_seconds();
    let number = filter.application_id.map(|it| it.get().cast_signed());
    let email = filter.email.as_ref().map(ApplicantEmail::as_str);
    let after = query.after.map_or(start, |key| key.0);
    let cells = filter.cells.bits();
    let parameters: [&dyn ToSql; 7] = [
        &institution,
        &after,
        &cells,
        &from,
        &before,
        &number,
        &email,
    ];
    let count = if email.is_some() { 7 } else { 6 };
    let parameters = parameters.get(..count).unwrap_or_default();
    let needle = filter.title.as_ref().map(Needle::new);
    let mut look = query.look();
    each(connection, sql, parameters, |row| {
        let key = PageKey(row.get(21).map_err(unavailable)?);
        let matches = row.get(22).map_err(unavailable)?
            && has_title(row, needle.as_ref())
            && has_error(row, filter.error.as_ref());
        let application =
            matches.then(|| read(row, |joined| Ok(joined.last_event()?.application())));
        Ok(look.at(key, application))
    })?;
    Ok(Page::of(look.page()))
}

/// Whether the title contains it. Where there is none, that is reported.
fn has_title(row: &Row<'_>, part: Option<&Needle>) -> bool {
    let title = || row.get_ref(3).ok()?.as_str().ok();
    part.is_none_or(|part| title().is_none_or(|it| part.is_in(it)))
}

/// Whether it has failed with this error. Where there is none, that is reported.
fn has_error(row: &Row<'_>, error: Option<&ProcessingError>) -> bool {
    let text = || row.get_ref(12).ok()?.as_str().ok();
    error.is_none_or(|error| text().is_none_or(|it| it == error.as_str()))
}

/// Those with an application or a webhook: keys that remember a refusal name institutions as well.
pub(super) fn institutions(connection: &Connection) -> Result<Vec<InstitutionId>> {
    let sql = "SELECT id FROM certlife_institution i WHERE \
               EXISTS (SELECT 1 FROM certlife_head h WHERE h.institution = i.no) OR \
               EXISTS (SELECT 1 FROM certlife_webhook w WHERE w.institution = i.no AND w.id IS NOT NULL) \
               ORDER BY id";
    ask(connection, sql, &[], |row| {
        let id: String = row.get(0).map_err(unavailable)?;
        InstitutionId::new(&id)
            .map_err(|error| StoreError::corrupt(format!("institution {id:?}"), error.to_string()))
    })
}

pub(super) fn counts(connection: &Connection, institution: &InstitutionId) -> Result<Vec<Count>> {
    let number = institution_number(connection, institution);
    let Some(number) = number.map_err(unavailable)? else {
        return Ok(Vec::new());
    };
    let sql = "SELECT status, trigger_context, count(*), min(updated_at) FROM certlife_head \
               WHERE institution = ?1 GROUP BY status, trigger_context";
    let cells = ask(connection, sql, &[&number], |row| {
        stored::cell(row, "certlife_head", institution)
    })?;
    Ok(Count::sorted(cells))
}

/// The number of an institution, if it has ever had something.
pub(super) fn institution_number(
    connection: &Connection,
    id: &InstitutionId,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT no FROM certlife_institution WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()
}

#[cfg(test)]
#[path = "../../../tests/unit/backward.rs"]
mod tests;
