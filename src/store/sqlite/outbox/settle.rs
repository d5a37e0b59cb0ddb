//! What becomes of deliveries.

use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use uuid::Uuid;

use super::webhooks::institution_number;
use super::{state, webhooks};
use crate::store::InstitutionId;
use crate::store::outbox::{Attempt, DeliveryId, HealthChange, Outcome, Settlement, is_of_lease};

/// Where a delivery stands.
struct Standing {
    webhook: i64,
    application: i64,
    state: i64,
    token: i64,
    event: i64,
    at: i64,
    /// The number of the institution.
    institution: i64,
}

impl Standing {
    const fn is_pending(&self) -> bool {
        self.state == state::NEW || self.state == state::LATER
    }

    /// Whether it is pending and waits for a later time, under no lease.
    const fn is_put_off(&self, now: i64) -> bool {
        self.state == state::LATER && self.at > now && !is_of_lease(self.token)
    }
}

/// The statements that move deliveries on.
struct Moves<'c> {
    /// Milliseconds since 1970.
    now: i64,
    standing: CachedStatement<'c>,
    add_attempt: CachedStatement<'c>,
    close: CachedStatement<'c>,
    put_off: CachedStatement<'c>,
    next: CachedStatement<'c>,
    leased_after: CachedStatement<'c>,
    redeliver: CachedStatement<'c>,
}

pub(super) fn settle(
    connection: &Connection,
    now: DateTime<Utc>,
    settlements: &[Settlement],
    health: &[(Uuid, HealthChange)],
) -> rusqlite::Result<Vec<bool>> {
    webhooks::set_health(connection, now, health)?;
    let mut moves = Moves::new(connection, now)?;
    settlements.iter().map(|it| moves.settle(it)).collect()
}

pub(super) fn redeliver(
    connection: &Connection,
    institution: &InstitutionId,
    now: DateTime<Utc>,
    deliveries: &[DeliveryId],
) -> rusqlite::Result<u64> {
    let mut moves = Moves::new(connection, now)?;
    let mut redelivered = 0;
    let institution = institution_number(connection, institution)?;
    for id in deliveries {
        if let Some(standing) = moves.standing(*id)?
            && Some(standing.institution) == institution
            && (!standing.is_pending() || standing.is_put_off(moves.now))
        {
            let at = moves.end_of_leases_after(&standing)?;
            let at = at.map_or(moves.now, |it| it.max(moves.now));
            moves.redeliver.execute([id.0, at])?;
            redelivered += 1;
        }
    }
    Ok(redelivered)
}

pub(super) fn abandon(
    connection: &Connection,
    institution: &InstitutionId,
    now: DateTime<Utc>,
    deliveries: &[DeliveryId],
    reason: &str,
) -> rusqlite::Result<u64> {
    let mut moves = Moves::new(connection, now)?;
    let mut abandoned = 0;
    let institution = institution_number(connection, institution)?;
    for id in deliveries {
        if let Some(standing) = moves.standing(*id)?
            && Some(standing.institution) == institution
            && standing.is_pending()
        {
            // Should it be redelivered, whoever has it in hand does not end that.
            let lease = i64::from(is_of_lease(standing.token));
            let close = params![id.0, state::DEAD, moves.now, reason, 0, lease];
            moves.close.execute(close)?;
            moves.pull_next(&standing)?;
            abandoned += 1;
        }
    }
    Ok(abandoned)
}

