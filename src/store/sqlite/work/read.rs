//! Questions about background work. States: 0 never claimed, 1 due at its time.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, ToSql};

use super::find;
use crate::store::sqlite::failure::unavailable;
use crate::store::sqlite::read::{ask_past_corrupt, institution_number};
use crate::store::stored::{self, Problem};
use crate::store::work::{DueInstitution, WorkBacklog};
use crate::store::{InstitutionId, Result, StoreError};

/// What a look at the work has found.
pub(super) enum Look {
    /// So many events were not looked at yet, or more.
    Behind(usize),
    Due(Vec<DueInstitution>),
}

/// What is due, unless there is something to find first.
pub(super) fn look(connection: &Connection, institution: Option<&InstitutionId>) -> Result<Look> {
    match find::behind(connection)? {
        0 => due(connection, institution).map(Look::Due),
        behind => Ok(Look::Behind(behind)),
    }
}

pub(super) fn due(
    connection: &Connection,
    institution: Option<&InstitutionId>,
) -> Result<Vec<DueInstitution>> {
    let rows = of(
        connection,
        institution,
        (include_str!("due.sql"), 3),
        |row| stored::due_work(row),
    )?;
    let mut all: BTreeMap<InstitutionId, DueInstitution> = BTreeMap::new();
    for due in rows {
        let (has_new, at) = (due.has_new, due.at);
        let of = all.entry(due.institution.clone()).or_insert(due);
        of.has_new |= has_new;
        of.at = of.at.or(at);
    }
    Ok(all.into_values().collect())
}

pub(super) fn backlog(
    connection: &Connection,
    institution: Option<&InstitutionId>,
) -> Result<Vec<WorkBacklog>> {
    of(
        connection,
        institution,
        (include_str!("backlog.sql"), 4),
        |row| stored::work_backlog(row),
    )
}

/// The answers about one institution or all: the statement asks for those between two numbers. The
/// number of a row's institution stands in the given column.
fn of<T>(
    connection: &Connection,
    institution: Option<&InstitutionId>,
    (sql, number): (&str, usize),
    read: impl Fn(&Row<'_>) -> Result<T, Problem>,
) -> Result<Vec<T>> {
    let (first, last) = match institution {
        None => (i64::MIN, i64::MAX),
        Some(id) => match institution_number(connection, id).map_err(unavailable)? {
            None => return Ok(Vec::new()),
            Some(number) => (number, number),
        },
    };
    let parameters: [&dyn ToSql; 2] = [&first, &last];
    ask_past_corrupt(connection, sql, &parameters, |row| {
        read(row).map_err(|problem| {
            let number: i64 = row.get(number).unwrap_or_default();
            StoreError::corrupt(format!("work of institution row {number}"), problem)
        })
    })
}
