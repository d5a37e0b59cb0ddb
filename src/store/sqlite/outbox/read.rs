//! Questions about deliveries.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, ToSql};
use uuid::Uuid;

use crate::store::outbox::{
    Attempt, Backlog, Delivery, DeliveryFilter, DeliveryId, DeliveryPage, DeliveryStatus, Due,
};
use crate::store::sqlite::failure::unavailable;
use crate::store::sqlite::read::ask;
use crate::store::stored::{self, Columns, Problem};
use crate::store::{InstitutionId, Result, StoreError};

/// What the pages may take while deliveries are counted, in KiB.
const COUNTING_CACHE: i64 = 64;

/// The answers of [`ask`], past what is corrupt; that is told where there is nothing else.
fn ask_past_corrupt<T>(
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

pub(super) fn due(connection: &Connection) -> Result<Vec<Due>> {
    let rows = ask_past_corrupt(connection, include_str!("due.sql"), &[], |row| {
        stored::due(row).map_err(|problem| StoreError::corrupt(webhook_row(row, 4), problem))
    })?;
    let mut all: BTreeMap<Uuid, Due> = BTreeMap::new();
    for due in rows {
        let of = all.entry(due.webhook).or_insert(due);
        of.has_new |= due.has_new;
        of.at = of.at.or(due.at);
    }
    Ok(all.into_values().collect())
}

/// The key of a webhook whose number stands in this column.
fn webhook_row(row: &Row<'_>, at: usize) -> String {
    let number: i64 = row.get(at).unwrap_or_default();
    format!("webhook row {number}")
}

/// Deliveries that were delivered before this time, at most so many.
pub(super) fn old(connection: &Connection, before: i64, limit: u32) -> Result<Vec<i64>> {
    ask(
        connection,
        include_str!("old.sql"),
        &[&before, &limit],
        |row| row.get(0).map_err(unavailable),
    )
}

/// The many pages of a long queue are read once and not kept, so that counting it takes as much
/// memory as counting a short one.
pub(super) fn backlog(
    connection: &Connection,
    institution: Option<&InstitutionId>,
) -> Result<Vec<Backlog>> {
    const CACHE: &str = "cache_size";
    let keep = |size| connection.pragma_update(None, CACHE, size);
    let size: i64 = connection
        .pragma_query_value(None, CACHE, |row| row.get(0))
        .map_err(unavailable)?;
    keep(-COUNTING_CACHE).map_err(unavailable)?;
    let backlog = count_backlog(connection, institution);
    keep(size).map_err(unavailable)?;
    backlog
}

/// A question about the deliveries of a webhook in one state, which an index answers alone.
macro_rules! of_index {
    ($what:literal, $index:literal, $state:literal) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM certlife_delivery d INDEXED BY ",
            $index,
            " WHERE d.webhook = w.no AND d.state ",
            $state,
            ")"
        )
    };
}

fn count_backlog(
    connection: &Connection,
    institution: Option<&InstitutionId>,
) -> Result<Vec<Backlog>> {
    let sql = concat!(
        "SELECT id, enabled, new + later, (SELECT created_at FROM certlife_delivery WHERE no = first), \
         iif(new_at < later_at OR later = 0, new_at, later_at), dead, \
         (SELECT i.id FROM certlife_institution i WHERE i.no = of), no FROM \
         (SELECT *, iif(new = 0 OR later_first < new_first, later_first, new_first) AS first, \
         (SELECT created_at FROM certlife_delivery WHERE no = new_first) AS new_at \
         FROM (SELECT w.id, w.no, w.enabled, w.institution AS of, ",
        of_index!("count(*)", "certlife_delivery_new", "= 0"),
        " AS new, ",
        of_index!("min(d.no)", "certlife_delivery_new", "= 0"),
        " AS new_first, ",
        of_index!("count(*)", "certlife_delivery_later", "= 1"),
        " AS later, ",
        of_index!("min(d.no)", "certlife_delivery_later", "= 1"),
        " AS later_first, ",
        of_index!("min(d.at)", "certlife_delivery_later", "= 1"),
        " AS later_at, ",
        of_index!(
            "count(*)",
            "certlife_delivery_dead",
            "NOT BETWEEN 0 AND 2 AND +d.state = 3"
        ),
        " AS dead FROM certlife_webhook w WHERE w.id IS NOT NULL AND (?1 IS NULL OR w.institution = \
         (SELECT no FROM certlife_institution WHERE id = ?1)))) WHERE new + later + dead > 0"
    );
    let institution = institution.map(InstitutionId::as_str);
    ask_past_corrupt(connection, sql, &[&institution], |row| {
        stored::backlog(row).map_err(|problem| StoreError::corrupt(webhook_row(row, 7), problem))
    })
}

