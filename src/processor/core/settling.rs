//! What becomes of work that has ended.

use super::super::work::{Cancelled, Outcome};
use super::{Core, Ended, Goal, Report};
use crate::instants::Instants;
use crate::lengths::later;
use crate::lifecycle::action::Command;
use crate::lifecycle::state::Status;
use crate::lifecycle::value::ProcessingError;
use crate::store::{
    Append, ExecuteError, Request, StoreError, WorkLease, WorkOutcome, WorkSettled, WorkSettlement,
};

/// The error of an application that fails for this reason: as much of it as an error can hold.
pub(super) fn processing_error(why: &str) -> ProcessingError {
    let short: String = why
        .trim()
        .chars()
        .take(ProcessingError::MAX_CHARS)
        .collect();
    let error = ProcessingError::new(short);
    let error = error.or_else(|_| ProcessingError::new("the work gave no reason"));
    // Both are texts of the right length.
    error.unwrap_or_else(|_| unreachable!())
}

impl Core {
    /// Work has ended.
    pub(super) fn ended(&mut self, now: Instants, lease: WorkLease, ended: Ended) {
        let Some(holding) = self.held.end(lease) else {
            return;
        };
        let (attempt, is_lost) = (
            holding.attempt,
            holding.cancelled == Some(Cancelled::LostLease),
        );
        if is_lost {
            self.held.remove(lease);
            self.pacing.room_came(now, self.held.running());
            return;
        }
        let (outcome, why) = match ended {
            Ended::Done(Outcome::Approve) => {
                self.done(now, lease, Command::Approve);
                ("approved", None)
            }
            Ended::Done(Outcome::Done) => {
                self.held.says_done(lease);
                // If that is true, this only ends the claim.
                let at = later(now.wall, self.options.wait_after(attempt, lease));
                let reason = "it was done, but the application has not moved on".to_owned();
                self.settle(lease, WorkOutcome::Again { at, reason });
                ("done", None)
            }
            Ended::Done(Outcome::Fail(error)) => {
                let why = Some(error.to_string());
                self.done(now, lease, Command::Fail(error));
                ("failed", why)
            }
            Ended::Done(Outcome::Again(why)) => (self.again(now, lease, attempt, &why), Some(why)),
            Ended::Done(Outcome::Later { after, why }) => {
                let at = later(now.wall, after);
                let reason = Some(why.clone());
                self.settle(lease, WorkOutcome::Released { at, reason });
                ("later", Some(why))
            }
            Ended::Broken(why) => {
                let _ = self.again(now, lease, attempt, why);
                ("broken", Some(why.to_owned()))
            }
            Ended::Cancelled(Cancelled::Timeout) => {
                let why = format!("an attempt took longer than {:?}", self.options.timeout);
                let _ = self.again(now, lease, attempt, &why);
                ("timeout", Some(why))
            }
            Ended::Cancelled(_) => {
                self.release(now, lease);
                ("released", None)
            }
        };
        self.report(Report::Attempted {
            lease,
            attempt,
            outcome,
            why,
        });
        self.pacing.room_came(now, self.held.running());
    }

    /// Tries again, or fails the application after the last attempt. What that is called.
    fn again(&mut self, now: Instants, lease: WorkLease, attempt: u32, why: &str) -> &'static str {
        if attempt >= self.options.attempts {
            self.done(now, lease, Command::Fail(processing_error(why)));
            return "failed";
        }
        let at = later(now.wall, self.options.wait_after(attempt, lease));
        let reason = why.to_owned();
        self.settle(lease, WorkOutcome::Again { at, reason });
        "again"
    }

    /// Gives the work back, so that another processor begins it: the attempt does not count.
    pub(super) fn release(&mut self, now: Instants, lease: WorkLease) {
        let (at, reason) = (now.wall, None);
        self.settle(lease, WorkOutcome::Released { at, reason });
    }

    /// The application is to move on.
    pub(super) fn done(&mut self, now: Instants, lease: WorkLease, command: Command) {
        let Some(holding) = self.held.get(lease) else {
            return;
        };
        let request = Request::transition(
            holding.institution.clone(),
            self.options.who_acts(),
            lease.application,
            command,
        );
        let append = Append {
            request: request.expecting(holding.version),
            now: now.wall,
        };
        self.settle(lease, WorkOutcome::Done(Box::new(append)));
    }

    pub(super) fn settle(&mut self, lease: WorkLease, outcome: WorkOutcome) {
        self.outcomes.add(WorkSettlement::new(lease, outcome));
    }

    /// The store has answered settlements.
    pub(super) fn settled(
        &mut self,
        now: Instants,
        settlements: Vec<WorkSettlement>,
        answers: Vec<Result<WorkSettled, ExecuteError>>,
    ) {
        let mut again = Vec::new();
        let mut is_put_off = false;
        for (settlement, answer) in settlements.into_iter().zip(answers) {
            let lease = settlement.lease;
            match answer {
                Ok(WorkSettled::Done(receipt)) => {
                    let has_failed = receipt.event.kind().status() == Status::Failed;
                    self.summary.failed += u64::from(has_failed);
                    self.summary.approved += u64::from(!has_failed);
                    self.held.remove(lease);
                }
                Ok(WorkSettled::PutOff) => {
                    let counts = matches!(settlement.outcome, WorkOutcome::Again { .. });
                    self.summary.again += u64::from(counts);
                    is_put_off = true;
                    self.held.remove(lease);
                }
                Ok(WorkSettled::MovedOn) if self.held.is_said_to_be_done(lease) => {
                    self.summary.done += 1;
                    self.held.remove(lease);
                }
                Err(ExecuteError::Store(error)) => {
                    again.extend(self.unsettled(now, settlement, error));
                }
                // The application has moved on, or another processor has taken over. A single
                // command is never abandoned.
                Ok(WorkSettled::MovedOn | WorkSettled::Lost) | Err(_) => self.dropped(lease),
            }
        }
        self.outcomes.answered(now, again);
        if is_put_off || self.goal != Goal::Stop {
            self.pacing.changed(now);
        } else {
            self.pacing.room_came(now, self.held.running());
        }
    }

    /// An outcome does not count.
    fn dropped(&mut self, lease: WorkLease) {
        self.held.remove(lease);
        self.summary.lost += 1;
        self.report(Report::LostLease(lease));
    }

    /// The store has failed to record an outcome: what is to be recorded in its place.
    fn unsettled(
        &mut self,
        now: Instants,
        settlement: WorkSettlement,
        error: StoreError,
    ) -> Option<WorkSettlement> {
        let lease = settlement.lease;
        let is_about_one = matches!(
            error,
            StoreError::RefusedByDatabase { .. } | StoreError::Corrupt { .. }
        );
        if !is_about_one {
            self.store_failed(error, "outcomes cannot be recorded");
            return Some(settlement);
        }
        let reason = error.to_string();
        self.report(Report::Refused { lease, error });
        if let WorkOutcome::Done(_) = settlement.outcome {
            let at = later(now.wall, self.options.longest_wait);
            return Some(WorkSettlement::new(
                lease,
                WorkOutcome::Again { at, reason },
            ));
        }
        // Not even that can be recorded: its lease ends.
        self.held.remove(lease);
        None
    }
}