impl<'c> Moves<'c> {
    fn new(connection: &'c Connection, now: DateTime<Utc>) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            now: now.timestamp_millis(),
            // What belongs to a webhook that was removed is gone.
            standing: prepare(
                "SELECT d.webhook, d.application, d.state, d.token, d.event, d.at, w.institution \
                 FROM certlife_delivery d \
                 JOIN certlife_webhook w ON w.no = d.webhook WHERE d.no = ?1 AND w.id IS NOT NULL",
            )?,
            add_attempt: prepare(
                "INSERT INTO certlife_attempt (delivery, at, milliseconds, status, error, excerpt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            // A token is good for one settlement.
            close: prepare(
                "UPDATE certlife_delivery SET state = ?2, at = ?3, reason = ?4, attempts = attempts + ?5, \
                 token = token + ?6 WHERE no = ?1",
            )?,
            put_off: prepare("UPDATE certlife_delivery SET state = 1, at = ?2 WHERE no = ?1")?,
            next: prepare(
                "SELECT no, iif(state = 0, created_at, at), token FROM certlife_delivery \
                 INDEXED BY certlife_delivery_lane WHERE application = ?1 AND webhook = ?2 AND state < 2 \
                 ORDER BY event LIMIT 1",
            )?,
            leased_after: prepare(
                "SELECT max(at) FROM certlife_delivery INDEXED BY certlife_delivery_lane WHERE application = ?1 \
                 AND webhook = ?2 AND event > ?3 AND state = 1 AND token & 1 = 1",
            )?,
            redeliver: prepare(
                "UPDATE certlife_delivery SET state = 1, at = ?2, attempts = 0, reason = NULL WHERE no = ?1",
            )?,
        })
    }

    fn standing(&mut self, id: DeliveryId) -> rusqlite::Result<Option<Standing>> {
        let standing = self.standing.query_row([id.0], |row| {
            Ok(Standing {
                webhook: row.get(0)?,
                application: row.get(1)?,
                state: row.get(2)?,
                token: row.get(3)?,
                event: row.get(4)?,
                at: row.get(5)?,
                institution: row.get(6)?,
            })
        });
        standing.optional()
    }

    fn settle(&mut self, settlement: &Settlement) -> rusqlite::Result<bool> {
        let id = settlement.id;
        let Some(standing) = self.standing(id)? else {
            return Ok(false);
        };
        if standing.token != settlement.token || !standing.is_pending() {
            return Ok(false);
        }
        if let Some(attempt) = &settlement.attempt {
            self.record(id, attempt)?;
        }
        let attempts = i64::from(settlement.attempt.is_some());
        let (state, at, reason) = match &settlement.outcome {
            Outcome::Delivered => (state::DELIVERED, self.now, None),
            Outcome::Dead { reason } => (state::DEAD, self.now, Some(reason.as_str())),
            Outcome::Retry { at } => (state::LATER, at.timestamp_millis(), None),
            Outcome::Released => (state::LATER, self.now, None),
        };
        self.close
            .execute(params![id.0, state, at, reason, attempts, 1])?;
        if state != state::LATER {
            self.pull_next(&standing)?;
        }
        Ok(true)
    }

    fn record(&mut self, id: DeliveryId, attempt: &Attempt) -> rusqlite::Result<()> {
        self.add_attempt.execute(params![
            id.0,
            attempt.at.timestamp_millis(),
            attempt.milliseconds.cast_signed(),
            attempt.status,
            attempt.error,
            attempt.excerpt,
        ])?;
        Ok(())
    }

    fn put_off(&mut self, delivery: i64, at: i64) -> rusqlite::Result<()> {
        self.put_off.execute([delivery, at])?;
        Ok(())
    }

    /// When the last of the leases ends on what comes after it.
    fn end_of_leases_after(&mut self, standing: &Standing) -> rusqlite::Result<Option<i64>> {
        let lane = [standing.application, standing.webhook, standing.event];
        self.leased_after.query_row(lane, |row| row.get(0))
    }

    /// A delivery is over: the next one of its application goes.
    fn pull_next(&mut self, standing: &Standing) -> rusqlite::Result<()> {
        let lane = [standing.application, standing.webhook];
        let next = self.next.query_row(lane, |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        });
        if let Some((next, at, token)) = next.optional()?
            // Under a lease, or after an attempt, it has a time of its own.
            && at > self.now
            && token == 0
        {
            self.put_off(next, self.now)?;
        }
        Ok(())
    }
}