pub(super) fn attempts(
    connection: &Connection,
    institution: &InstitutionId,
    delivery: DeliveryId,
) -> Result<Vec<Attempt>> {
    let sql = "SELECT a.at, a.milliseconds, a.status, a.error, a.excerpt, a.no FROM certlife_attempt a \
               JOIN certlife_delivery d ON d.no = a.delivery JOIN certlife_webhook w ON w.no = d.webhook \
               WHERE a.delivery = ?1 AND w.id IS NOT NULL \
               AND w.institution = (SELECT no FROM certlife_institution WHERE id = ?2) ORDER BY a.no";
    ask(
        connection,
        sql,
        &[&delivery.0, &institution.as_str()],
        |row| {
            stored::attempt(row).map_err(|problem| {
                let number: i64 = row.get(5).unwrap_or_default();
                StoreError::corrupt(
                    format!("delivery {delivery}, attempt row {number}"),
                    problem,
                )
            })
        },
    )
}

/// The indexes that lead to the deliveries of a webhook, and which of these each has.
const NEW: (&str, &str) = ("certlife_delivery_new", "d.state = 0");
const LATER: (&str, &str) = ("certlife_delivery_later", "d.state = 1");
const DELIVERED: (&str, &str) = ("certlife_delivery_delivered", "d.state = 2");
const REST: (&str, &str) = ("certlife_delivery_dead", "d.state NOT BETWEEN 0 AND 2");
const DEAD: (&str, &str) = (
    "certlife_delivery_dead",
    "d.state NOT BETWEEN 0 AND 2 AND +d.state = 3",
);

/// What [`delivery`] reads.
macro_rules! columns {
    () => {
        "SELECT d.no, w.id, i.id, a.uuid, e.version, e.kind, d.state, d.attempts, d.created_at, \
         d.at, d.reason, d.token, e.application = d.application "
    };
}

/// What it needs beside a delivery.
macro_rules! joined {
    () => {
        "LEFT JOIN certlife_webhook w ON w.no = d.webhook \
         LEFT JOIN certlife_institution i ON i.no = w.institution \
         LEFT JOIN certlife_application a ON a.no = d.application LEFT JOIN certlife_event e ON e.seq = d.event "
    };
}

/// One delivery of the institution.
pub(super) fn one(
    connection: &Connection,
    institution: &InstitutionId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let sql = concat!(
        columns!(),
        "FROM certlife_delivery d ",
        joined!(),
        "WHERE d.no = ?1 AND w.id IS NOT NULL AND i.id = ?2"
    );
    let found = ask(connection, sql, &[&id.0, &institution.as_str()], |row| {
        delivery(row).map_err(|it| StoreError::corrupt(format!("delivery {id}"), it))
    })?;
    Ok(found.into_iter().next())
}

