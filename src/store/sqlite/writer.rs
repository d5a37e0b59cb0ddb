//! The one writer: a thread that commits what waits in groups.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Statement};
use tokio::sync::{oneshot, watch};

use super::anchor::{Anchor, Watch, identity};
use super::busy;
use super::change::Change;
use super::connection::{open_and_migrate, set_durability};
use super::failure::{cannot_open, commit_failed, unavailable};
use super::job::{Call, Job, refusals};
use super::options::{Durability, SqliteOptions};
use super::queue::{Queue, Queued};
use super::write::Write;
use crate::store::within::Answers;
use crate::store::{Append, Atomicity, Result, StoreError};

/// The thread, and the way to it.
#[derive(Debug)]
pub(super) struct Writer {
    anchor: Anchor,
    jobs: Option<Sender<Queued>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(
        path: &Path,
        options: &SqliteOptions,
        commits: watch::Sender<()>,
    ) -> Result<(Self, Anchor)> {
        let before = identity(path).ok();
        let (mut connection, _) = open_and_migrate(path, options)?;
        let anchor = Anchor::new(path).map_err(|error| cannot_open(path, error))?;
        if anchor.is_other(before) {
            return Err(StoreError::unavailable(format!(
                "{} was replaced while it was opened",
                path.display()
            )));
        }
        let place = anchor.clone();
        let (jobs, waiting) = channel();
        let promises = (options.durability, options.busy_timeout);
        let thread = thread::Builder::new()
            .name("certificate-lifecycle-writer".to_owned())
            .spawn(move || {
                busy::wait_in_turns(&mut connection, promises.1);
                run(&connection, place, promises, &waiting, &commits);
            })
            .map_err(|error| {
                StoreError::unavailable("cannot start the writer's thread").caused_by(error)
            })?;
        let writer = Self {
            anchor: anchor.clone(),
            jobs: Some(jobs),
            thread: Some(thread),
        };
        Ok((writer, anchor))
    }

    /// The file that it writes.
    pub(super) const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Hands over a job. It is carried out even if no caller waits for the answer.
    pub(super) fn send(&self, job: Job) -> Result<()> {
        let sent = self
            .jobs
            .as_ref()
            .and_then(|jobs| jobs.send((job, Instant::now())).ok());
        sent.ok_or_else(|| StoreError::unavailable("the writer's thread has ended"))
    }
}

impl Drop for Writer {
    /// Everything that was handed over is committed before the file is closed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The writer's state, on its thread.
struct Committer<'c> {
    connection: &'c Connection,
    watch: Watch,
    /// What commands are promised.
    durability: Durability,
    /// What the connection is set to.
    current: Durability,
    /// How long a command waits while another process writes.
    patience: Duration,
    /// When the first job of the group was handed over.
    since: Instant,
    write: Write<'c>,
    begin: Statement<'c>,
    end: Statement<'c>,
    roll_back: Statement<'c>,
}

fn run(
    connection: &Connection,
    anchor: Anchor,
    promises: (Durability, Duration),
    waiting: &Receiver<Queued>,
    commits: &watch::Sender<()>,
) {
    let mut committer = match Committer::new(connection, anchor, promises) {
        Ok(committer) => committer,
        // The tables are there: they were migrated a moment ago. Every job gets the error.
        Err(error) => {
            let error = unavailable(error);
            return waiting.iter().for_each(|(job, _)| job.refuse(&error));
        }
    };
    let mut queue = Queue::new(waiting);
    while let Some((first, since)) = queue.first() {
        committer.since = since;
        // What is changed beside events is nothing that who follows them waits for.
        if committer.commit(vec![first], &mut || queue.more()) {
            commits.send_replace(());
        }
    }
}

/// Why a transaction was not committed.
enum Failed {
    /// Something about these commands; others may fare better.
    These(StoreError),
    /// Whatever the commands were.
    Any(StoreError),
}

