//! The store that a command works on: `--store`, or `CERTLIFE_STORE` in its place.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::Failure;
use super::harmless::{is_file_name, may_be_secret};
use super::say;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    AnyStore, AnyStoreOptions, Setup, StoreAddress, StoreAddressError, StoreError,
};

/// How long opening takes before it is said that it waits.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// The variable in the place of `--store`.
const VARIABLE: &str = "CERTLIFE_STORE";

const MEMORY: &str = StoreAddress::MEMORY;
const SQLITE: &str = StoreAddress::SQLITE;

/// Where applications are kept.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// Where the applications are kept: memory:, sqlite:PATH or postgres://USER@HOST/DATABASE.
    ///
    /// PATH is a file, which apply, import, webhook add, token create and migrate create if it is
    /// not there. memory: forgets them at the end.
    // Not parsed by clap, which would repeat a mistyped address together with its password; and for
    // the same reason its value is not shown.
    #[arg(
        long = "store",
        value_name = "STORE",
        env = VARIABLE,
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

impl Args {
    /// The engine for commands that write: a file that is not there is created.
    pub(super) async fn open(&self) -> Result<Engine<AnyStore>, Failure> {
        self.engine(&self.address()?, Setup::Create).await
    }

    /// The engine for commands whose only effect is on the store: in memory, it would be gone at
    /// once.
    pub(super) async fn open_lasting(&self) -> Result<Engine<AnyStore>, Failure> {
        self.engine(&lasting(self.address()?)?, Setup::Create).await
    }

    /// The engine for commands that change what is there: they make no store, and upgrade one.
    pub(super) async fn open_existing(&self) -> Result<Engine<AnyStore>, Failure> {
        self.engine(&lasting(self.address()?)?, Setup::Upgrade)
            .await
    }

    /// The engine for commands that only read: they make and upgrade nothing, and read also where
    /// nothing may be written.
    #[cfg(feature = "cli")]
    pub(super) async fn open_to_read(&self) -> Result<Engine<AnyStore>, Failure> {
        let address = self.address()?;
        let opening = AnyStore::open_to_read(&address, self.options(Setup::Keep));
        let store = patiently(opening).await;
        Ok(Engine::new(store.map_err(|it| unopened(it, &address))?))
    }

    /// The address of a store that outlives the command. Nothing is opened.
    #[cfg(feature = "cli")]
    pub(super) fn lasting_address(&self) -> Result<StoreAddress, Failure> {
        lasting(self.address()?)
    }

    async fn engine(
        &self,
        address: &StoreAddress,
        setup: Setup,
    ) -> Result<Engine<AnyStore>, Failure> {
        #[cfg(not(feature = "cli"))]
        if *address != StoreAddress::Memory {
            return Err(Failure::Address(format!(
                "this certlife was built without databases (--features cli-core): give --store \
                 {MEMORY}, or build it with --features cli"
            )));
        }
        let opening = AnyStore::open_with(address, self.options(setup));
        let store = patiently(opening).await;
        Ok(Engine::new(store.map_err(|it| unopened(it, address))?))
    }

    fn options(&self, setup: Setup) -> AnyStoreOptions {
        AnyStoreOptions::default()
            .with_setup(setup)
            .with_patience(self.patience)
    }

    pub(super) fn address(&self) -> Result<StoreAddress, Failure> {
        let named = |problem| Failure::Address(format!("{} {problem}", self.origin()));
        read(&self.address).map_err(named)
    }

    /// The option, or the variable in its place. Of the configuration file, the value has been read
    /// before.
    fn origin(&self) -> &'static str {
        let variable = std::env::var_os(VARIABLE);
        if variable.as_ref() == Some(&self.address) {
            VARIABLE
        } else {
            "--store"
        }
    }
}

/// Reads the address of a store. Nothing is opened.
///
/// # Errors
/// What is wrong, to stand behind the name of the option.
pub(super) fn read(given: &OsStr) -> Result<StoreAddress, String> {
    let Some(address) = given.to_str() else {
        let path = after_scheme(given)
            .ok_or_else(|| format!("is not UTF-8; only the path after {SQLITE} need not be"));
        return path.map(StoreAddress::Sqlite);
    };
    match address.parse() {
        Err(StoreAddressError::Path) => Err(format!(
            "{SQLITE} must be followed by the path of a file, as in {SQLITE}certlife.db; a store \
             that is forgotten at the end is {MEMORY}"
        )),
        // Errors name paths, so what is not clearly one is not opened.
        Ok(StoreAddress::Sqlite(path)) if path.to_str().is_some_and(is_no_path) => Err(format!(
            "{SQLITE} must be followed by the path of a file, as in {SQLITE}certlife.db, but what \
             follows looks like something else, and is not repeated here, since it may have a \
             secret in it; for a file of that name, say {SQLITE}./NAME"
        )),
        Ok(address) => {
            AnyStore::check(&address).map_err(|error| {
                let problem = match error {
                    StoreError::Misconfigured { reason, .. } => reason,
                    error => error.to_string(),
                };
                format!("cannot be used: {problem}")
            })?;
            Ok(address)
        }
        Err(_) => Err(format!(
            "must be {MEMORY}, {SQLITE}PATH or postgres://USER@HOST/DATABASE, but {}",
            found(address)
        )),
    }
}

/// Says so, if opening takes its time.
async fn patiently<T>(opening: impl Future<Output = T>) -> T {
    let mut opening = Box::pin(opening);
    if let Ok(store) = tokio::time::timeout(SILENCE, &mut opening).await {
        return store;
    }
    say("waiting for the PostgreSQL server (--patience says for how long)");
    opening.await
}

/// Why there is no store, as the commands have it; by the path, where one was given.
fn unopened(error: StoreError, address: &StoreAddress) -> Failure {
    match error {
        StoreError::NoStore { place } => {
            let place = match address {
                StoreAddress::Sqlite(path) => path.display().to_string(),
                _ => place,
            };
            Failure::Address(format!(
                "there is no store in {place}; apply, import, webhook add, token create \
                 and migrate create it"
            ))
        }
        error @ StoreError::OlderSchema { .. } => {
            Failure::Address(format!("{error}, and by certlife migrate"))
        }
        error => error.into(),
    }
}

/// The address, unless all that is kept there ends with the command.
fn lasting(address: StoreAddress) -> Result<StoreAddress, Failure> {
    match address {
        StoreAddress::Memory => Err(forgetful()),
        address => Ok(address),
    }
}

/// Why a store in memory is none for a command whose only effect is on the store.
pub(super) fn forgetful() -> Failure {
    Failure::Address(format!(
        "{MEMORY} ends with the command, and nothing is kept: give --store {SQLITE}PATH or \
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

/// Leaves what is in memory to the end of the process: to give back every application one by one
/// would be work for nothing.
pub(super) fn leave(store: &AnyStore) {
    if let AnyStore::Memory(store) = store {
        std::mem::forget(store.clone());
    }
}
