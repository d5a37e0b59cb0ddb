//! What waits for the writer, in groups that are worth a commit.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::writer::Job;

/// The most commands of one commit, unless one call has more.
const MOST: usize = 4096;

/// How long the writer stays awake for the next job: to be woken takes about as long.
const LINGER: Duration = Duration::from_micros(50);

/// How long a group waits, at most, for those who were in the last one: about one commit.
const GATHER: Duration = Duration::from_micros(200);

/// The jobs, in the order in which they were handed over.
pub(super) struct Queue<'q> {
    waiting: &'q Receiver<Job>,
    /// How many jobs the last group had.
    last: usize,
}

impl<'q> Queue<'q> {
    pub(super) const fn new(waiting: &'q Receiver<Job>) -> Self {
        Self { waiting, last: 0 }
    }

    /// The next group; none when all who could send have gone.
    ///
    /// Callers who were answered together come back one after the other. Whoever commits the first
    /// of them at once leaves the others to a commit of their own; so the group waits a moment for as many
    /// as came the last time.
    pub(super) fn next(&mut self) -> Option<Vec<Job>> {
        let first = match self.linger(LINGER) {
            Ok(job) => job,
            Err(_) => self.waiting.recv().ok()?,
        };
        let mut commands = first.batch.len();
        let mut jobs = vec![first];
        let start = Instant::now();
        while commands < MOST {
            match self.waiting.try_recv() {
                Ok(job) => {
                    commands += job.batch.len();
                    jobs.push(job);
                }
                Err(_) if jobs.len() >= self.last || start.elapsed() > GATHER => break,
                Err(_) => thread::yield_now(),
            }
        }
        self.last = jobs.len();
        Some(jobs)
    }

    fn linger(&self, time: Duration) -> Result<Job, TryRecvError> {
        let start = Instant::now();
        loop {
            match self.waiting.try_recv() {
                Err(TryRecvError::Empty) if start.elapsed() < time => thread::yield_now(),
                received => return received,
            }
        }
    }
}