impl<'c> Committer<'c> {
    fn new(
        connection: &'c Connection,
        anchor: Anchor,
        (durability, patience): (Durability, Duration),
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            watch: Watch::new(anchor),
            durability,
            current: durability,
            patience,
            since: Instant::now(),
            write: Write::new(connection)?,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            end: connection.prepare("COMMIT")?,
            roll_back: connection.prepare("ROLLBACK")?,
        })
    }

    /// Carries out the jobs, and those that come meanwhile, in one transaction; should that fail,
    /// each in one of its own, so that what is wrong with one does not befall the others. Says
    /// whether there were commands among them.
    fn commit(&mut self, mut jobs: Vec<Job>, more: &mut dyn FnMut() -> Option<Job>) -> bool {
        let committed = self.transaction(&mut jobs, more);
        let has_commands = jobs.iter().any(Job::appends);
        match committed {
            Ok(answers) => {
                for (job, answers) in jobs.into_iter().zip(answers) {
                    match job {
                        Job::Append(call) => call.tell(answers),
                        Job::Change(change) => change.committed(),
                    }
                }
            }
            Err(Failed::These(_)) if jobs.len() > 1 => {
                for job in jobs {
                    self.commit(vec![job], &mut || None);
                }
            }
            Err(Failed::These(error)) => {
                for job in jobs {
                    match job {
                        Job::Append(mut call) if call.atomicity == Atomicity::Each => {
                            let batch = std::mem::take(&mut call.batch);
                            call.tell(self.commit_halves(batch, &error));
                        }
                        Job::Append(_) => job.refuse(&error),
                        Job::Change(change) => self.commit_split(change, &error),
                    }
                }
            }
            Err(Failed::Any(error)) => jobs.into_iter().for_each(|job| job.refuse(&error)),
        }
        has_commands
    }

    /// The same of a change that has parts.
    fn commit_split(&mut self, mut change: Box<dyn Change>, error: &StoreError) {
        let Some(second) = change.split() else {
            return change.failed(error.clone());
        };
        for half in [change, second] {
            self.commit(vec![Job::Change(half)], &mut || None);
        }
    }

    /// Finds what is wrong with one of many commands: each half in a transaction of its own, and so
    /// on.
    fn commit_halves(&mut self, mut batch: Vec<Append>, error: &StoreError) -> Answers {
        if batch.len() < 2 {
            return refusals(&batch, error);
        }
        let second = batch.split_off(batch.len() / 2);
        let mut answers = Vec::new();
        for half in [batch, second] {
            let (answer, _) = oneshot::channel();
            let mut jobs = vec![Job::Append(Call {
                batch: half,
                atomicity: Atomicity::Each,
                answer,
            })];
            let committed = self.transaction(&mut jobs, &mut || None);
            let half = match jobs.pop() {
                Some(Job::Append(call)) => call.batch,
                _ => Vec::new(),
            };
            answers.extend(match committed {
                Ok(committed) => committed.into_iter().flatten().collect(),
                Err(Failed::These(error)) => self.commit_halves(half, &error),
                Err(Failed::Any(error)) => refusals(&half, &error),
            });
        }
        answers
    }

    /// The answers to each job; a change keeps its own.
    fn transaction(
        &mut self,
        jobs: &mut Vec<Job>,
        more: &mut dyn FnMut() -> Option<Job>,
    ) -> Result<Vec<Answers>, Failed> {
        // What came while a job before it waited has waited as well.
        busy::be_patient(self.patience.saturating_sub(self.since.elapsed()));
        // What the queue adds to these is of their sort.
        self.promise(jobs.iter().all(Job::may_be_lost))
            .and_then(|()| self.begin.execute([]))
            .map_err(|error| Failed::Any(unavailable(error)))?;
        let committed = match self.carry_out_all(jobs, more) {
            Ok(answers) => self.end().map(|()| answers).map_err(Failed::Any),
            Err(error) => Err(Failed::These(unavailable(error))),
        };
        if committed.is_err() {
            self.write.forget();
            if !self.connection.is_autocommit() {
                // Where this fails as well, the next BEGIN says so.
                let _ = self.roll_back.execute([]);
            }
        }
        committed
    }

    /// Commits, into the file that everybody finds at the path.
    fn end(&mut self) -> Result<()> {
        self.watch.check()?;
        self.end.execute([]).map_err(commit_failed)?;
        match self.watch.lost() {
            None => Ok(()),
            // It was moved in this moment, with the commit or without it.
            Some(reason) => Err(StoreError::unknown_outcome(reason)),
        }
    }

    /// Sees to it that the next commit survives what it has to.
    fn promise(&mut self, may_be_lost: bool) -> rusqlite::Result<()> {
        let wanted = if may_be_lost {
            Durability::Normal
        } else {
            self.durability
        };
        if wanted != self.current {
            set_durability(self.connection, wanted)?;
            self.current = wanted;
        }
        Ok(())
    }

    fn carry_out_all(
        &mut self,
        jobs: &mut Vec<Job>,
        more: &mut dyn FnMut() -> Option<Job>,
    ) -> rusqlite::Result<Vec<Answers>> {
        self.write.begin()?;
        let mut answers: Vec<_> = jobs
            .iter_mut()
            .map(|job| self.carry_out(job))
            .collect::<rusqlite::Result<_>>()?;
        while let Some(mut job) = more() {
            let carried_out = self.carry_out(&mut job);
            jobs.push(job);
            answers.push(carried_out?);
        }
        Ok(answers)
    }

    /// The answers to the commands of one call, within a transaction.
    fn carry_out(&mut self, job: &mut Job) -> rusqlite::Result<Answers> {
        let call = match job {
            Job::Append(call) => call,
            Job::Change(change) => {
                change.carry_out(&mut self.write)?;
                return Ok(Answers::new());
            }
        };
        match call.atomicity {
            Atomicity::Each => self.write.each(&call.batch),
            Atomicity::All => self.write.all(&call.batch),
        }
    }
}
