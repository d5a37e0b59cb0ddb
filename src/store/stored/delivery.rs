//! What databases keep of deliveries and attempts.

use chrono::DateTime;

use super::{Columns, Problem, decode};
use crate::lifecycle::event::EventKind;
use crate::store::outbox::{Attempt, Backlog, Delivery, DeliveryId, Due, State, is_of_lease};

/// From the columns number, webhook, institution, application, version, kind, state, attempts,
/// `created_at`, at, reason, token.
pub(in crate::store) fn delivery(row: &impl Columns) -> Result<Delivery, Problem> {
    let Some(kind) = row.integer_or_none(5, "event.kind")? else {
        let version = row.integer(4, "event.version")?;
        return Err(format!("its event at version {version} is missing"));
    };
    let state = State::from_code(row.integer(6, "delivery.state")?)?;
    let created_at = row.time(8, "delivery.created_at")?;
    Ok(Delivery {
        id: DeliveryId(row.integer(0, "delivery.number")?),
        webhook: row.uuid(1, "webhook.id")?,
        institution: row.institution(2)?,
        application: row.uuid(3, "application.uuid")?,
        version: row.count(4, "event.version")?,
        kind: decode(&EventKind::ALL, "kind", kind)?,
        status: state.status(),
        attempts: row.count(7, "delivery.attempts")?,
        created_at,
        at: match state {
            State::New => created_at,
            _ => row.time(9, "delivery.at")?,
        },
        is_leased: state.is_pending() && is_of_lease(row.integer(11, "delivery.token")?),
        reason: row.text_or_none(10, "delivery.reason")?,
    })
}

/// From the columns at, milliseconds, status, error, excerpt.
pub(in crate::store) fn attempt(row: &impl Columns) -> Result<Attempt, Problem> {
    let status = row.integer_or_none(2, "attempt.status")?.map(|it| {
        u16::try_from(it).map_err(|_| format!("attempt.status must be that of HTTP, but is {it}"))
    });
    Ok(Attempt {
        at: row.time(0, "attempt.at")?,
        milliseconds: row.count(1, "attempt.milliseconds")?,
        status: status.transpose()?,
        error: row.text_or_none(3, "attempt.error")?,
        excerpt: row.text_or_none(4, "attempt.excerpt")?,
    })
}

/// From the columns webhook, `not_before`, whether something is new, at.
pub(in crate::store) fn due(row: &impl Columns) -> Result<Due, Problem> {
    let not_before = row.integer_or_none(1, "webhook.not_before")?;
    Ok(Due {
        webhook: row.uuid(0, "webhook.id")?,
        // Where it is none, the webhook is corrupt, as the claim tells.
        not_before: not_before.and_then(DateTime::from_timestamp_millis),
        has_new: row.flag(2, "has_new")?,
        at: row.nearest_time(3, "delivery.at")?,
    })
}

/// From the columns webhook, enabled, pending, oldest, `first_due`, dead, institution.
pub(in crate::store) fn backlog(row: &impl Columns) -> Result<Backlog, Problem> {
    Ok(Backlog {
        webhook: row.uuid(0, "webhook.id")?,
        institution: row.institution(6)?,
        is_enabled: row.flag(1, "webhook.enabled")?,
        pending: row.count(2, "pending")?,
        oldest: row.nearest_time(3, "delivery.created_at")?,
        first_due: row.nearest_time(4, "delivery.at")?,
        dead: row.count(5, "dead")?,
    })
}
