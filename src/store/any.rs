//! A store of any kind, chosen at run time.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::address::StoreAddress;
use super::audit::audit;
use super::contract::{queries, sealed::Sealed};
use super::outbox::outbox;
use super::reply::replies;
use super::token::tokens;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::within::Joins;
#[cfg(feature = "sqlx")]
use super::within::Sqlx;
#[cfg(feature = "postgres")]
use super::within::{Deadpool, TokioPostgres};
use super::work::work_queue;
use super::{
    Act, ActId, ActOutcome, ActPage, Append, Atomicity, Attempt, Audit, Backlog, Begun, Claim,
    ClaimedBatch, CommitWatch, Count, Cursor, Delivery, DeliveryFilter, DeliveryId, DeliveryPage,
    Due, DueWork, ExecuteError, FeedPage, HealthChange, IdempotencyKey, InstitutionId, LeasedWork,
    ListQuery, MemoryStore, Outbox, Page, PageKey, Put, Queries, Receipt, RecordedEvent, Replay,
    Replayed, Replies, Reply, Settlement, Setup, Store, StoreError, Token, TokenId, TokenPage,
    Tokens, Webhook, WorkBacklog, WorkClaim, WorkLease, WorkQueue, WorkSettled, WorkSettlement,
};
#[cfg(feature = "postgres")]
use super::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
use super::{SqliteOptions, SqliteStore, within::Rusqlite};
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;
use crate::setters::setters;

/// A store of any kind, for a program that learns at run time which it is.
///
/// ```
/// use certificate_lifecycle::engine::Engine;
/// use certificate_lifecycle::store::AnyStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = AnyStore::open(&"memory:".parse()?).await?;
/// let engine = Engine::new(store);
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AnyStore {
    /// In memory.
    Memory(MemoryStore),
    /// In a file.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
    /// In a database server.
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
}

impl From<MemoryStore> for AnyStore {
    fn from(store: MemoryStore) -> Self {
        Self::Memory(store)
    }
}

#[cfg(feature = "sqlite")]
impl From<SqliteStore> for AnyStore {
    fn from(store: SqliteStore) -> Self {
        Self::Sqlite(store)
    }
}

#[cfg(feature = "postgres")]
impl From<PostgresStore> for AnyStore {
    fn from(store: PostgresStore) -> Self {
        Self::Postgres(store)
    }
}

/// How a store of any kind is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AnyStoreOptions {
    /// What opening may do to the tables; it creates and upgrades them.
    pub setup: Setup,
    /// How long a server that cannot be reached is waited for. If absent, as
    /// `PostgresOptions::patience` has it.
    pub patience: Option<std::time::Duration>,
}

impl AnyStoreOptions {
    setters! {
        with_setup: setup, Setup;
        with_patience: patience, Option<std::time::Duration>;
    }
}

impl AnyStore {
    /// Reads the URL of a database and the certificates that it names, as opening the store does.
    /// No server is asked, and no file of a store is opened.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] where the URL cannot be used.
    pub fn check(address: &StoreAddress) -> Result<(), StoreError> {
        match address {
            #[cfg(feature = "postgres")]
            StoreAddress::Postgres(url) => PostgresStore::check(url),
            _ => Ok(()),
        }
    }

    /// Opens the store at this address, as the `open` or `connect` of its kind does.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Misconfigured`] also where the crate was built without the
    /// feature of that store.
    pub async fn open(address: &StoreAddress) -> Result<Self, StoreError> {
        Self::open_with(address, AnyStoreOptions::default()).await
    }

    /// The same, with options.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    #[cfg_attr(
        not(feature = "postgres"),
        allow(
            clippy::unused_async,
            unused_variables,
            reason = "a server is waited for"
        )
    )]
    pub async fn open_with(
        address: &StoreAddress,
        options: AnyStoreOptions,
    ) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Memory => Ok(Self::Memory(MemoryStore::new())),
            #[cfg(feature = "sqlite")]
            StoreAddress::Sqlite(path) => {
                let options = SqliteOptions::default().with_setup(options.setup);
                SqliteStore::open_with(path, options).map(Self::Sqlite)
            }
            #[cfg(feature = "postgres")]
            StoreAddress::Postgres(url) => {
                let options = PostgresOptions::default()
                    .with_setup(options.setup)
                    .with_patience(options.patience);
                let opening = PostgresStore::connect_with(url, options);
                Box::pin(opening).await.map(Self::Postgres)
            }
            #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
            other => Err(StoreError::misconfigured(format!(
                "this program was built without the feature {}",
                other.feature()
            ))),
        }
    }

    /// Opens the store at this address to read it: nothing is created or upgraded, and a file may
    /// lie where nothing may be written.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub async fn open_to_read(
        address: &StoreAddress,
        options: AnyStoreOptions,
    ) -> Result<Self, StoreError> {
        match address {
            #[cfg(feature = "sqlite")]
            StoreAddress::Sqlite(path) => SqliteStore::open_to_read(path).map(Self::Sqlite),
            other => Self::open_with(other, options.with_setup(Setup::Keep)).await,
        }
    }
}

