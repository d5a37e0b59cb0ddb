//! The embedded store: one SQLite file.

mod act;
mod anchor;
mod busy;
mod cache;
mod change;
mod connection;
mod diagnose;
mod failure;
mod job;
mod lookups;
mod migrate;
mod options;
mod outbox;
mod queue;
mod read;
mod read_only;
mod readers;
mod reply;
mod row;
mod schema;
mod subscribers;
mod token;
mod within;
mod work;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::backward::FeedPage;
use super::callers::Callers;
use super::commits::CommitWatch;
use super::contract::{Queries, Store};
use super::cursor::Cursor;
use super::error::{ExecuteError, Result, StoreError};
use super::name::InstitutionId;
use super::queries::{Count, ListQuery, Page};
use super::request::{Append, Atomicity, Receipt, RecordedEvent};
use super::setup::Setup;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;
use change::{ChangeKind, Outcome, Task};
use job::{Call, Job};
use lookups::Lookups;
use readers::Readers;
use write::Write;
use writer::Writer;

pub use options::{Durability, SqliteOptions};

/// How long a caller that is alone stays awake: one or two commits.
const PATIENCE: Duration = Duration::from_micros(250);

/// Keeps everything in one SQLite file, with its log (`-wal`) beside it.
///
/// One thread of the process writes, and commits what waits for it in groups: the more callers at
/// once, the more transitions a commit. Several processes may have the file open, on one machine,
/// and take turns. It runs within Tokio: reads happen on its threads for blocking work, some at a
/// time (as many as there are cores, 4 to 8), so that a store has few files open.
///
/// With the last handle, what was handed over is committed and the file is closed.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// None, where the file is only read.
    writer: Option<Writer>,
    /// Closed after the writer, so that the last to close leaves one file.
    readers: Arc<Readers>,
    lookups: Arc<Lookups>,
    callers: Callers,
    poll: Duration,
    commits: watch::Sender<()>,
}

impl SqliteStore {
    /// Opens the file, with full durability; creates it where there is none.
    ///
    /// A path is a path: neither a URI nor SQLite's `:memory:`. A relative one counts from where
    /// the process is now, wherever it goes later.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] for a file of something else, for tables of another program that
    /// have our names, and for a path that names no file, [`StoreError::NewerSchema`] for one that
    /// a newer program has upgraded, [`StoreError::Misconfigured`] for one that cannot be opened or
    /// may not be written to, [`StoreError::Corrupt`] for one that is damaged,
    /// [`StoreError::Unavailable`] where another process keeps it busy, for example.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, SqliteOptions::default())
    }

    /// Opens the file; what it makes and upgrades there, [`SqliteOptions::setup`] says.
    ///
    /// # Errors
    /// See [`open`](Self::open). [`StoreError::NoStore`] where there is none and none is to be
    /// made, and [`StoreError::OlderSchema`] for one of an older program that is not to be
    /// upgraded.
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = connection::absolute(path.as_ref())?;
        let commits = watch::Sender::new(());
        let (writer, anchor) = Writer::start(&path, &options, commits.clone())?;
        Ok(Self {
            shared: Arc::new(Shared {
                writer: Some(writer),
                poll: options.poll,
                readers: Arc::new(Readers::new(path, options, Some(anchor))),
                lookups: Arc::default(),
                callers: Callers::new(PATIENCE),
                commits,
            }),
        })
    }

    /// Opens a store that is there for who only reads: it makes and upgrades nothing
    /// ([`Setup::Keep`]). Where the file or its folder may not be written to, or the disk is full,
    /// it is opened as [`open_read_only`](Self::open_read_only) has it.
    ///
    /// # Errors
    /// See [`open_with`](Self::open_with); those of it, where the file cannot be read either.
    pub fn open_to_read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let options = SqliteOptions {
            setup: Setup::Keep,
            ..SqliteOptions::default()
        };
        match Self::open_with(&path, options) {
            Err(error) if failure::may_be_read(&error) => {
                Self::open_read_only(path).map_err(|_| error)
            }
            opened => opened,
        }
    }

    /// Opens a file that is there for reading, where it may not be written: commands are refused
    /// with [`StoreError::Unavailable`]. It creates nothing and changes nothing.
    ///
    /// Each read opens the file anew. Others may write to it meanwhile, in other processes, too.
    ///
    /// # Errors
    /// See [`open`](Self::open). [`StoreError::NoStore`] where there are no tables of a store,
    /// [`StoreError::OlderSchema`] for one of an older program, which must be opened once by a
    /// program that may upgrade it, and [`StoreError::Unavailable`] also for one whose log was left
    /// by a crash and cannot be read without writing.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = read_only::resolve(&connection::absolute(path.as_ref())?)?;
        let (options, place) = (SqliteOptions::default(), path.display().to_string());
        read_only::ask(&path, &options, |reader| schema::check(reader, &place))?;
        Ok(Self {
            shared: Arc::new(Shared {
                writer: None,
                poll: options.poll,
                readers: Arc::new(Readers::new(path, options, None)),
                lookups: Arc::default(),
                callers: Callers::new(PATIENCE),
                commits: watch::Sender::new(()),
            }),
        })
    }

    fn send(&self, job: Job) -> Result<()> {
        let writer = self.shared.writer.as_ref();
        let writer =
            writer.ok_or_else(|| StoreError::unavailable("it was opened for reading only"))?;
        writer.send(job)
    }

    /// Asks a reader.
    async fn read<T: Send + 'static>(
        &self,
        question: impl Fn(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.shared.readers.ask(question).await
    }

    /// Has the writer carry out something else than commands, which counts as so many.
    async fn change<T: Send + 'static>(
        &self,
        size: usize,
        task: impl FnMut(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.carry_out(size, ChangeKind::Lasting, task).await
    }

    /// The same of what may be lost with the machine's power although it was answered, for what is
    /// lost is done again: it is not waited for the disk.
    async fn passing_change<T: Send + 'static>(
        &self,
        size: usize,
        task: impl FnMut(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.carry_out(size, ChangeKind::Passing, task).await
    }

    async fn carry_out<T: Send + 'static>(
        &self,
        size: usize,
        kind: ChangeKind,
        task: impl FnMut(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answers) = oneshot::channel();
        let task = Task {
            size,
            kind,
            work: task,
            outcome: None,
            answer,
        };
        self.send(Job::Change(Box::new(task)))?;
        answers.await.unwrap_or_else(|_| Err(writer_ended()))
    }
}

