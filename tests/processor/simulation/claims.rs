//! What a processor makes of a claim, judged at each step. Times are those that its life has lived.

use std::time::Duration;

use certificate_lifecycle::processor::Cancelled;
use certificate_lifecycle::store::*;
use certificate_lifecycle::{Command, EventKind};
use chrono::{DateTime, TimeDelta, Utc};

use super::life::Life;
use super::record::Record;

/// Beyond a third of the lease, a renewal waits for a store that fails (2 s at most) and one slow
/// call.
const RENEWAL_BOUND: Duration = Duration::from_secs(3);

/// How long an outcome waits to be recorded: for another one, and for a store that fails.
const RECORD_BOUND: Duration = Duration::from_millis(3200);

/// How long cancelled work goes on, and a moment.
const LAST_WORDS: Duration = Duration::from_millis(1010);

/// How work has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Approve,
    Fail(String),
    Again(String),
    Later(Duration),
    Panicked,
    /// Its future was dropped, after it was cancelled for this reason.
    Dropped(Option<Cancelled>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The processor does not know of it yet.
    Claimed,
    /// The processor has the answer.
    Known,
    UnderWay,
    Ended(End),
}

/// A lease, from its claim on.
pub struct Claimed {
    pub by: usize,
    pub version: u64,
    pub attempt: u32,
    pub institution: InstitutionId,
    pub progress: Progress,
    /// Whether a settlement has taken effect.
    pub is_settled: bool,
    /// When the work began.
    begun: Duration,
    /// How long the work took, by the true time.
    took: Duration,
    /// When it was renewed last.
    renewed: Duration,
    /// When the processor heard that it is lost.
    lost: Option<Duration>,
    /// When the work ended, or its outcome could not be recorded.
    unrecorded: Duration,
    /// When the processor heard what became of it.
    over: Option<Duration>,
}

impl Claimed {
    pub const fn new(by: usize, version: u64, attempt: u32, institution: InstitutionId) -> Self {
        Self {
            by,
            version,
            attempt,
            institution,
            progress: Progress::Claimed,
            is_settled: false,
            begun: Duration::ZERO,
            took: Duration::ZERO,
            renewed: Duration::ZERO,
            lost: None,
            unrecorded: Duration::ZERO,
            over: None,
        }
    }

    /// Whether its processor knows of it, and something is still to be done about it.
    pub fn is_open(&self) -> bool {
        match self.progress {
            Progress::Claimed => false,
            Progress::UnderWay => true,
            Progress::Known | Progress::Ended(_) => self.over.is_none() && self.lost.is_none(),
        }
    }
}

impl Record {
    /// How much this processor has under way: all, and of this institution.
    pub fn under_way(&self, by: usize, institution: &InstitutionId) -> (u32, u32) {
        let all = self.claims.values();
        let all = all.filter(|it| it.by == by && it.progress == Progress::UnderWay);
        all.fold((0, 0), |(all, of), it| {
            (all + 1, of + u32::from(it.institution == *institution))
        })
    }

    /// The processor asks for work.
    pub fn claiming(&mut self, life: &Life, claim: &WorkClaim) {
        let options = &life.options;
        let share = match &options.institution {
            Some(_) => options.concurrency,
            None => (options.concurrency / (u32::try_from(claim.wanted.len()).unwrap() + 1)).max(1),
        };
        let share = share.min(options.most_of_one.unwrap_or(u32::MAX));
        let mut wanted = 0;
        for (institution, room) in &claim.wanted {
            let (_, has) = self.under_way(life.number, institution);
            wanted += room;
            self.check(has + room <= share, || {
                format!("{has} and {room} more are over the share of {share}")
            });
        }
        if let Some((institution, _)) = claim.wanted.first() {
            let (all, _) = self.under_way(life.number, institution);
            self.check(all + wanted <= options.concurrency, || {
                format!("{all} and {wanted} more are over {}", options.concurrency)
            });
        }
        self.check(claim.lease == options.lease, || "another lease".to_owned());
    }

    /// The processor has its leases.
    pub fn delivered(&mut self, life: &Life, leased: &[LeasedWork]) {
        for it in leased {
            // What still goes on under older leases is in vain.
            let of = WorkLease::new(it.lease.application, i64::MIN)..it.lease;
            let older = self.claims.range_mut(of).map(|(_, it)| it);
            for old in older.filter(|it| it.by == life.number && it.progress == Progress::UnderWay)
            {
                old.lost.get_or_insert(life.lived());
            }
            if let Some(claimed) = self.claims.get_mut(&it.lease) {
                claimed.progress = Progress::Known;
                claimed.renewed = life.lived();
            }
        }
    }