/// The same question to a store of any kind.
macro_rules! each {
    ($store:expr, $it:ident => $answer:expr) => {
        match $store {
            AnyStore::Memory($it) => $answer,
            #[cfg(feature = "sqlite")]
            AnyStore::Sqlite($it) => $answer,
            #[cfg(feature = "postgres")]
            AnyStore::Postgres($it) => $answer,
        }
    };
}

macro_rules! ask {
    ($(async fn $name:ident($($given:ident: $type:ty),*) -> $answer:ty;)+) => {$(
        async fn $name(&self, $($given: $type),*) -> $answer {
            each!(self, it => it.$name($($given),*).await)
        }
    )+};
}

impl Sealed for AnyStore {}

/// What joins the stores of one kind joins a store of any kind, if it is of that one.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! joins {
    ($kind:ident: $store:ty, $library:ty) => {
        impl<T: Joins<$store, $library>> Joins<AnyStore, $library> for T {
            type Answer<A: Send + 'static> = <T as Joins<$store, $library>>::Answer<A>;

            fn known<A: Send + 'static>(self, answer: A) -> Self::Answer<A> {
                <T as Joins<$store, $library>>::known(self, answer)
            }

            fn append<A: Send + 'static>(
                self,
                store: AnyStore,
                batch: Vec<Append>,
                atomicity: Atomicity,
                answer: impl FnOnce(Vec<Result<Receipt, ExecuteError>>) -> A + Send + 'static,
            ) -> Self::Answer<A> {
                match store {
                    AnyStore::$kind(store) => <T as Joins<$store, $library>>::append(
                        self, store, batch, atomicity, answer,
                    ),
                    _ => {
                        let error = StoreError::misconfigured(concat!(
                            "the transaction is one of ",
                            stringify!($kind),
                            ", but the store is of another kind"
                        ));
                        let refused = batch.iter().map(|_| Err(error.clone().into()));
                        Joins::<AnyStore, $library>::known(self, answer(refused.collect()))
                    }
                }
            }
        }
    };
}

#[cfg(feature = "sqlite")]
joins!(Sqlite: SqliteStore, Rusqlite);
#[cfg(feature = "postgres")]
joins!(Postgres: PostgresStore, TokioPostgres);
#[cfg(feature = "postgres")]
joins!(Postgres: PostgresStore, Deadpool);
#[cfg(feature = "sqlx")]
joins!(Postgres: PostgresStore, Sqlx);

impl Store for AnyStore {
    fn commits(&self) -> CommitWatch {
        each!(self, it => it.commits())
    }

    fn wake(&self) {
        each!(self, it => it.wake());
    }

    ask! {
        async fn append(batch: Vec<Append>, atomicity: Atomicity)
            -> Vec<Result<Receipt, ExecuteError>>;
        async fn load(institution: &InstitutionId, uuid: Uuid)
            -> Result<Option<AnyApplication>, StoreError>;
        async fn history(institution: &InstitutionId, uuid: Uuid)
            -> Result<Vec<RecordedEvent>, StoreError>;
        async fn feed(after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError>;
        async fn feed_end() -> Result<Cursor, StoreError>;
    }
}

impl Queries for AnyStore {
    queries!(ask);
}

impl Outbox for AnyStore {
    outbox!(ask);
}

impl WorkQueue for AnyStore {
    work_queue!(ask);
}

impl Tokens for AnyStore {
    tokens!(ask);
}

impl Replies for AnyStore {
    replies!(ask);
}

impl Audit for AnyStore {
    audit!(ask);
}
