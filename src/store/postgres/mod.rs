//! The store for many machines: PostgreSQL 15 or newer.

mod act;
mod batch;
mod cluster;
mod coalesce;
mod columns;
mod connections;
mod connector;
mod diagnose;
mod each;
mod encryption;
mod failure;
mod foreign;
#[cfg(feature = "sqlx")]
mod foreign_sqlx;
mod history;
mod holders;
mod institutions;
mod joins;
mod link;
mod lists;
mod migrate;
mod names;
mod options;
mod outbox;
mod pause;
mod pipeline;
mod pool;
mod queue;
mod race;
mod read;
mod remember;
mod reply;
mod report;
mod row;
mod runtime;
mod schema;
mod server;
mod session;
mod signal;
mod sql;
mod statement;
mod target;
mod text;
mod together;
mod token;
mod unconnected;
mod upgrade;
mod watch;
mod within;
mod work;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use session::{Purpose, Session};
use tokio::sync::watch::{self as channel, Sender};
use uuid::Uuid;

use super::backward::FeedPage;
use super::commits::CommitWatch;
use super::contract::{Queries, Store};
use super::cursor::Cursor;
use super::error::{ExecuteError, Result, StoreError};
use super::name::InstitutionId;
use super::queries::{Count, ListQuery, Page};
use super::request::{Append, Atomicity, Receipt, RecordedEvent};
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;
use coalesce::Coalescer;
use connections::{Connections, Family};
use connector::Connector;
use failure::Failure;
use outbox::{DueHints, OutboxPools};
use pool::Place;
use runtime::Home;
use server::Server;
use target::{Target, Wanted};
use within::Places;

pub use options::PostgresOptions;

/// How long to wait before opening is tried again.
const REOPEN: Duration = Duration::from_millis(250);