    /// Work begins.
    pub fn begun(&mut self, life: &Life, lease: WorkLease) {
        let Some(claimed) = self.claims.get_mut(&lease) else {
            return;
        };
        claimed.progress = Progress::UnderWay;
        claimed.begun = life.lived();
        claimed.took = life.world.elapsed();
        let (attempt, institution) = (claimed.attempt, claimed.institution.clone());
        let options = &life.options;
        self.check(attempt <= options.attempts, || {
            format!("attempt {attempt} of {}", options.attempts)
        });
        let (all, of) = self.under_way(life.number, &institution);
        let share = if options.institution.is_some() {
            options.concurrency
        } else {
            (options.concurrency / 2).max(1)
        };
        let share = share.min(options.most_of_one.unwrap_or(u32::MAX));
        self.check(all <= options.concurrency && of <= share, || {
            format!("{all} are under way, {of} of one: {options:?}")
        });
    }

    /// Work has ended.
    pub fn ended(&mut self, life: &Life, lease: WorkLease, end: &End) {
        if self.gone.contains(&life.number) {
            return;
        }
        let now = life.lived();
        let options = &life.options;
        let Some(claimed) = self.claims.get_mut(&lease) else {
            return;
        };
        claimed.progress = Progress::Ended(end.clone());
        claimed.unrecorded = now;
        claimed.took = life.world.elapsed() - claimed.took;
        let (took, lost) = (now - claimed.begun, claimed.lost);
        let unrenewed = now - claimed.renewed;
        self.check(took <= options.timeout + LAST_WORDS, || {
            format!("{lease:?} took {took:?}")
        });
        let vain = lost.map_or(Duration::ZERO, |lost| now - lost);
        self.check(vain <= LAST_WORDS, || {
            format!("{lease:?} went on for {vain:?} after it was lost")
        });
        self.check(
            lost.is_some() || unrenewed <= options.lease / 3 + RENEWAL_BOUND,
            || {
                format!(
                    "{lease:?} was not renewed for {unrenewed:?} of {:?}",
                    options.lease
                )
            },
        );
        self.check(*end != End::Dropped(None), || {
            format!("{lease:?} was dropped, and never cancelled")
        });
        self.count(match end {
            End::Approve => "approved",
            End::Fail(_) => "failed",
            End::Again(_) => "again",
            End::Later(_) => "later",
            End::Panicked => "panicked",
            End::Dropped(Some(Cancelled::Timeout)) => "timed out",
            End::Dropped(Some(Cancelled::LostLease)) => "cancelled, lost",
            End::Dropped(_) => "cancelled, stopped",
        });
    }

    /// The processor renews.
    pub fn renewing(&mut self, life: &Life, leases: &[WorkLease], until: DateTime<Utc>) {
        let lease = until - life.now();
        let is_right =
            (lease - TimeDelta::from_std(life.options.lease).unwrap()).num_milliseconds() == 0;
        self.check(is_right, || format!("a renewal for {lease}"));
        for it in leases {
            let Some(claimed) = self.claims.get_mut(it) else {
                continue;
            };
            let now = life.lived();
            claimed.renewed = now;
            // What it hears at this moment comes too late for the question.
            let is_past = |at: Option<Duration>| at.is_some_and(|at| at < now);
            let is_its = claimed.by == life.number;
            let holds = is_its && !is_past(claimed.lost) && !is_past(claimed.over);
            self.check(holds, || format!("{it:?} is renewed, and is lost or over"));
        }
    }

    /// The processor has the answer.
    pub fn renewal_answered(&mut self, life: &Life, leases: &[WorkLease], are_held: &[bool]) {
        for (it, is_held) in leases.iter().zip(are_held) {
            let claimed = self.claims.get_mut(it);
            let Some(claimed) = claimed.filter(|it| it.progress == Progress::UnderWay) else {
                continue;
            };
            if !is_held && claimed.lost.is_none() {
                claimed.lost = Some(life.lived());
                self.count("lost by a renewal");
            }
        }
    }

    /// The processor records outcomes.
    pub fn settling(&mut self, life: &Life, settlements: &[WorkSettlement], is_stopped: bool) {
        for it in settlements {
            let Some(claimed) = self.claims.get(&it.lease) else {
                self.check(false, || format!("{:?} was never claimed", it.lease));
                continue;
            };
            let is_its =
                claimed.by == life.number && claimed.lost.is_none() && claimed.over.is_none();
            let fits = fits(life, claimed, &it.outcome, is_stopped);
            let progress = claimed.progress.clone();
            let has_ended = matches!(progress, Progress::Ended(_));
            let waited = life.lived() - claimed.unrecorded;
            self.check(!has_ended || waited <= RECORD_BOUND, || {
                format!("the outcome of {:?} waited for {waited:?}", it.lease)
            });
            self.check(is_its, || {
                format!("{:?} settles what is lost or over", it.lease)
            });
            self.check(fits, || format!("{progress:?} settles as {:?}", it.outcome));
        }
    }

