//! Questions about deliveries. States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::milliseconds;
use crate::lifecycle::event::EventKind;
use crate::store::outbox::State;
use crate::store::postgres::{failure::failed, read, session::Session, sql::statements};
use crate::store::stored::{self, Columns};
use crate::store::{
    Attempt, Backlog, Delivery, DeliveryFilter, DeliveryId, DeliveryPage, DeliveryStatus,
    InstitutionId, ListOrder, Result, StoreError,
};

/// Deliveries as [`delivery`] reads them; to be followed by a condition.
macro_rules! deliveries {
    ($($condition:literal),+) => {
        concat!(
            "SELECT d.number, d.webhook, w.institution, a.uuid, d.version, e.kind, \
                 CASE WHEN d.state = 0 AND d.leased_until IS NOT NULL THEN 1 ELSE d.state END, d.attempts, \
                 d.created_at, CASE WHEN d.state = 0 THEN greatest(d.at, d.leased_until) ELSE d.at END, \
                 d.reason, d.token \
             FROM certlife_delivery d \
             JOIN certlife_webhook w ON w.id = d.webhook AND NOT w.removed \
             LEFT JOIN LATERAL ( \
                 SELECT a.uuid FROM certlife_application a \
                 WHERE a.institution = w.institution AND a.number = d.application OFFSET 0 \
             ) a ON true \
             LEFT JOIN certlife_event e ON e.uuid = a.uuid AND e.version = d.version WHERE ",
            $($condition),+
        )
    };
}

/// A page of them: those beyond a place, in an order.
macro_rules! page {
    ($beyond:literal, $order:literal) => {
        deliveries!(
            "d.number ",
            $beyond,
            " $1 AND d.state BETWEEN $2 AND $3 \
             AND ($4::text IS NULL OR w.institution = $4) \
             AND ($5::uuid IS NULL OR d.webhook = $5) \
             AND ($6::uuid IS NULL OR d.application = (SELECT number FROM certlife_application WHERE uuid = $6)) \
             AND ($7::bigint IS NULL OR d.created_at >= $7) \
             AND ($8::bigint IS NULL OR d.created_at < $8) \
             AND ($10::smallint IS NULL OR e.kind = $10) \
             ORDER BY d.number ",
            $order,
            " LIMIT $9"
        )
    };
}

statements! {
    OLDEST_FIRST(INT8, INT2, INT2, TEXT, UUID, UUID, INT8, INT8, INT8, INT2) = page!(">", "ASC");

    NEWEST_FIRST(INT8, INT2, INT2, TEXT, UUID, UUID, INT8, INT8, INT8, INT2) = page!("<", "DESC");

    ONE(INT8, TEXT) = deliveries!("d.number = $1 AND w.institution = $2");

    /// The one that delivered it may stand in its own row; it comes last.
    ATTEMPTS(INT8, TEXT) = "\
        SELECT a.at, a.milliseconds, a.status, a.error, a.excerpt FROM ( \
            SELECT number, at, milliseconds, status, error, excerpt FROM certlife_attempt \
            WHERE delivery = $1 \
            UNION ALL \
            SELECT NULL, sent_at, milliseconds, status, NULL, NULL FROM certlife_delivery \
            WHERE number = $1 AND sent_at IS NOT NULL \
        ) a \
        WHERE EXISTS ( \
            SELECT FROM certlife_delivery d JOIN certlife_webhook w ON w.id = d.webhook \
            WHERE d.number = $1 AND w.institution = $2 AND NOT w.removed \
        ) ORDER BY a.number";

    BACKLOG(TEXT) = "\
        SELECT w.id, w.enabled, new.count + later.count, \
            (SELECT d.created_at FROM certlife_delivery d \
             WHERE d.number = least(new.first, later.first)), \
            least(coalesce( \
                (SELECT d.created_at FROM certlife_delivery d \
                 WHERE d.webhook BETWEEN w.id AND w.id AND d.state = 0 AND d.leased_until IS NULL \
                 ORDER BY d.webhook, d.number LIMIT 1), \
                (SELECT min(d.leased_until) FROM certlife_delivery d \
                 WHERE d.webhook = w.id AND d.state = 0) \
            ), later.at), \
            dead.count, w.institution \
        FROM certlife_webhook w \
        CROSS JOIN LATERAL ( \
            SELECT count(*), min(d.number) AS first FROM certlife_delivery d \
            WHERE d.webhook = w.id AND d.state = 0 \
        ) new \
        CROSS JOIN LATERAL ( \
            SELECT count(*), min(d.number) AS first, min(d.at) AS at FROM certlife_delivery d \
            WHERE d.webhook = w.id AND d.state = 1 \
        ) later \
        CROSS JOIN LATERAL ( \
            SELECT count(*) FROM certlife_delivery d WHERE d.webhook = w.id AND d.state = 3 \
        ) dead \
        WHERE NOT w.removed AND ($1::text IS NULL OR w.institution = $1) \
            AND new.count + later.count + dead.count > 0 ORDER BY w.id";
}

