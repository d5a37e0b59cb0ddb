//! Leases on what is due. States in SQL: 0 new, 1 later, 2 delivered, 3 dead (`State`).

use chrono::DateTime;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::webhooks;
use crate::lengths::later;
use crate::store::outbox::{
    Claim, DeliveryId, LOOK_AGAIN, LeasedDelivery, State, Webhook, next_lease, wait_until,
};
use crate::store::sqlite::change::Outcome;
use crate::store::sqlite::read::event_by_seq;
use crate::store::stored::from_millis;
use crate::store::{InstitutionId, Result, StoreError};

/// In each turn, so many are looked at for each delivery that there is room for: most may turn out
/// to wait for an earlier one. The others are looked at by the next claim.
const LOOKS: usize = 4;

/// A delivery that was claimed, but for its event.
pub(super) struct Leased {
    candidate: Candidate,
    webhook: Uuid,
    institution: InstitutionId,
    token: i64,
}

impl Leased {
    /// The delivery with its event, or with why it has none.
    pub(super) fn with_event(&self, connection: &Connection) -> Result<LeasedDelivery> {
        let of = &self.candidate;
        let mut event = match event_by_seq(connection, &self.institution, of.event) {
            Ok(Some((recorded, _))) => Ok(recorded.event),
            Ok(None) => {
                let (event, institution) = (of.event, self.institution.as_str());
                Err(format!("institution {institution:?} has no event {event}"))
            }
            Err(corrupt @ StoreError::Corrupt { .. }) => Err(corrupt.to_string()),
            Err(error) => return Err(error),
        };
        let created_at =
            from_millis("delivery.created_at", of.created_at).unwrap_or_else(|problem| {
                event = Err(problem);
                DateTime::UNIX_EPOCH
            });
        Ok(LeasedDelivery {
            id: DeliveryId(of.delivery),
            webhook: self.webhook,
            token: self.token,
            attempts: of.attempts,
            created_at,
            event,
        })
    }
}

/// What a claim looks at of a pending delivery.
struct Candidate {
    delivery: i64,
    application: i64,
    event: i64,
    attempts: u32,
    created_at: i64,
    token: i64,
}

/// Takes the leases. A webhook whose settings are corrupt does not keep the others from being
/// claimed for; it is an error when there is nothing else.
pub(super) fn claim(
    connection: &Connection,
    claim: &Claim,
) -> Outcome<(Vec<Leased>, Vec<Webhook>)> {
    let mut queue = Queue::new(connection, claim)?;
    let (mut leased, mut webhooks, mut corrupt) = (Vec::new(), Vec::new(), None);
    for (id, room) in &claim.wanted {
        match webhooks::with_number(connection, *id)? {
            Some((number, Ok(webhook))) if webhook.endpoint.is_enabled() => {
                let before = leased.len();
                let room = (*room as usize, claim.again(*room) as usize);
                queue.claim_for(number, &webhook, room, &mut leased)?;
                webhooks.extend((leased.len() > before).then_some(webhook));
            }
            Some((_, Err(error))) => corrupt = Some(error),
            _ => {}
        }
    }
    Ok(match corrupt {
        Some(error) if leased.is_empty() => Err(error),
        _ => Ok((leased, webhooks)),
    })
}

/// What is pending, and what a claim does to it.
struct Queue<'c> {
    /// Milliseconds since 1970.
    now: i64,
    end_of_lease: i64,
    soon: i64,
    new: CachedStatement<'c>,
    later: CachedStatement<'c>,
    earlier: CachedStatement<'c>,
    put_off: CachedStatement<'c>,
    lease: CachedStatement<'c>,
}

macro_rules! candidates {
    ($index:literal, $which:literal, $order:literal) => {
        concat!(
            "SELECT no, application, event, attempts, created_at, token FROM certlife_delivery INDEXED BY ",
            $index,
            " WHERE webhook = ?1 AND ",
            $which,
            " ORDER BY ",
            $order,
            " LIMIT ?3"
        )
    };
}

impl<'c> Queue<'c> {
    fn new(connection: &'c Connection, claim: &Claim) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        let now = claim.now.timestamp_millis();
        let after = |length| later(claim.now, length).timestamp_millis();
        Ok(Self {
            now,
            end_of_lease: after(claim.lease),
            soon: after(LOOK_AGAIN),
            new: prepare(candidates!(
                "certlife_delivery_new",
                "state = 0 AND (token = 0 OR at <= ?2)",
                "no"
            ))?,
            later: prepare(candidates!(
                "certlife_delivery_later",
                "state = 1 AND at <= ?2",
                "at, no"
            ))?,
            earlier: prepare(
                "SELECT iif(state = 0 AND token = 0, created_at, at) FROM certlife_delivery INDEXED BY certlife_delivery_lane \
                 WHERE application = ?1 AND webhook = ?2 AND event < ?3 AND state < 2 \
                 ORDER BY event LIMIT 1",
            )?,
            put_off: prepare("UPDATE certlife_delivery SET state = 1, at = ?2 WHERE no = ?1")?,
            // What is new stays new: no index changes.
            lease: prepare("UPDATE certlife_delivery SET at = ?2, token = ?3 WHERE no = ?1")?,
        })
    }

    fn claim_for(
        &mut self,
        number: i64,
        webhook: &Webhook,
        (room, again): (usize, usize),
        leased: &mut Vec<Leased>,
    ) -> rusqlite::Result<()> {
        let start = leased.len();
        let turns = [
            (State::Later, again),
            (State::New, room),
            (State::Later, room),
        ];
        for (state, until) in turns {
            let mut looks = room.saturating_mul(LOOKS);
            while leased.len() - start < until {
                let wanted = (until + start - leased.len()).min(looks);
                let candidates = self.candidates(number, state, wanted)?;
                if candidates.is_empty() {
                    break;
                }
                for candidate in candidates {
                    looks -= 1;
                    if let Some(token) = self.take(number, &candidate)? {
                        leased.push(Leased {
                            candidate,
                            webhook: webhook.id,
                            institution: webhook.institution.clone(),
                            token,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    fn candidates(
        &mut self,
        webhook: i64,
        state: State,
        limit: usize,
    ) -> rusqlite::Result<Vec<Candidate>> {
        let statement = match state {
            State::New => &mut self.new,
            _ => &mut self.later,
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let candidate = |row: &Row<'_>| {
            Ok(Candidate {
                delivery: row.get(0)?,
                application: row.get(1)?,
                event: row.get(2)?,
                attempts: row.get(3)?,
                created_at: row.get(4)?,
                token: row.get(5)?,
            })
        };
        let candidates = statement.query_map(params![webhook, self.now, limit], candidate)?;
        candidates.collect()
    }

    /// Takes the lease and answers with its token, unless an earlier delivery of its application is
    /// pending: then it is put off.
    fn take(&mut self, webhook: i64, candidate: &Candidate) -> rusqlite::Result<Option<i64>> {
        let lane = params![candidate.application, webhook, candidate.event];
        let earlier = self.earlier.query_row(lane, |row| row.get::<_, i64>(0));
        if let Some(at) = earlier.optional()? {
            let until = wait_until(candidate.token, at, self.end_of_lease, self.soon);
            self.put_off.execute([candidate.delivery, until])?;
            return Ok(None);
        }
        let token = next_lease(candidate.token);
        let lease = [candidate.delivery, self.end_of_lease, token];
        self.lease.execute(lease)?;
        Ok(Some(token))
    }
}
