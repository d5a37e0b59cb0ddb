//! What becomes of deliveries. States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use chrono::{DateTime, Utc};
use rusqlite::types::Null;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use uuid::Uuid;

use super::webhooks;
use crate::store::InstitutionId;
use crate::store::outbox::{
    Attempt, DeliveryId, HealthChange, Settled, Settlement, State, can_be_redelivered, is_let_go,
    is_of_lease,
};
use crate::store::sqlite::read::institution_number;

/// Where a delivery stands.
struct Standing {
    webhook: i64,
    application: i64,
    state: State,
    token: i64,
    event: i64,
    at: i64,
    /// The number of the institution.
    institution: i64,
}

/// The statements that move deliveries on.
struct Moves<'c> {
    now: DateTime<Utc>,
    standing: CachedStatement<'c>,
    add_attempt: CachedStatement<'c>,
    close: CachedStatement<'c>,
    put_off: CachedStatement<'c>,
    next: CachedStatement<'c>,
    leased_after: CachedStatement<'c>,
    /// An attempt that stands in the delivery's row makes room for the next one.
    set_apart: CachedStatement<'c>,
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
    let (mut redelivered, millis) = (0, now.timestamp_millis());
    let institution = institution_number(connection, institution)?;
    for id in deliveries {
        if let Some(standing) = moves.standing(*id)?
            && Some(standing.institution) == institution
            && can_be_redelivered(standing.state, standing.token, standing.at, millis)
        {
            let at = moves.end_of_leases_after(&standing)?;
            let at = at.map_or(millis, |it| it.max(millis));
            moves.set_apart.execute([id.0])?;
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
            && standing.state.is_pending()
        {
            // If it is redelivered, the holder of the old lease does not end that.
            let lease = i64::from(is_of_lease(standing.token));
            let at = now.timestamp_millis();
            let state = State::Dead.code();
            let close = params![id.0, state, at, reason, 0, lease, Null, Null, Null];
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
            now,
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
                 token = token + ?6, sent_at = ?7, milliseconds = ?8, status = ?9 WHERE no = ?1",
            )?,
            put_off: prepare("UPDATE certlife_delivery SET state = 1, at = ?2 WHERE no = ?1")?,
            next: prepare(
                "SELECT no, iif(state = 0 AND token = 0, created_at, at), token FROM certlife_delivery \
                 INDEXED BY certlife_delivery_lane WHERE application = ?1 AND webhook = ?2 AND state < 2 \
                 ORDER BY event LIMIT 1",
            )?,
            leased_after: prepare(
                "SELECT max(at) FROM certlife_delivery INDEXED BY certlife_delivery_lane WHERE application = ?1 \
                 AND webhook = ?2 AND event > ?3 AND state < 2 AND token & 1 = 1",
            )?,
            set_apart: prepare(
                "INSERT INTO certlife_attempt (delivery, at, milliseconds, status) \
                 SELECT no, sent_at, milliseconds, status FROM certlife_delivery \
                 WHERE no = ?1 AND sent_at IS NOT NULL",
            )?,
            redeliver: prepare(
                "UPDATE certlife_delivery SET state = 1, at = ?2, attempts = 0, reason = NULL, \
                 sent_at = NULL, milliseconds = NULL, status = NULL WHERE no = ?1",
            )?,
        })
    }

    fn standing(&mut self, id: DeliveryId) -> rusqlite::Result<Option<Standing>> {
        let standing = self.standing.query_row([id.0], |row| {
            Ok(Standing {
                webhook: row.get(0)?,
                application: row.get(1)?,
                // What is no state is over, as PostgreSQL has it.
                state: State::from_code(row.get(2)?).unwrap_or(State::Dead),
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
        if standing.token != settlement.token || !standing.state.is_pending() {
            return Ok(false);
        }
        let attempts = i64::from(settlement.attempt.is_some());
        let Settled { state, at, reason } = settlement.outcome.settled(self.now);
        let at = at.timestamp_millis();
        let is_kept = settlement.keeps_attempt(at);
        let kept = settlement.attempt.as_ref().filter(|_| is_kept);
        if let Some(attempt) = settlement.attempt.as_ref().filter(|_| !is_kept) {
            self.record(id, attempt)?;
        }
        self.close.execute(params![
            id.0,
            state.code(),
            at,
            reason,
            attempts,
            1,
            kept.map(|it| it.at.timestamp_millis()),
            kept.map(|it| it.milliseconds.cast_signed()),
            kept.and_then(|it| it.status),
        ])?;
        if !state.is_pending() {
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
            && is_let_go(token, at, self.now.timestamp_millis())
        {
            self.put_off.execute([next, self.now.timestamp_millis()])?;
        }
        Ok(())
    }
}
