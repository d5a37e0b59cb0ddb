//! Leases on work. States in SQL: 0 never claimed, 1 due at its time.

use chrono::DateTime;
use rusqlite::{CachedStatement, Connection, Row, params};

use crate::lengths::later;
use crate::store::outbox::next_lease;
use crate::store::sqlite::read::{ask, institution_number};
use crate::store::sqlite::row::{BY_NUMBER, Joined};
use crate::store::stored::{self, Columns, Problem};
use crate::store::work::{LeasedWork, WorkClaim, WorkLease};
use crate::store::{InstitutionId, Result, StoreError};

/// So many rows of applications that have moved on are deleted by one claim, so that no other
/// change waits for long; the next claim meets the others.
const STALE: usize = 1024;

/// What was claimed, but for its application.
pub(super) struct Claimed {
    candidate: Candidate,
    institution: InstitutionId,
    token: i64,
    attempt: u32,
}

/// What a claim looks at.
struct Candidate {
    application: i64,
    event: i64,
    since: i64,
    token: i64,
    attempts: i64,
    /// Whether the application is still at the event.
    is_current: bool,
}

/// Takes the leases. An institution that has never had anything has no work.
pub(super) fn claim(connection: &Connection, claim: &WorkClaim) -> rusqlite::Result<Vec<Claimed>> {
    let mut queue = Queue::new(connection, claim)?;
    let mut claimed = Vec::new();
    for (institution, room) in &claim.wanted {
        if let Some(number) = institution_number(connection, institution)? {
            let room = (*room as usize, claim.again(*room) as usize);
            queue.claim_for(number, institution, room, &mut claimed)?;
        }
    }
    Ok(claimed)
}

/// What is in progress, and what a claim does to it.
struct Queue<'c> {
    /// Milliseconds since 1970.
    now: i64,
    end_of_lease: i64,
    /// How many rows may still be deleted.
    stale: usize,
    new: CachedStatement<'c>,
    later: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    lease: CachedStatement<'c>,
}

macro_rules! candidates {
    ($index:literal, $which:literal, $order:literal) => {
        concat!(
            "SELECT w.application, w.event, w.since, w.token, w.attempts, \
             h.event IS w.event AND h.institution IS w.institution \
             FROM certlife_work w INDEXED BY ",
            $index,
            " LEFT JOIN certlife_head h ON h.application = w.application \
             WHERE w.institution = ?1 AND ",
            $which,
            " ORDER BY ",
            $order,
            " LIMIT ?3 OFFSET ?4"
        )
    };
}

