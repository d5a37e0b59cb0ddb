//! Questions about deliveries. States: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, ToSql};
use uuid::Uuid;

use crate::lifecycle::event::EventKind;
use crate::store::outbox::{
    Attempt, Backlog, Delivery, DeliveryFilter, DeliveryId, DeliveryPage, DeliveryStatus, Due,
    KEPT_WITHIN,
};
use crate::store::sqlite::failure::unavailable;
use crate::store::sqlite::read::{ask, ask_past_corrupt};
use crate::store::stored::{self, Columns, Problem};
use crate::store::{InstitutionId, ListOrder, Result, StoreError};

/// What the pages may take while deliveries are counted, in KiB.
const COUNTING_CACHE: i64 = 64;

pub(super) fn due(connection: &Connection) -> Result<Vec<Due>> {
    let rows = ask_past_corrupt(connection, include_str!("due.sql"), &[], |row| {
        stored::due(row).map_err(|problem| StoreError::corrupt(webhook_row(row, 4), problem))
    })?;
    let mut all: BTreeMap<Uuid, Due> = BTreeMap::new();
    for due in rows {
        let of = all.entry(due.webhook).or_insert(due);
        of.has_new |= due.has_new;
        of.at = of.at.into_iter().chain(due.at).min();
    }
    Ok(all.into_values().collect())
}

/// The key of a webhook whose number stands in this column.
fn webhook_row(row: &Row<'_>, at: usize) -> String {
    let number: i64 = row.get(at).unwrap_or_default();
    format!("webhook row {number}")
}

/// Deliveries that were delivered before this time, or have an attempt in their row that was made
/// before it, at most so many.
pub(super) fn old(connection: &Connection, before: i64, limit: u32) -> Result<Vec<i64>> {
    ask(
        connection,
        include_str!("old.sql"),
        &[&before, &limit, &KEPT_WITHIN],
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
         coalesce((SELECT d.created_at FROM certlife_delivery d INDEXED BY certlife_delivery_new \
         WHERE d.webhook = counted.no AND d.state = 0 AND d.token = 0 LIMIT 1), \
         (SELECT min(d.at) FROM certlife_delivery d INDEXED BY certlife_delivery_new \
         WHERE d.webhook = counted.no AND d.state = 0)) AS new_at \
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
         (SELECT no FROM certlife_institution WHERE id = ?1))) counted) WHERE new + later + dead > 0"
    );
    let institution = institution.map(InstitutionId::as_str);
    ask_past_corrupt(connection, sql, &[&institution], |row| {
        stored::backlog(row).map_err(|problem| StoreError::corrupt(webhook_row(row, 7), problem))
    })
}

/// Stands for the number of an attempt that is in the row of its delivery.
const ITS_OWN: i64 = i64::MAX;