/// The first and the last of the states in which a delivery of this status can be, or of all.
const fn states(status: Option<DeliveryStatus>) -> (i16, i16) {
    match status {
        None => (i16::MIN, i16::MAX),
        Some(DeliveryStatus::Pending) => (State::New.code(), State::Later.code()),
        Some(DeliveryStatus::Delivered) => (State::Delivered.code(), State::Delivered.code()),
        Some(DeliveryStatus::Dead) => (State::Dead.code(), State::Dead.code()),
    }
}

/// One delivery of the institution.
pub(super) async fn one(
    client: &Session,
    institution: &InstitutionId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let rows = read::query(client, ONE, &[&id.0, &institution.as_str()]).await?;
    let found = rows.first().map(delivery).transpose()?;
    found.map(|(_, delivery)| delivery).transpose()
}

pub(super) async fn list(
    client: &Session,
    institution: Option<&InstitutionId>,
    filter: &DeliveryFilter,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<DeliveryPage> {
    let size = DeliveryPage::size(limit);
    // One more tells whether there is a next page.
    let limit = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let (first, last) = states(filter.status);
    let institution = institution.map(InstitutionId::as_str);
    // A fraction of a millisecond is none of a time that is kept.
    let bound = |time: DateTime<Utc>| {
        let whole = milliseconds(time);
        whole + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000_000))
    };
    let kind = filter.kind.map(|it| stored::code(&EventKind::ALL, &it));
    let (question, start) = match filter.order {
        ListOrder::OldestFirst => (OLDEST_FIRST, i64::MIN),
        ListOrder::NewestFirst => (NEWEST_FIRST, i64::MAX),
    };
    let parameters: [(&(dyn ToSql + Sync), Type); 10] = [
        (&after.map_or(start, |it| it.0), Type::INT8),
        (&first, Type::INT2),
        (&last, Type::INT2),
        (&institution, Type::TEXT),
        (&filter.webhook, Type::UUID),
        (&filter.application, Type::UUID),
        (&filter.since.map(bound), Type::INT8),
        (&filter.until.map(bound), Type::INT8),
        (&limit, Type::INT8),
        (&kind, Type::INT2),
    ];
    // Not prepared: which plan is good depends on what is asked for.
    let rows = client
        .query_typed(question, &parameters)
        .await
        .map_err(failed)?;
    let rows: Vec<_> = rows.iter().map(delivery).collect::<Result<_, _>>()?;
    Ok(DeliveryPage::of(size, rows))
}

/// The number of a row, and what it says.
fn delivery(row: &Row) -> Result<(DeliveryId, Result<Delivery>)> {
    let id = DeliveryId(row.try_get(0).map_err(failed)?);
    let corrupt = |problem| StoreError::corrupt(format!("delivery {id}"), problem);
    Ok((id, stored::delivery(row).map_err(corrupt)))
}

pub(super) async fn attempts(
    client: &Session,
    institution: &InstitutionId,
    delivery: DeliveryId,
) -> Result<Vec<Attempt>> {
    let parameters: [&(dyn ToSql + Sync); 2] = [&delivery.0, &institution.as_str()];
    let rows = read::query(client, ATTEMPTS, &parameters).await?;
    let attempt = |row: &Row| {
        stored::attempt(row).map_err(|problem| {
            StoreError::corrupt(format!("an attempt of delivery {delivery}"), problem)
        })
    };
    rows.iter().map(attempt).collect()
}

pub(super) async fn backlog(
    client: &Session,
    institution: Option<&InstitutionId>,
) -> Result<Vec<Backlog>> {
    let institution = institution.map(InstitutionId::as_str);
    let rows = read::query(client, BACKLOG, &[&institution]).await?;
    let of_webhook = |row: &Row| {
        stored::backlog(row).map_err(|problem| {
            let webhook = row.uuid(0, "webhook.id").unwrap_or_default();
            StoreError::corrupt(format!("webhook {webhook}"), problem)
        })
    };
    rows.iter().map(of_webhook).collect()
}
