//! What a backend does for an application in progress.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::value::ProcessingError;
use crate::store::InstitutionId;

/// An application in progress that is to be worked on.
#[derive(Clone)]
#[non_exhaustive]
pub struct Work {
    /// The application, as it was when it was claimed.
    pub application: AnyApplication,
    /// Whose it is.
    pub institution: InstitutionId,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// When the attempt is cancelled.
    pub deadline: DateTime<Utc>,
}

impl Work {
    /// Work on this application, for tests of a backend's own.
    #[must_use]
    pub const fn new(
        application: AnyApplication,
        institution: InstitutionId,
        attempt: u32,
        deadline: DateTime<Utc>,
    ) -> Self {
        Self {
            application,
            institution,
            attempt,
            deadline,
        }
    }

    /// The application's identity.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.application.uuid()
    }

    /// The version that is worked on: only from this one the application moves on.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.application.version()
    }

    /// The key for what the work does elsewhere, `processing:<uuid>:<version>`: it is the same in
    /// each attempt, and another one once an administrator has retried the application.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("processing:{}:{}", self.uuid(), self.version())
    }
}

impl fmt::Debug for Work {
    /// Without the details: they are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("uuid", &self.uuid())
            .field("version", &self.version())
            .field("institution", &self.institution)
            .field("attempt", &self.attempt)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// What came of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done: the application is approved.
    Approve,
    /// It is done, and the work itself has moved the application on from
    /// [`Work::version`], in a transaction of its own ([`Engine::within`]): the claim ends, and
    /// nothing else is recorded. If the application has not moved on, this is
    /// [`Again`](Self::Again).
    ///
    /// [`Engine::within`]: crate::engine::Engine::within
    Done,
    /// It cannot be done: the application fails, with this error in the event.
    Fail(ProcessingError),
    /// It was not done this time, because of this: it is tried again after a while. It counts as an
    /// attempt; after the last, the application fails with this text. Until then nothing goes out
    /// to webhooks.
    ///
    /// The store keeps the text, and the log shows it: it should name no person. The applicant's
    /// address and the title are taken out of it.
    Again(String),
    /// It cannot be done yet: it is tried again after this time. It does not count as an attempt.
    Later {
        /// How long it waits.
        after: Duration,
        /// Why; see [`Again`](Self::Again).
        why: String,
    },
}

/// Why work is to end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cancelled {
    /// It has taken longer than [`ProcessorOptions::timeout`](super::ProcessorOptions::timeout).
    Timeout,
    /// The processor stops.
    Stop,
    /// Another processor has taken over, or the application has moved on. Whatever comes of the
    /// work is dropped.
    LostLease,
}

/// What a processor tells the work while it is under way.
#[derive(Debug, Clone)]
pub struct Control {
    cancelled: watch::Receiver<Option<Cancelled>>,
}

impl Control {
    pub(super) fn new() -> (watch::Sender<Option<Cancelled>>, Self) {
        let (sender, cancelled) = watch::channel(None);
        (sender, Self { cancelled })
    }

    /// Waits until the work is to end. It then has a second before its future is dropped; what it
    /// returns by then counts, unless the lease is lost.
    pub async fn cancelled(&self) -> Cancelled {
        let mut cancelled = self.cancelled.clone();
        let why = cancelled.wait_for(Option::is_some).await;
        // Without its processor, the work is for nothing.
        why.ok().and_then(|it| *it).unwrap_or(Cancelled::Stop)
    }

    /// Whether the work is to end, and why.
    #[must_use]
    pub fn is_cancelled(&self) -> Option<Cancelled> {
        *self.cancelled.borrow()
    }
}

/// Who does the work: a backend's code. A closure that takes [`Work`] and [`Control`] is one.
///
/// A processor may be killed, and its claim may end while the work goes on. So the same work may be
/// done twice, even at the same time, although only one of them approves the application. What the
/// work does elsewhere is to be keyed by [`Work::idempotency_key`].
pub trait Worker: Send + Sync + 'static {
    /// Does the work. If it panics, the outcome is [`Outcome::Again`].
    fn work(&self, work: &Work, control: &Control) -> impl Future<Output = Outcome> + Send;
}

impl<F, R> Worker for F
where
    F: Fn(Work, Control) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome> + Send,
{
    fn work(&self, work: &Work, control: &Control) -> impl Future<Output = Outcome> + Send {
        self(work.clone(), control.clone())
    }
}