fn writer_ended() -> StoreError {
    StoreError::unknown_outcome("the writer's thread has ended")
}

impl super::contract::sealed::Sealed for SqliteStore {}

impl Store for SqliteStore {
    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        let commands = batch.len();
        let failed = |error: StoreError| vec![Err(ExecuteError::from(error)); commands];
        let (answer, answers) = oneshot::channel();
        let call = Call {
            batch,
            atomicity,
            answer,
        };
        if let Err(error) = self.send(Job::Append(call)) {
            return failed(error);
        }
        let answers = self.shared.callers.wait(answers).await;
        answers.unwrap_or_else(|| failed(writer_ended()))
    }

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>> {
        let Shared {
            lookups, readers, ..
        } = &*self.shared;
        lookups.load(readers, institution.clone(), uuid).await
    }

    async fn history(&self, institution: &InstitutionId, uuid: Uuid) -> Result<Vec<RecordedEvent>> {
        let institution = institution.clone();
        self.read(move |reader| read::history(reader, &institution, uuid))
            .await
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>> {
        self.read(move |reader| read::feed(reader, after, limit))
            .await
    }

    async fn feed_end(&self) -> Result<Cursor> {
        self.read(|reader| read::feed_end(reader)).await
    }

    fn commits(&self) -> CommitWatch {
        CommitWatch::new(self.shared.commits.subscribe(), self.shared.poll)
    }

    fn wake(&self) {
        self.shared.commits.send_replace(());
    }
}

impl Queries for SqliteStore {
    async fn list(&self, query: ListQuery) -> Result<Page> {
        self.read(move |reader| read::list(reader, &query)).await
    }

    async fn institutions(&self) -> Result<Vec<InstitutionId>> {
        self.read(|reader| read::institutions(reader)).await
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>> {
        let institution = institution.clone();
        self.read(move |reader| read::counts(reader, &institution))
            .await
    }

    async fn feed_before(
        &self,
        institution: Option<&InstitutionId>,
        kind: Option<EventKind>,
        before: Option<Cursor>,
        limit: u32,
    ) -> Result<FeedPage> {
        let institution = institution.cloned();
        let ask = move |reader: &mut _| {
            read::feed_before(reader, institution.as_ref(), kind, before, limit)
        };
        self.read(ask).await
    }
}
