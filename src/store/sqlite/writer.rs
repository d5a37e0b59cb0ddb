//! The one writer: a thread that commits what waits in groups.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::SqliteOptions;
use super::connection::{commit_failed, open_writer, unavailable};
use super::write::{Failure, Write};
use crate::store::{Append, Atomicity, ExecuteError, Receipt, StoreError};

/// The most commands of one commit, unless one call has more.
const MOST: usize = 4096;

pub(super) type Answers = Vec<Result<Receipt, ExecuteError>>;

/// The commands of one call.
pub(super) struct Job {
    pub(super) batch: Vec<Append>,
    pub(super) atomicity: Atomicity,
    pub(super) answer: oneshot::Sender<Answers>,
}

/// The thread, and the way to it.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(
        path: &Path,
        options: &SqliteOptions,
        commits: watch::Sender<()>,
    ) -> Result<Self, StoreError> {
        let connection = open_writer(path, options)?;
        let (jobs, waiting) = channel();
        let thread = thread::Builder::new()
            .name("certificate-lifecycle-writer".to_owned())
            .spawn(move || run(&connection, &waiting, &commits))
            .map_err(|error| StoreError::Unavailable {
                reason: "cannot start the writer's thread".to_owned(),
                cause: Some(std::sync::Arc::new(error)),
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Hands over the commands of one call. They are carried out even if nobody waits for the answer.
    pub(super) fn send(&self, job: Job) -> Result<(), StoreError> {
        let sent = self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok());
        sent.ok_or_else(|| StoreError::Unavailable {
            reason: "the writer's thread has ended".to_owned(),
            cause: None,
        })
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

fn run(connection: &Connection, waiting: &Receiver<Job>, commits: &watch::Sender<()>) {
    while let Ok(first) = waiting.recv() {
        let mut commands = first.batch.len();
        let mut jobs = vec![first];
        while commands < MOST
            && let Ok(job) = waiting.try_recv()
        {
            commands += job.batch.len();
            jobs.push(job);
        }
        commit(connection, jobs);
        commits.send_replace(());
    }
}

/// Why a transaction was not committed.
enum Failed {
    /// Something about these commands; others may fare better.
    These(StoreError),
    /// Whatever the commands were.
    Any(StoreError),
}

/// Carries out the jobs in one transaction; should that fail, each in one of its own, so that what is wrong
/// with one does not befall the others.
fn commit(connection: &Connection, jobs: Vec<Job>) {
    let error = match transaction(connection, &jobs) {
        Ok(answers) => {
            for (job, answers) in jobs.into_iter().zip(answers) {
                // Whoever does not wait any more does not want to know.
                let _ = job.answer.send(answers);
            }
            return;
        }
        Err(Failed::These(_)) if jobs.len() > 1 => {
            jobs.into_iter().for_each(|job| commit(connection, vec![job]));
            return;
        }
        Err(Failed::These(error) | Failed::Any(error)) => error,
    };
    for job in jobs {
        let answers = job.batch.iter().map(|_| Err(error.clone().into()));
        let _ = job.answer.send(answers.collect());
    }
}

fn transaction(connection: &Connection, jobs: &[Job]) -> Result<Vec<Answers>, Failed> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE").map_err(|error| Failed::Any(unavailable(error)))?;
    let carried_out: Result<Vec<_>, _> = jobs.iter().map(|job| carry_out(connection, job)).collect();
    let committed = match carried_out {
        Ok(answers) => match run("COMMIT") {
            Ok(_) => Ok(answers),
            Err(error) => Err(Failed::Any(commit_failed(error))),
        },
        Err(error) => Err(Failed::These(unavailable(error))),
    };
    if committed.is_err() && !connection.is_autocommit() {
        // Where this fails as well, the next BEGIN says so.
        let _ = run("ROLLBACK");
    }
    committed
}

/// The answers to the commands of one call, within a transaction.
fn carry_out(connection: &Connection, job: &Job) -> rusqlite::Result<Answers> {
    let each = |append| match Write(connection).append(append) {
        Ok(receipt) => Ok(Ok(receipt)),
        Err(Failure::Answer(error)) => Ok(Err(error)),
        Err(Failure::Broken(error)) => Err(error),
    };
    if job.atomicity == Atomicity::Each {
        return job.batch.iter().map(each).collect();
    }
    connection.execute_batch("SAVEPOINT all_or_none")?;
    let mut answers: Answers = job.batch.iter().map(each).collect::<rusqlite::Result<_>>()?;
    if answers.iter().any(Result::is_err) {
        connection.execute_batch("ROLLBACK TO all_or_none")?;
        for answer in &mut answers {
            if answer.is_ok() {
                *answer = Err(ExecuteError::Abandoned);
            }
        }
    }
    connection.execute_batch("RELEASE all_or_none")?;
    Ok(answers)
}