/// Keeps everything in a PostgreSQL database, in tables that begin with `certlife_`, in the first
/// schema of the connection's `search_path`.
///
/// Commands that wait at the same time become one statement. Any number of processes on any number
/// of machines may use one database. It lives on the Tokio runtime that it was opened on, which
/// must have its timer and I/O turned on and go on running; other runtimes may use it. If that
/// runtime ends, the store moves to the one of the next caller.
///
/// A command that met a serialisation failure or a deadlock, or found no connection, is repeated.
/// Where the connection was lost after it was sent, it is repeated if it has an idempotency key,
/// and otherwise answered with [`StoreError::UnknownOutcome`].
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    coalescer: Coalescer,
    target: Target,
    connector: Connector,
    home: Arc<Home>,
    family: Arc<Family>,
    readers: Connections,
    outbox: OutboxPools,
    /// For commands within transactions of the caller's.
    places: Places,
    options: PostgresOptions,
    commits: Sender<()>,
    /// The listening ends with its only sender.
    hearing: OnceLock<Sender<()>>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("target", &self.shared.target)
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// That this URL can be used, as far as no server has to be asked.
    pub(super) fn check(url: &str) -> Result<(), StoreError> {
        Target::parse(url).map(drop)
    }

    /// Connects, and creates or upgrades the tables where that is needed and wanted
    /// ([`PostgresOptions::setup`]).
    ///
    /// The URL is PostgreSQL's: `postgres://user:password@host:port/database?sslmode=require`. With
    /// `sslmode=require` (or `verify-ca`, `verify-full`), the connection is encrypted and the
    /// server's certificate and name are verified, against the system's authorities or those in the
    /// PEM file `sslrootcert=PATH`; without it, the connection is not encrypted.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] where the URL cannot be read, its server has no such database
    /// or role, refuses the password, withholds a right or is older than 15, or where the
    /// database's encoding is not UTF8; [`StoreError::Unavailable`] where there is no way to the
    /// server now; [`StoreError::NewerSchema`] where a newer program has upgraded the database;
    /// [`StoreError::NotAStore`] where tables with the store's names are another program's;
    /// [`StoreError::NoStore`] and [`StoreError::OlderSchema`] as [`PostgresOptions::setup`] has
    /// it.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, PostgresOptions::default()).await
    }

    /// The same, with other options.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let options = options.within_limits();
        let target = Target::parse(url)?;
        let (since, patience) = (Instant::now(), target.patience_at_opening(&options));
        loop {
            match Box::pin(Self::open(target.clone(), options.clone())).await {
                Err(StoreError::Unavailable { .. }) if since.elapsed() < patience => {
                    tokio::time::sleep(REOPEN).await;
                }
                opened => return opened.map_err(|it| failure::impatient(it, patience)),
            }
        }
    }

    async fn open(target: Target, options: PostgresOptions) -> Result<Self> {
        let place = Place::new(&target, &options)?;
        let pool = |purpose| place.connections(purpose);
        let (writers, readers) = (pool(Purpose::Writing)?, pool(Purpose::Reading)?);
        let migrating = pool(Purpose::Migrating)?;
        let index = migrate::set_up(&readers, &migrating, &options).await?;
        place.family.is_set_up(index);
        drop(migrating);
        check_pooler(&place.connector).await?;
        let behind = async { history::is_behind(&*schema::connection(&readers).await?).await };
        let behind = tokio::time::timeout(options.answer_timeout, behind).await;
        if behind.unwrap_or(Ok(false))? {
            // Every connection that writes sees to that. A role that may only read still can, but
            // for the end of the feed.
            drop(writers.get().await);
        }
        let commits = Sender::new(());
        let tell = signal::tell(&place.home, readers.clone());
        let outbox = OutboxPools {
            writers: writers.clone(),
            delivering: pool(Purpose::Delivering)?,
            hints: DueHints::default(),
            tell: tell.clone(),
        };
        let Place {
            home,
            family,
            connector,
            ..
        } = place;
        let coalescer = Coalescer::new(
            Arc::clone(&home),
            writers,
            options.clone(),
            target.patience(&options),
            commits.clone(),
            tell,
        );
        Ok(Self {
            shared: Arc::new(Shared {
                coalescer,
                target,
                connector,
                home,
                family,
                readers,
                outbox,
                places: Places::default(),
                options,
                commits,
                hearing: OnceLock::new(),
            }),
        })
    }

    async fn reader(&self) -> Result<Session> {
        let reader = self.shared.readers.get().await;
        reader.map_err(Failure::into_error)
    }

    /// A connection that may tell the feed. Of several hosts it is to a server that takes writes,
    /// unless the URL asks for a standby: one that stands in may have received what the synchronous
    /// standby has not, and what is then lost.
    async fn teller(&self) -> Result<Session> {
        let reader = self.reader().await?;
        let target = &self.shared.target;
        let wants_writable = target.hosts.len() > 1 && target.reading == Wanted::PreferWritable;
        if !wants_writable || !reader.is_spare() {
            return Ok(reader);
        }
        // The next is made anew.
        reader.give_up();
        Err(StoreError::unavailable(
            "no host takes writes now, and a standby may tell what is lost in a failover",
        ))
    }

    /// Waits until a page of the feed, of which this is the last event, may be reported.
    async fn may_tell(
        &self,
        teller: Session,
        last: Option<Cursor>,
        is_synchronous: bool,
    ) -> Result<()> {
        let server = teller.server().clone();
        drop(teller);
        if let Some(last) = last {
            let last = i64::try_from(last.transaction()).unwrap_or(i64::MAX);
            if is_synchronous {
                self.confirm_page(last, &server).await?;
            }
            self.shared.family.cluster.returned(last);
        }
        Ok(())
    }

    /// Waits until a page of the feed that ends with this transaction cannot be lost in a failover.
    /// One connection waits, however many pages are to be returned, so that others can read.
    async fn confirm_page(&self, last: i64, server: &Server) -> Result<()> {
        let cluster = &self.shared.family.cluster;
        if cluster.is_replicated(last) {
            return Ok(());
        }
        let _turn = cluster.turn().await;
        let reader = self.reader().await?;
        if !reader.server().is_same(server) {
            return Err(StoreError::unavailable(
                "another server has taken the place of the one that was read",
            ));
        }
        let limit = self.shared.options.answer_timeout;
        let confirmed = reader.confirm_up_to(last, limit).await;
        if confirmed.as_ref().is_err_and(Failure::is_of_the_connection) {
            reader.give_up();
        }
        confirmed.map_err(|failure| failure.without_effect().into_error())
    }

    /// Asks on a connection that reads.
    async fn read<T>(&self, ask: impl AsyncFnOnce(&Session) -> Result<T>) -> Result<T> {
        let reader = self.reader().await?;
        self.ask(reader, ask).await.map(|(_, answer)| answer)
    }

    /// Asks on this connection, and gives it back with the answer. A connection that does not
    /// answer in time is given up, since an answer may yet come.
    async fn ask<T>(
        &self,
        session: Session,
        ask: impl AsyncFnOnce(&Session) -> Result<T>,
    ) -> Result<(Session, T)> {
        let limit = self.shared.options.answer_timeout;
        if let Ok(answer) = tokio::time::timeout(limit, ask(&session)).await {
            return answer.map(|it| (session, it));
        }
        session.give_up();
        Err(StoreError::unavailable("the server does not answer"))
    }
}