pub(super) fn attempts(
    connection: &Connection,
    institution: &InstitutionId,
    delivery: DeliveryId,
) -> Result<Vec<Attempt>> {
    // The one that delivered it may stand in its own row; it comes last.
    let sql = "SELECT a.at, a.milliseconds, a.status, a.error, a.excerpt, a.no FROM ( \
                   SELECT at, milliseconds, status, error, excerpt, no, delivery FROM certlife_attempt \
                   WHERE delivery = ?1 \
                   UNION ALL \
                   SELECT sent_at, milliseconds, status, NULL, NULL, ?3, no FROM certlife_delivery \
                   WHERE no = ?1 AND sent_at IS NOT NULL \
               ) a \
               JOIN certlife_delivery d ON d.no = a.delivery JOIN certlife_webhook w ON w.no = d.webhook \
               WHERE w.id IS NOT NULL \
               AND w.institution = (SELECT no FROM certlife_institution WHERE id = ?2) ORDER BY a.no";
    ask(
        connection,
        sql,
        &[&delivery.0, &institution.as_str(), &ITS_OWN],
        |row| {
            stored::attempt(row).map_err(|problem| {
                let row = match row.get(5).unwrap_or_default() {
                    ITS_OWN => format!("delivery {delivery}, the attempt in its row"),
                    number => format!("delivery {delivery}, attempt row {number}"),
                };
                StoreError::corrupt(row, problem)
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
        "SELECT d.no, w.id, i.id, a.uuid, e.version, e.kind, iif(d.state = 0 AND d.token <> 0, 1, d.state), \
         d.attempts, d.created_at, \
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

/// The way to the deliveries of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// By the index of what goes to one webhook about one application.
    Lane,
    /// By the indexes of each webhook and state.
    PerWebhook,
    /// Through the table in its order: most of it is asked for.
    Table,
}

impl Route {
    fn of(institution: Option<&InstitutionId>, filter: &DeliveryFilter) -> Self {
        use DeliveryStatus::{Dead, Pending};

        if filter.application.is_some() {
            Self::Lane
        } else if institution.is_some()
            || filter.webhook.is_some()
            || matches!(filter.status, Some(Pending | Dead))
        {
            Self::PerWebhook
        } else {
            Self::Table
        }
    }

    /// The numbers of the deliveries of this status that meet the conditions.
    fn numbers(self, wanted: Option<DeliveryStatus>, conditions: &str) -> String {
        let indexes: &[(&str, &str)] = match wanted {
            None => &[NEW, LATER, DELIVERED, REST],
            Some(DeliveryStatus::Pending) => &[NEW, LATER],
            Some(DeliveryStatus::Delivered) => &[DELIVERED],
            Some(DeliveryStatus::Dead) => &[DEAD],
        };
        let select = |way: &str, states: &str| {
            format!("SELECT d.no FROM certlife_delivery d {way} WHERE ({states}){conditions}")
        };
        let states: Vec<_> = indexes.iter().map(|(_, states)| *states).collect();
        let states = states.join(" OR ");
        match self {
            Self::Lane => select("INDEXED BY certlife_delivery_lane", &states),
            Self::Table => select("NOT INDEXED", &states),
            Self::PerWebhook => {
                let of_each = indexes.iter().map(|(index, of_index)| {
                    let way = format!("INDEXED BY {index}");
                    select(&way, of_index)
                });
                of_each.collect::<Vec<_>>().join(" UNION ALL ")
            }
        }
    }
}

/// Conditions in SQL, and the values of their parameters.
#[derive(Default)]
struct Sql {
    text: String,
    parameters: Vec<Value>,
}

impl Sql {
    /// A new parameter with this value.
    fn parameter(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }

    /// Adds a condition, in which `$` stands for the value, if there is a value.
    fn and(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            let condition = condition.replace('$', &self.parameter(value));
            self.text.push_str(" AND ");
            self.text.push_str(&condition);
        }
    }
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
    let route = Route::of(institution, filter);
    // A plus keeps SQLite from other indexes than those of the route.
    let (number, webhook) = match route {
        Route::Lane => ("+d.no", "+d.webhook"),
        Route::PerWebhook => ("+d.no", "d.webhook"),
        Route::Table => ("d.no", "+d.webhook"),
    };
    let (beyond, first, order) = match filter.order {
        ListOrder::OldestFirst => (">", i64::MIN, "ASC"),
        ListOrder::NewestFirst => ("<", i64::MAX, "DESC"),
    };
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let mut sql = Sql::default();
    let place = format!("{number} {beyond} $");
    sql.and(&place, Some(after.map_or(first, |it| it.0)));
    sql.and(
        "d.application = (SELECT no FROM certlife_application WHERE uuid = $)",
        filter.application.map(bytes),
    );
    sql.and(
        "d.created_at * 1000 >= $",
        filter.since.map(|it| it.timestamp_micros()),
    );
    sql.and(
        "d.created_at * 1000 < $",
        filter.until.map(|it| it.timestamp_micros()),
    );
    sql.and(
        "(SELECT e.kind FROM certlife_event e WHERE e.seq = d.event) = $",
        filter.kind.map(|it| stored::code(&EventKind::ALL, &it)),
    );
    sql.text.push_str(" AND ");
    sql.text.push_str(webhook);
    sql.text
        .push_str(" IN (SELECT w.no FROM certlife_webhook w WHERE w.id IS NOT NULL");
    sql.and("w.id = $", filter.webhook.map(bytes));
    sql.and(
        "w.institution = (SELECT no FROM certlife_institution WHERE id = $)",
        institution.map(|it| it.as_str().to_owned()),
    );
    sql.text.push(')');
    // One more tells whether there is a next page.
    let limit = sql.parameter(i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1));
    let text = format!(
        "{} FROM ({} ORDER BY no {order} LIMIT {limit}) page \
         CROSS JOIN certlife_delivery d ON d.no = page.no {} ORDER BY d.no {order}",
        columns!(),
        route.numbers(filter.status, &sql.text),
        joined!()
    );
    let parameters: Vec<&dyn ToSql> = sql.parameters.iter().map(|it| it as _).collect();
    let rows = ask(connection, &text, &parameters, |row| {
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

#[cfg(test)]
#[path = "../../../../tests/unit/delivery_routes.rs"]
mod tests;
