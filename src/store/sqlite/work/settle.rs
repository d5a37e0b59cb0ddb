//! What becomes of leases. States in SQL: 0 never claimed, 1 due at its time.

use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use crate::store::outbox::is_of_lease;
use crate::store::sqlite::change::{Change, ChangeKind};
use crate::store::sqlite::write::Write;
use crate::store::work::{WorkLease, WorkOutcome, WorkSettled, WorkSettlement};
use crate::store::{ExecuteError, StoreError};

/// What a caller waits for.
pub(super) type Answer = Result<WorkSettled, ExecuteError>;

/// Puts off the ends of leases, of applications that have not moved on.
pub(super) fn renew(
    connection: &Connection,
    leases: &[WorkLease],
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<bool>> {
    let mut renew = connection.prepare_cached(
        "UPDATE certlife_work SET at = ?3 WHERE token = ?2 \
         AND application = (SELECT no FROM certlife_application WHERE uuid = ?1) \
         AND event = (SELECT h.event FROM certlife_head h WHERE h.application = certlife_work.application)",
    )?;
    let until = until.timestamp_millis();
    let mut each = |lease: &WorkLease| {
        let uuid = lease.application.as_bytes().as_slice();
        Ok(is_of_lease(lease.token) && renew.execute(params![uuid, lease.token, until])? == 1)
    };
    leases.iter().map(&mut each).collect()
}

/// Settlements on their way to the writer. If the database refuses one, the others do not suffer.
pub(super) struct Settling(Vec<Part>);

struct Part {
    settlement: WorkSettlement,
    settled: Option<Answer>,
    answer: oneshot::Sender<Answer>,
}

impl Settling {
    /// The change, and its answers.
    pub(super) fn new(settlements: Vec<WorkSettlement>) -> (Self, Vec<oneshot::Receiver<Answer>>) {
        let part = |settlement| {
            let (answer, answers) = oneshot::channel();
            let part = Part {
                settlement,
                settled: None,
                answer,
            };
            (part, answers)
        };
        let (parts, answers) = settlements.into_iter().map(part).unzip();
        (Self(parts), answers)
    }
}

impl Change for Settling {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn kind(&self) -> ChangeKind {
        let is_done = |it: &Part| matches!(it.settlement.outcome, WorkOutcome::Done(_));
        if self.0.iter().any(is_done) {
            ChangeKind::Appending
        } else {
            ChangeKind::Passing
        }
    }

    fn carry_out(&mut self, write: &mut Write<'_>) -> rusqlite::Result<()> {
        let mut moves = Moves::new(write.connection())?;
        for part in &mut self.0 {
            part.settled = Some(moves.settle(write, &part.settlement)?);
        }
        Ok(())
    }

    fn committed(self: Box<Self>) {
        for part in self.0 {
            if let Some(settled) = part.settled {
                // A caller that has gone needs no answer.
                let _ = part.answer.send(settled);
            }
        }
    }

    fn failed(self: Box<Self>, error: StoreError) {
        for part in self.0 {
            let _ = part.answer.send(Err(error.clone().into()));
        }
    }

    fn split(&mut self) -> Option<Box<dyn Change>> {
        let half = self.0.len() / 2;
        (half > 0).then(|| Box::new(Self(self.0.split_off(half))) as Box<dyn Change>)
    }
}

/// The statements that end leases.
struct Moves<'c> {
    held: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    put_off: CachedStatement<'c>,
}

impl<'c> Moves<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            held: prepare(
                "SELECT w.application FROM certlife_application a \
                 CROSS JOIN certlife_work w ON w.application = a.no WHERE a.uuid = ?1 AND w.token = ?2",
            )?,
            delete: prepare("DELETE FROM certlife_work WHERE application = ?1")?,
            // A token is good for one settlement. Nothing is put off of what has moved on.
            put_off: prepare(
                "UPDATE certlife_work SET state = 1, at = ?2, token = token + 1, \
                 attempts = max(attempts - ?3, 0), reason = ?4 WHERE application = ?1 \
                 AND event = (SELECT h.event FROM certlife_head h WHERE h.application = ?1)",
            )?,
        })
    }

    fn settle(
        &mut self,
        write: &mut Write<'_>,
        settlement: &WorkSettlement,
    ) -> rusqlite::Result<Answer> {
        let Some(application) = self.held(settlement.lease)? else {
            return Ok(Ok(WorkSettled::Lost));
        };
        let (at, back, reason) = match &settlement.outcome {
            WorkOutcome::Done(append) => {
                let answer = write.one(append)?;
                // What the store could not carry out leaves the claim.
                if matches!(answer, Ok(_) | Err(ExecuteError::Refused(_))) {
                    self.delete.execute([application])?;
                }
                return Ok(answer.map(|it| WorkSettled::Done(Box::new(it))));
            }
            WorkOutcome::Again { at, reason } => (at, 0, Some(reason)),
            WorkOutcome::Released { at, reason } => (at, 1, reason.as_ref()),
        };
        let put_off = params![application, at.timestamp_millis(), back, reason];
        if self.put_off.execute(put_off)? == 1 {
            return Ok(Ok(WorkSettled::PutOff));
        }
        self.delete.execute([application])?;
        Ok(Ok(WorkSettled::MovedOn))
    }

    /// The number of the application, if the lease is held.
    fn held(&mut self, lease: WorkLease) -> rusqlite::Result<Option<i64>> {
        if !is_of_lease(lease.token) {
            return Ok(None);
        }
        let uuid = lease.application.as_bytes().as_slice();
        self.held
            .query_row(params![uuid, lease.token], |row| row.get(0))
            .optional()
    }
}
