//! The store that a command works on: `--store`, or `CERTLIFE_STORE` in its place.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Failure;
use super::harmless::{is_file_name, may_be_secret};
#[cfg(feature = "cli")]
use super::say;
use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Append, Atomicity, Attempt, Backlog, Claim, ClaimedBatch, CommitWatch, Count, Cursor, Delivery,
    DeliveryFilter, DeliveryId, DeliveryPage, Due, ExecuteError, HealthChange, InstitutionId,
    ListQuery, MemoryStore, Outbox, Page, Put, Queries, Receipt, RecordedEvent, Settlement, Setup,
    Store, StoreError, Webhook,
};
#[cfg(feature = "cli")]
use certificate_lifecycle::store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore};

/// How long opening takes before it is said that it waits.
#[cfg(feature = "cli")]
const SILENCE: std::time::Duration = std::time::Duration::from_secs(2);

const MEMORY: &str = "memory:";
const SQLITE: &str = "sqlite:";
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where applications are kept.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// Where the applications are kept: memory:, sqlite:PATH or postgres://USER@HOST/DATABASE.
    ///
    /// PATH is a file, which apply, import, webhook add and migrate create if it is not there.
    /// memory: forgets them at the end.
    // Not parsed by clap, which would repeat a mistyped address together with its password; and for
    // the same reason its value is not shown.
    #[arg(
        long = "store",
        value_name = "STORE",
        env = "CERTLIFE_STORE",
        hide_env_values = true,
        default_value = "sqlite:certlife.db"
    )]
    address: OsString,

    /// How long a PostgreSQL server that cannot be reached is waited for, such as 60s.
    ///
    /// By default 60s where the URL has several hosts, since another may have to take the place of
    /// one. With one host, opening does not wait, and what is under way waits 10s.
    #[arg(long, value_name = "DURATION", value_parser = super::arguments::patience)]
    patience: Option<std::time::Duration>,
}

/// What an address names.
pub(super) enum Place {
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
}

impl Args {
    /// The engine for commands that write: a file that is not there is created.
    pub(super) async fn open(&self) -> Result<Engine<AnyStore>, Failure> {
        self.engine(self.place()?, Setup::Create).await
    }

    /// The engine for commands whose only effect is on the store: in memory, it would be gone at
    /// once.
    pub(super) async fn open_lasting(&self) -> Result<Engine<AnyStore>, Failure> {
        self.engine(lasting(self.place()?)?, Setup::Create).await
    }

    /// The engine for commands that change what is there: they make no store, and upgrade one.
    pub(super) async fn open_existing(&self) -> Result<Engine<AnyStore>, Failure> {
        self.engine(lasting(self.place()?)?, Setup::Upgrade).await
    }

    /// The engine for commands that only read: they make and upgrade nothing, and read also where
    /// nothing may be written.
    #[cfg(feature = "cli")]
    pub(super) async fn open_to_read(&self) -> Result<Engine<AnyStore>, Failure> {
        match self.place()? {
            Place::Sqlite(path) => {
                let store = SqliteStore::open_to_read(&path);
                let store =
                    store.map_err(|error| unopened(error, Some(path.display().to_string())))?;
                Ok(Engine::new(AnyStore::Sqlite(store)))
            }
            place => self.engine(place, Setup::Keep).await,
        }
    }