/// An error where a pooler lends its sessions for a transaction at a time: settings, prepared
/// statements and notifications would be those of others. A second connection, beside one that lies
/// idle, finds the mark of the first.
async fn check_pooler(connector: &Connector) -> Result<()> {
    match connector.connect(Wanted::Any, None).await {
        Err(error) if error.is_shared() => Err(unconnected::not_connected(error)),
        // Whatever else there is to say of it is said where a connection is needed.
        _ => Ok(()),
    }
}

impl super::contract::sealed::Sealed for PostgresStore {}

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
    ) -> Result<Option<AnyApplication>> {
        self.read(async |reader| read::load(reader, institution, uuid).await)
            .await
    }

    async fn history(&self, institution: &InstitutionId, uuid: Uuid) -> Result<Vec<RecordedEvent>> {
        self.read(async |reader| read::history(reader, institution, uuid).await)
            .await
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>> {
        let feed = async |reader: &Session| read::feed(reader, after, limit).await;
        let (teller, (page, is_synchronous)) = self.ask(self.teller().await?, feed).await?;
        let last = page.last().map(|it| it.cursor);
        self.may_tell(teller, last, is_synchronous).await?;
        Ok(page)
    }

    async fn feed_end(&self) -> Result<Cursor> {
        let feed_end = async |reader: &Session| read::feed_end(reader).await;
        let asked = self.ask(self.teller().await?, feed_end).await;
        asked.map(|(_, end)| end)
    }

    fn commits(&self) -> CommitWatch {
        self.shared.hearing.get_or_init(|| {
            let (open, is_open) = channel::channel(());
            let shared = &self.shared;
            let (connector, commits) = (shared.connector.clone(), shared.commits.clone());
            let family = Arc::clone(&shared.family);
            signal::hear(&shared.home, connector, family, commits, is_open);
            open
        });
        CommitWatch::new(self.shared.commits.subscribe(), self.shared.options.poll)
    }

    fn wake(&self) {
        self.shared.commits.send_replace(());
        // If a notification is under way already, it comes after this commit.
        let _ = self.shared.outbox.tell.try_send(());
    }
}

impl Queries for PostgresStore {
    async fn list(&self, query: ListQuery) -> Result<Page> {
        self.read(async |reader| lists::list(reader, &query).await)
            .await
    }

    async fn institutions(&self) -> Result<Vec<InstitutionId>> {
        self.read(async |reader| institutions::all(reader).await)
            .await
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>> {
        self.read(async |reader| lists::counts(reader, institution).await)
            .await
    }

    async fn feed_before(
        &self,
        institution: Option<&InstitutionId>,
        kind: Option<EventKind>,
        before: Option<Cursor>,
        limit: u32,
    ) -> Result<FeedPage> {
        let ask = async |reader: &Session| {
            lists::feed_before(reader, institution, kind, before, limit).await
        };
        let (teller, (page, is_synchronous)) = self.ask(self.teller().await?, ask).await?;
        let last = page.events.first().map(|it| it.cursor);
        self.may_tell(teller, last, is_synchronous).await?;
        Ok(page)
    }
}
