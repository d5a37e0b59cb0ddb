//! What waits for the writer, in groups that are worth a commit.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::job::Job;

/// The most commands of one commit, unless one call has more.
const MOST: usize = 4096;

/// How long the writer stays awake for the next job: to be woken takes about as long.
const LINGER: Duration = Duration::from_micros(50);

/// How long a group waits, at most, for those who were in the last one: about one commit.
const GATHER: Duration = Duration::from_micros(200);

/// A job, and when it was handed over.
pub(super) type Queued = (Job, Instant);

/// The jobs, in the order in which they were handed over.
pub(super) struct Queue<'q> {
    waiting: &'q Receiver<Queued>,
    /// What came after a group that it does not belong to.
    next: Option<Queued>,
    /// Whether this group is of what may be lost, and so need not wait for the disk.
    may_be_lost: bool,
    /// How many jobs the last group had.
    expected: usize,
    /// How many jobs and commands this one has.
    jobs: usize,
    commands: usize,
    /// When the first of them came.
    start: Instant,
}

impl<'q> Queue<'q> {
    pub(super) fn new(waiting: &'q Receiver<Queued>) -> Self {
        Self {
            waiting,
            next: None,
            may_be_lost: false,
            expected: 0,
            jobs: 0,
            commands: 0,
            start: Instant::now(),
        }
    }

    /// The first job of the next group; none when all who could send have gone.
    pub(super) fn first(&mut self) -> Option<Queued> {
        let queued = match self.next.take() {
            Some(queued) => queued,
            None => match self.linger(LINGER) {
                Ok(queued) => queued,
                Err(_) => self.waiting.recv().ok()?,
            },
        };
        let (job, _) = &queued;
        self.may_be_lost = job.may_be_lost();
        self.expected = std::mem::replace(&mut self.jobs, 1);
        self.commands = job.size();
        self.start = Instant::now();
        Some(queued)
    }

    /// The next job of the group; none when it is worth a commit.
    ///
    /// Callers who were answered together come back one after the other. A writer that commits the
    /// first of them at once leaves the others to a commit of their own; so, while it carries out
    /// the first, the group waits a moment for as many as came the last time.
    pub(super) fn more(&mut self) -> Option<Job> {
        while self.commands < MOST {
            match self.waiting.try_recv() {
                Ok((job, since)) if self.may_be_lost && !job.may_be_lost() => {
                    self.next = Some((job, since));
                    break;
                }
                Ok((job, _)) => {
                    self.jobs += 1;
                    self.commands += job.size();
                    return Some(job);
                }
                Err(_) if self.jobs >= self.expected || self.start.elapsed() > GATHER => break,
                Err(_) => thread::yield_now(),
            }
        }
        None
    }

    fn linger(&self, time: Duration) -> Result<Queued, TryRecvError> {
        let start = Instant::now();
        loop {
            match self.waiting.try_recv() {
                Err(TryRecvError::Empty) if start.elapsed() < time => thread::yield_now(),
                received => return received,
            }
        }
    }
}