    #[cfg_attr(
        not(feature = "cli"),
        expect(
            clippy::unused_async,
            unused_variables,
            reason = "there are no databases"
        )
    )]
    async fn engine(&self, place: Place, setup: Setup) -> Result<Engine<AnyStore>, Failure> {
        let store = match place {
            Place::Memory => AnyStore::Memory(MemoryStore::new()),
            #[cfg(feature = "cli")]
            Place::Sqlite(path) => {
                let options = SqliteOptions::default().with_setup(setup);
                let shown = path.display().to_string();
                let store = SqliteStore::open_with(path, options);
                AnyStore::Sqlite(store.map_err(|error| unopened(error, Some(shown)))?)
            }
            #[cfg(feature = "cli")]
            Place::Postgres(url) => {
                let options = PostgresOptions::default()
                    .with_setup(setup)
                    .with_patience(self.patience);
                let mut opening = Box::pin(PostgresStore::connect_with(&url, options));
                let in_time = tokio::time::timeout(SILENCE, &mut opening).await;
                let store = if let Ok(store) = in_time {
                    store
                } else {
                    say("waiting for the PostgreSQL server (--patience says for how long)");
                    opening.await
                };
                AnyStore::Postgres(store.map_err(|error| unopened(error, None))?)
            }
            #[cfg(not(feature = "cli"))]
            Place::Sqlite(_) | Place::Postgres(_) => {
                return Err(Failure::Address(format!(
                    "this certlife was built without databases (--features cli-core): give --store \
                     {MEMORY}, or build it with --features cli"
                )));
            }
        };
        Ok(Engine::new(store))
    }

    pub(super) fn place(&self) -> Result<Place, Failure> {
        let Some(address) = self.address.to_str() else {
            let path = after_scheme(&self.address).ok_or_else(|| {
                Failure::Address(format!(
                    "--store (or CERTLIFE_STORE) is not UTF-8; only the path after {SQLITE} need not be"
                ))
            });
            return path.map(Place::Sqlite);
        };
        if address == MEMORY {
            return Ok(Place::Memory);
        }
        if POSTGRES.iter().any(|scheme| address.starts_with(scheme)) {
            return Ok(Place::Postgres(address.to_owned()));
        }
        match address.strip_prefix(SQLITE) {
            // Who knows SQLite means a database in memory, or a temporary file.
            Some("" | ":memory:") => Err(Failure::Address(format!(
                "--store {SQLITE} must be followed by the path of a file, as in \
                 {SQLITE}certlife.db; a store that is forgotten at the end is {MEMORY}"
            ))),
            // An address or a secret in the place of a path is not opened, since errors tell paths.
            Some(path) if is_no_path(path) => Err(Failure::Address(format!(
                "--store {SQLITE} must be followed by the path of a file, as in {SQLITE}certlife.db, but what follows \
                 looks like something else, and is not repeated here, since it may have a secret in it; for a file of \
                 that name, say {SQLITE}./NAME"
            ))),
            Some(path) => Ok(Place::Sqlite(PathBuf::from(path))),
            None => Err(Failure::Address(format!(
                "--store (or CERTLIFE_STORE) must be {MEMORY}, {SQLITE}PATH or \
                 postgres://USER@HOST/DATABASE, but {}",
                found(address)
            ))),
        }
    }
}

/// Why there is no store, as the commands have it; by the path, where one was given.
#[cfg(feature = "cli")]
fn unopened(error: StoreError, path: Option<String>) -> Failure {
    match error {
        StoreError::NoStore { place } => Failure::Address(format!(
            "there is no store in {}; apply, import, webhook add and migrate create it",
            path.unwrap_or(place)
        )),
        error @ StoreError::OlderSchema { .. } => {
            Failure::Address(format!("{error}, and by certlife migrate"))
        }
        error => error.into(),
    }
}

/// The place, unless all that is kept there ends with the command.
fn lasting(place: Place) -> Result<Place, Failure> {
    match place {
        Place::Memory => Err(forgetful()),
        place => Ok(place),
    }
}

/// Why a store in memory is none for a command whose only effect is on the store.
pub(super) fn forgetful() -> Failure {
    Failure::Address(format!(
        "{MEMORY} forgets at the end of the command what it was told: give --store {SQLITE}PATH or \
         postgres://USER@HOST/DATABASE"
    ))
}

/// The path in an address that is no UTF-8: on Unix, a file may have any name.
#[cfg(unix)]
fn after_scheme(address: &OsStr) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;

    let path = address.as_bytes().strip_prefix(SQLITE.as_bytes());
    path.map(|path| OsStr::from_bytes(path).into())
}

#[cfg(not(unix))]
fn after_scheme(_: &OsStr) -> Option<PathBuf> {
    None
}

/// Whether what follows the scheme is rather an address or a secret.
fn is_no_path(text: &str) -> bool {
    let is_path = ["/", "./", "../"].iter().any(|it| text.starts_with(it));
    !is_path && may_be_secret(text)
}

/// What stands there instead, without a password that may be part of it.
fn found(address: &str) -> String {
    if address.is_empty() {
        return "is empty".to_owned();
    }
    if is_file_name(address) {
        return format!("is {address:?}; for the file of that name, say {SQLITE}{address}");
    }
    let is_letter = |it: char| it.is_ascii_lowercase();
    match address.split_once(':') {
        Some((scheme, _)) if scheme.len() <= 16 && scheme.chars().all(is_letter) => {
            format!("begins with {:?}", format!("{scheme}:"))
        }
        _ => {
            "is something else, which is not repeated here: it may have a password in it".to_owned()
        }
    }
}

/// A store of any kind.
#[derive(Debug, Clone)]
pub(super) enum AnyStore {
    Memory(MemoryStore),
    #[cfg(feature = "cli")]
    Sqlite(SqliteStore),
    #[cfg(feature = "cli")]
    Postgres(PostgresStore),
}

