//! The store for many machines: PostgreSQL 15 or newer.

mod batch;
mod coalesce;
mod each;
mod failure;
mod pool;
mod queue;
mod read;
mod row;
mod schema;
mod signal;
mod statement;
mod text;
mod together;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::sync::watch;
use uuid::Uuid;

use super::contract::{Directory, Store};
use super::cursor::Cursor;
use super::directory::{Count, ListQuery, Page};
use super::error::{ExecuteError, StoreError};
use super::name::InstitutionId;
use super::request::{Append, Atomicity, Receipt, Recorded};
use super::wake::Wake;
use crate::lifecycle::any::AnyApplication;
use coalesce::Coalescer;
use failure::Failure;
use pool::Target;

/// How a database is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// How many connections write at the same time; 3. The commands that wait for one meanwhile become
    /// one statement, so more of them make smaller statements.
    pub writers: usize,
    /// How many connections read at the same time; 4.
    pub readers: usize,
    /// How long to wait for a connection; 5 seconds.
    pub connect_timeout: Duration,
    /// How long a command waits for a row that another transaction keeps locked; 5 seconds.
    pub lock_timeout: Duration,
    /// After how long a server that does not answer is given up; 30 seconds.
    pub answer_timeout: Duration,
    /// How long a command is repeated, where that is safe, while the server cannot be reached; 10 seconds.
    pub patience: Duration,
    /// How often whoever follows the feed looks for events that it did not hear of; 250 ms.
    pub poll: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            writers: 3,
            readers: 4,
            connect_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            poll: Duration::from_millis(250),
        }
    }
}

/// Keeps everything in a PostgreSQL database, in tables that begin with `certlife_`, in the first schema of
/// the connection's `search_path`.
///
/// Commands that wait at the same time become one statement. Any number of processes on any number of
/// machines may use one database. It runs within Tokio.
///
/// A command that met a serialisation failure or a deadlock, or found no connection, is repeated. Where
/// the connection was lost after it was sent, it is repeated if it has an idempotency key, and
/// otherwise answered with [`StoreError::UnknownOutcome`].
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    coalescer: Coalescer,
    target: Target,
    readers: Pool,
    options: PostgresOptions,
    commits: watch::Sender<()>,
    /// The listening ends with its only sender.
    hearing: OnceLock<watch::Sender<()>>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("target", &self.shared.target)
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, and creates or upgrades the tables.
    ///
    /// The URL is PostgreSQL's: `postgres://user:password@host:port/database?sslmode=require`. With
    /// `sslmode=require` (or `verify-ca`, `verify-full`), the connection is encrypted and the server's certificate
    /// and name are verified, against the system's authorities or those in the PEM file
    /// `sslrootcert=PATH`; without it, the connection is not encrypted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where there is no way to the database, or its server is older than 15;
    /// [`StoreError::NewerSchema`] where a newer program has upgraded it.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, PostgresOptions::default()).await
    }

    /// The same, with other options.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let target = Target::parse(url)?;
        let writers = target.pool(options.writers.max(1), true, &options)?;
        let readers = target.pool(options.readers.max(1), false, &options)?;
        schema::migrate(&writers).await?;
        let commits = watch::Sender::new(());
        let tell = signal::tell(readers.clone());
        let coalescer = Coalescer::new(writers, options.clone(), commits.clone(), tell);
        Ok(Self {
            shared: Arc::new(Shared {
                coalescer,
                target,
                readers,
                options,
                commits,
                hearing: OnceLock::new(),
            }),
        })
    }

    async fn reader(&self) -> Result<Object, StoreError> {
        let reader = self.shared.readers.get().await;
        reader.map_err(|error| Failure::from(error).into_error())
    }

    /// The answer to a question; none where the server does not give one in time.
    async fn in_time<T>(&self, answer: impl Future<Output = T> + Send) -> Option<T> {
        let limit = self.shared.options.answer_timeout;
        tokio::time::timeout(limit, answer).await.ok()
    }
}

/// Gives up a connection that has not answered, since an answer may yet come.
fn keep_or_give_up<T>(
    reader: Object,
    answer: Option<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    answer.unwrap_or_else(|| {
        drop(Object::take(reader));
        Err(StoreError::Unavailable {
            reason: "the server does not answer".to_owned(),
            cause: None,
        })
    })
}

impl Store for PostgresStore {
    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        self.shared.coalescer.append(batch, atomicity).await
    }

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>, StoreError> {
        let reader = self.reader().await?;
        let answer = self.in_time(read::load(&reader, institution, uuid)).await;
        keep_or_give_up(reader, answer)
    }

    async fn history(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Vec<Recorded>, StoreError> {
        let reader = self.reader().await?;
        let answer = self
            .in_time(read::history(&reader, institution, uuid))
            .await;
        keep_or_give_up(reader, answer)
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        let reader = self.reader().await?;
        let answer = self.in_time(read::feed(&reader, after, limit)).await;
        keep_or_give_up(reader, answer)
    }

    fn wake(&self) -> Wake {
        self.shared.hearing.get_or_init(|| {
            let (open, is_open) = watch::channel(());
            let (target, commits) = (self.shared.target.clone(), self.shared.commits.clone());
            signal::hear(target, commits, is_open);
            open
        });
        Wake::new(self.shared.commits.subscribe(), self.shared.options.poll)
    }
}

impl Directory for PostgresStore {
    async fn list(&self, query: ListQuery) -> Result<Page, StoreError> {
        let reader = self.reader().await?;
        let answer = self.in_time(read::list(&reader, &query)).await;
        keep_or_give_up(reader, answer)
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>, StoreError> {
        let reader = self.reader().await?;
        let answer = self.in_time(read::counts(&reader, institution)).await;
        keep_or_give_up(reader, answer)
    }
}