/// Those that the filter lets through, found by the index that serves it best.
pub(super) fn deliveries(
    connection: &Connection,
    institution: Option<&InstitutionId>,
    filter: &DeliveryFilter,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<DeliveryPage> {
    let size = DeliveryPage::size(limit);
    // One more tells whether there is a next page.
    let limit = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let after = after.map_or(i64::MIN, |it| it.0);
    let application = filter.application.map(|it| it.as_bytes().to_vec());
    let webhook = filter.webhook.map(|it| it.as_bytes().to_vec());
    let institution = institution.map(InstitutionId::as_str);
    let since = filter.since.map(|it| it.timestamp_micros());
    let until = filter.until.map(|it| it.timestamp_micros());
    let indexes: &[(&str, &str)] = match filter.status {
        None => &[NEW, LATER, DELIVERED, REST],
        Some(DeliveryStatus::Pending) => &[NEW, LATER],
        Some(DeliveryStatus::Delivered) => &[DELIVERED],
        Some(DeliveryStatus::Dead) => &[DEAD],
    };
    let is_narrow = matches!(
        filter.status,
        Some(DeliveryStatus::Pending | DeliveryStatus::Dead)
    );
    let asked = [
        (
            application.is_some(),
            "d.application = (SELECT no FROM certlife_application WHERE uuid = ?3)",
        ),
        (since.is_some(), "d.created_at * 1000 >= ?6"),
        (until.is_some(), "d.created_at * 1000 < ?7"),
    ];
    let mut webhooks = "SELECT w.no FROM certlife_webhook w WHERE w.id IS NOT NULL".to_owned();
    if webhook.is_some() {
        webhooks.push_str(" AND w.id = ?4");
    }
    if institution.is_some() {
        webhooks
            .push_str(" AND w.institution = (SELECT no FROM certlife_institution WHERE id = ?5)");
    }
    let mut conditions = String::new();
    for (_, condition) in asked.iter().filter(|(is_asked, _)| *is_asked) {
        conditions.push_str(" AND ");
        conditions.push_str(condition);
    }
    let states: Vec<_> = indexes.iter().map(|(_, states)| *states).collect();
    let states = states.join(" OR ");
    let rows = |index: &str, states: &str, place: &str, visible: &str| {
        format!(
            "SELECT d.no FROM certlife_delivery d {index} WHERE ({states}) AND {place} > ?1 \
             AND {visible} IN ({webhooks}){conditions}"
        )
    };
    // Who asks for everything, or for most of it, reads the table in its order.
    let rows = if application.is_some() {
        rows(
            "INDEXED BY certlife_delivery_lane",
            &states,
            "+d.no",
            "+d.webhook",
        )
    } else if webhook.is_some() || institution.is_some() || is_narrow {
        let of_each = indexes.iter().map(|(index, states)| {
            rows(&format!("INDEXED BY {index}"), states, "+d.no", "d.webhook")
        });
        of_each.collect::<Vec<_>>().join(" UNION ALL ")
    } else {
        rows("NOT INDEXED", &states, "d.no", "+d.webhook")
    };
    let sql = format!(
        "{} FROM ({rows} ORDER BY no LIMIT ?2) page CROSS JOIN certlife_delivery d ON d.no = page.no {} \
         WHERE ?3 IS ?3 AND ?4 IS ?4 AND ?5 IS ?5 AND ?6 IS ?6 AND ?7 IS ?7 ORDER BY d.no",
        columns!(),
        joined!()
    );
    let parameters: [&dyn ToSql; 7] = [
        &after,
        &limit,
        &application,
        &webhook,
        &institution,
        &since,
        &until,
    ];
    let rows = ask(connection, &sql, &parameters, |row| {
        let id = DeliveryId(row.get(0).map_err(unavailable)?);
        let corrupt = |problem| StoreError::corrupt(format!("delivery {id}"), problem);
        Ok((id, delivery(row).map_err(corrupt)))
    })?;
    Ok(DeliveryPage::of(size, rows))
}

fn delivery(row: &Row<'_>) -> Result<Delivery, Problem> {
    if row.integer_or_none(12, "event.application")? == Some(0) {
        return Err("its event belongs to another application".to_owned());
    }
    stored::delivery(row)
}