impl AnyStore {
    /// Leaves what is in memory to the end of the process: to give back every application one by
    /// one would be work for nothing.
    pub(super) fn leave(&self) {
        if let Self::Memory(store) = self {
            std::mem::forget(store.clone());
        }
    }
}

/// The same question to a store of any kind.
macro_rules! ask {
    ($store:expr, $it:ident => $answer:expr) => {
        match $store {
            AnyStore::Memory($it) => $answer,
            #[cfg(feature = "cli")]
            AnyStore::Sqlite($it) => $answer,
            #[cfg(feature = "cli")]
            AnyStore::Postgres($it) => $answer,
        }
    };
}

impl Store for AnyStore {
    async fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> Vec<Result<Receipt, ExecuteError>> {
        ask!(self, it => it.append(batch, atomicity).await)
    }

    async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>, StoreError> {
        ask!(self, it => it.load(institution, uuid).await)
    }

    async fn history(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        ask!(self, it => it.history(institution, uuid).await)
    }

    async fn feed(&self, after: Cursor, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        ask!(self, it => it.feed(after, limit).await)
    }

    async fn feed_end(&self) -> Result<Cursor, StoreError> {
        ask!(self, it => it.feed_end().await)
    }

    fn commits(&self) -> CommitWatch {
        ask!(self, it => it.commits())
    }
}

impl Queries for AnyStore {
    async fn list(&self, query: ListQuery) -> Result<Page, StoreError> {
        ask!(self, it => it.list(query).await)
    }

    async fn institutions(&self) -> Result<Vec<InstitutionId>, StoreError> {
        ask!(self, it => it.institutions().await)
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>, StoreError> {
        ask!(self, it => it.counts(institution).await)
    }
}

impl Outbox for AnyStore {
    async fn add_webhook(&self, webhook: Webhook) -> Result<bool, StoreError> {
        ask!(self, it => it.add_webhook(webhook).await)
    }

    async fn put_webhook(&self, webhook: Webhook) -> Result<Put, StoreError> {
        ask!(self, it => it.put_webhook(webhook).await)
    }

    async fn webhook(
        &self,
        institution: &InstitutionId,
        id: Uuid,
    ) -> Result<Option<Webhook>, StoreError> {
        ask!(self, it => it.webhook(institution, id).await)
    }

    async fn webhooks(
        &self,
        institution: Option<&InstitutionId>,
    ) -> Result<Vec<Webhook>, StoreError> {
        ask!(self, it => it.webhooks(institution).await)
    }

    async fn remove_webhook(
        &self,
        institution: &InstitutionId,
        id: Uuid,
    ) -> Result<bool, StoreError> {
        ask!(self, it => it.remove_webhook(institution, id).await)
    }

    async fn due(&self) -> Result<Vec<Due>, StoreError> {
        ask!(self, it => it.due().await)
    }

    async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
        ask!(self, it => it.claim(claim).await)
    }

    async fn settle(
        &self,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Result<Vec<bool>, StoreError> {
        ask!(self, it => it.settle(now, settlements, health).await)
    }

    async fn deliveries(
        &self,
        institution: Option<&InstitutionId>,
        filter: DeliveryFilter,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<DeliveryPage, StoreError> {
        ask!(self, it => it.deliveries(institution, filter, after, limit).await)
    }

    async fn delivery(
        &self,
        institution: &InstitutionId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        ask!(self, it => it.delivery(institution, id).await)
    }

    async fn attempts(
        &self,
        institution: &InstitutionId,
        delivery: DeliveryId,
    ) -> Result<Vec<Attempt>, StoreError> {
        ask!(self, it => it.attempts(institution, delivery).await)
    }

    async fn redeliver(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
    ) -> Result<u64, StoreError> {
        ask!(self, it => it.redeliver(institution, now, deliveries).await)
    }

    async fn abandon(
        &self,
        institution: &InstitutionId,
        now: DateTime<Utc>,
        deliveries: Vec<DeliveryId>,
        reason: String,
    ) -> Result<u64, StoreError> {
        ask!(self, it => it.abandon(institution, now, deliveries, reason).await)
    }

    async fn prune(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        ask!(self, it => it.prune(before, limit).await)
    }

    async fn backlog(
        &self,
        institution: Option<&InstitutionId>,
    ) -> Result<Vec<Backlog>, StoreError> {
        ask!(self, it => it.backlog(institution).await)
    }
}