    /// The processor has the answers.
    pub fn settlements_answered(
        &mut self,
        life: &Life,
        settlements: &[WorkSettlement],
        answers: &[Result<WorkSettled, ExecuteError>],
    ) {
        for (it, answer) in settlements.iter().zip(answers) {
            let is_over = matches!(answer, Ok(_) | Err(ExecuteError::Refused(_)));
            if let Some(claimed) = self.claims.get_mut(&it.lease) {
                claimed.unrecorded = life.lived();
                claimed.over = claimed.over.or(is_over.then(|| life.lived()));
            }
            let tally = self.tallies.entry(life.number).or_default();
            match answer {
                Ok(WorkSettled::Done(receipt)) if receipt.event.kind() == EventKind::Approved => {
                    tally.0 += 1;
                }
                Ok(WorkSettled::Done(receipt)) => {
                    tally.1 += 1;
                    let error = receipt.event.application();
                    let error = error.error().map(ToString::to_string);
                    if error.is_some_and(|it| it.starts_with("none of")) {
                        self.count("none came to an end");
                    }
                }
                Ok(WorkSettled::PutOff) => {
                    tally.2 += u64::from(matches!(it.outcome, WorkOutcome::Again { .. }));
                }
                Ok(WorkSettled::MovedOn) => self.count("moved on"),
                Ok(WorkSettled::Lost) => self.count("lost by a settlement"),
                Err(ExecuteError::Refused(_)) => self.count("refused"),
                Err(_) => {}
            }
        }
    }

    /// The run of a processor has ended by itself: nothing that it knew of is left.
    pub fn run_ended(&mut self, by: usize) {
        let its = self.claims.iter().filter(|(_, it)| it.by == by);
        let left = its.filter(|(_, it)| it.is_open());
        let left: Vec<_> = left.map(|(it, of)| (*it, of.progress.clone())).collect();
        self.check(left.is_empty(), || format!("{by} has left {left:?}"));
    }
}

/// Whether this is what is to be recorded.
fn fits(life: &Life, claimed: &Claimed, outcome: &WorkOutcome, is_stopped: bool) -> bool {
    let options = &life.options;
    let fails = |why: &str| match outcome {
        WorkOutcome::Done(append) => match &append.request.operation {
            Operation::Act {
                command: Command::Fail(error),
                expected_version,
                ..
            } => error.to_string() == why && *expected_version == Some(claimed.version),
            _ => false,
        },
        _ => false,
    };
    let again = |why: &str| {
        if claimed.attempt >= options.attempts {
            return fails(why);
        }
        matches!(outcome, WorkOutcome::Again { reason, .. } if reason == why)
    };
    let releases = |text: Option<&str>| matches!(outcome, WorkOutcome::Released { reason, .. } if reason.as_deref() == text);
    let too_long = format!("an attempt took longer than {:?}", options.timeout);
    match &claimed.progress {
        Progress::Known if is_stopped && releases(None) => true,
        Progress::Known => {
            let made = claimed.attempt - 1;
            made >= options.attempts && fails(&format!("none of {made} attempts came to an end"))
        }
        Progress::Ended(End::Approve) => match outcome {
            WorkOutcome::Done(append) => matches!(
                &append.request.operation,
                Operation::Act { command: Command::Approve, expected_version, .. }
                    if *expected_version == Some(claimed.version)
            ),
            _ => false,
        },
        Progress::Ended(End::Fail(why)) => fails(why),
        Progress::Ended(End::Again(why)) => again(why),
        Progress::Ended(End::Later(_)) => releases(Some("later")),
        Progress::Ended(End::Panicked) => again("the work panicked"),
        Progress::Ended(End::Dropped(Some(Cancelled::Timeout))) => again(&too_long),
        // It may have been too late before.
        Progress::Ended(End::Dropped(Some(Cancelled::Stop))) => {
            releases(None) || claimed.took >= options.timeout && again(&too_long)
        }
        // It has not ended, or its outcome is dropped.
        Progress::Claimed | Progress::UnderWay | Progress::Ended(End::Dropped(_)) => false,
    }
}