impl<'c> Queue<'c> {
    fn new(connection: &'c Connection, claim: &WorkClaim) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            now: claim.now.timestamp_millis(),
            end_of_lease: later(claim.now, claim.lease).timestamp_millis(),
            stale: STALE,
            new: prepare(candidates!(
                "certlife_work_new",
                "w.state = 0 AND ?2 = ?2",
                "w.event"
            ))?,
            later: prepare(candidates!(
                "certlife_work_later",
                "w.state = 1 AND w.at <= ?2",
                "w.at, w.application"
            ))?,
            delete: prepare("DELETE FROM certlife_work WHERE application = ?1")?,
            lease: prepare(
                "UPDATE certlife_work SET state = 1, at = ?2, token = ?3, attempts = ?4 \
                 WHERE application = ?1",
            )?,
        })
    }

    fn claim_for(
        &mut self,
        number: i64,
        institution: &InstitutionId,
        (room, again): (usize, usize),
        claimed: &mut Vec<Claimed>,
    ) -> rusqlite::Result<()> {
        // They stay where they are until all are found, so that a claim takes each of them once,
        // also where its leases end at once.
        let (mut new, mut later) = (Vec::new(), Vec::new());
        self.collect(number, false, again, &mut later)?;
        self.collect(number, true, room - later.len(), &mut new)?;
        self.collect(number, false, room - new.len(), &mut later)?;
        // Those that are due again and had their turn first stand before the new ones.
        let rest = later.split_off(later.len().min(again));
        for candidate in later.into_iter().chain(new).chain(rest) {
            claimed.push(self.take(candidate, institution)?);
        }
        Ok(())
    }

    /// Adds to those that were found until there are so many. What has moved on is deleted.
    fn collect(
        &mut self,
        institution: i64,
        is_new: bool,
        room: usize,
        found: &mut Vec<Candidate>,
    ) -> rusqlite::Result<()> {
        while found.len() < room && self.stale > 0 {
            let wanted = room - found.len();
            let candidates = self.candidates(institution, is_new, wanted, found.len())?;
            if candidates.is_empty() {
                break;
            }
            for candidate in candidates {
                if candidate.is_current {
                    found.push(candidate);
                } else {
                    self.delete.execute([candidate.application])?;
                    self.stale = self.stale.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    fn candidates(
        &mut self,
        institution: i64,
        is_new: bool,
        limit: usize,
        offset: usize,
    ) -> rusqlite::Result<Vec<Candidate>> {
        let statement = if is_new {
            &mut self.new
        } else {
            &mut self.later
        };
        let [limit, offset] = [limit, offset].map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let candidate = |row: &Row<'_>| {
            Ok(Candidate {
                application: row.get(0)?,
                event: row.get(1)?,
                since: row.get(2)?,
                token: row.get(3)?,
                attempts: row.get(4)?,
                is_current: row.get(5)?,
            })
        };
        let parameters = params![institution, self.now, limit, offset];
        let candidates = statement.query_map(parameters, candidate)?;
        candidates.collect()
    }

    fn take(
        &mut self,
        candidate: Candidate,
        institution: &InstitutionId,
    ) -> rusqlite::Result<Claimed> {
        let token = next_lease(candidate.token);
        // A number that no claim has written is as good as the nearest that one can write.
        let attempts = u32::try_from(candidate.attempts.max(0)).unwrap_or(u32::MAX);
        let attempt = attempts.saturating_add(1);
        self.lease.execute(params![
            candidate.application,
            self.end_of_lease,
            token,
            attempt
        ])?;
        Ok(Claimed {
            candidate,
            institution: institution.clone(),
            token,
            attempt,
        })
    }
}

/// The work with its applications. What has moved on since it was claimed is left out, and so is
/// that whose identity cannot be read: that is an error when there is nothing else. Their leases
/// end with time.
pub(super) fn with_applications(
    connection: &Connection,
    claimed: &[Claimed],
) -> Result<Vec<LeasedWork>> {
    let (mut leased, mut corrupt) = (Vec::new(), None);
    for it in claimed {
        match it.with_application(connection) {
            Ok(found) => leased.extend(found),
            Err(error @ StoreError::Corrupt { .. }) => corrupt = Some(error),
            Err(error) => return Err(error),
        }
    }
    match corrupt {
        Some(error) if leased.is_empty() => Err(error),
        _ => Ok(leased),
    }
}

impl Claimed {
    fn with_application(&self, connection: &Connection) -> Result<Option<LeasedWork>> {
        let number = self.candidate.application;
        let found = ask(connection, BY_NUMBER, &[&number], |row| {
            let joined = Joined(row);
            let leased = self.leased(&joined);
            leased.map_err(|problem| StoreError::corrupt(joined.key(), problem))
        })?;
        let missing = || {
            StoreError::corrupt(
                format!("application row {number}"),
                "it is missing".to_owned(),
            )
        };
        found.into_iter().next().ok_or_else(missing)
    }

    /// None if the application has moved on.
    fn leased(&self, joined: &Joined<'_, '_>) -> Result<Option<LeasedWork>, Problem> {
        let of = &self.candidate;
        let has_moved_on = joined.seq().is_ok_and(|it| it != of.event);
        if has_moved_on || !joined.is_of(&self.institution)? {
            return Ok(None);
        }
        let uuid = joined.0.uuid(0, "application.uuid")?;
        let since = stored::since(of.since);
        let application = joined.last_event().and_then(|it| {
            since.clone()?;
            Ok(it.application())
        });
        Ok(Some(LeasedWork {
            lease: WorkLease::new(uuid, self.token),
            institution: self.institution.clone(),
            attempt: self.attempt,
            since: since.unwrap_or(DateTime::UNIX_EPOCH),
            application: application.map_err(|problem| StoreError::corrupt(joined.key(), problem)),
        }))
    }
}
