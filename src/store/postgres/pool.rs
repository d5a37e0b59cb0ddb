//! Connections.

use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresOptions;
use super::connections::{BUSY, Connections, Family};
use super::home::Home;
use super::schema;
use crate::store::StoreError;

/// What connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Writing,
    Reading,
    Migrating,
    Delivering,
}

/// Whatever the defaults of the role or the database are: in a snapshot that is older than a lock, nobody
/// sees what was done under it, and what was tried again would fail again.
const EVERYBODY: &str = "SET default_transaction_isolation = 'read committed'";

/// What was acknowledged is on disk, whatever the server's default.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// The plans of prepared statements are made once, perhaps while the tables are empty; so they may only be
/// those that stay good: by index, row by row.
const PLANS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

/// How many connections claim and settle at the same time.
const DELIVERERS: usize = 2;

/// Of queues, the first few are read by index, however many there seem to be.
const QUEUES: &str = "SET enable_bitmapscan = off; SET enable_sort = off";

/// What the loss of power takes of claims and settlements is sent again.
const HASTY: &str = "SET synchronous_commit = off";

const READER: &str = "SET default_transaction_read_only = on";

/// Where to connect to, and how.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl std::fmt::Debug for Target {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("hosts", &self.config.get_hosts())
            .field("dbname", &self.config.get_dbname())
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Reads a URL. `sslmode=require`, `verify-ca` and `verify-full` all mean TLS with a certificate that
    /// is verified, against the system's authorities or those of `sslrootcert`; anything else means
    /// none.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parameters = Vec::new();
        let mut root_certificates = None;
        let mut is_secure = false;
        for parameter in query.split('&').filter(|it| !it.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslrootcert", path)) => root_certificates = Some(decoded(path).into()),
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => is_secure = true,
                Some(("sslmode", "disable" | "allow" | "prefer")) => {}
                Some(("sslmode", other)) => {
                    return Err(misconfigured(format!(
                        "the URL's sslmode must be disable, allow, prefer, require, verify-ca or \
                         verify-full, but is {other:?}"
                    )));
                }
                _ => parameters.push(parameter),
            }
        }
        let mut cleaned = place.to_owned();
        if !parameters.is_empty() {
            cleaned = format!("{place}?{}", parameters.join("&"));
        }
        let mut config = Config::from_str(&cleaned).map_err(|error| {
            // Which parameter it was stands in the inner error.
            let inner = std::error::Error::source(&error);
            let problem = inner.map_or_else(|| error.to_string(), ToString::to_string);
            StoreError::Misconfigured {
                reason: format!("the URL cannot be read: {problem}"),
                cause: Some(Arc::new(error)),
            }
        })?;
        if config.get_application_name().is_none() {
            config.application_name("certificate-lifecycle");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        config.ssl_mode(if is_secure {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        let tls = is_secure.then(|| tls(root_certificates)).transpose()?;
        Ok(Self { config, tls })
    }

    /// Connections for a purpose, which live at home.
    pub(super) fn connections(
        &self,
        purpose: Purpose,
        home: &Arc<Home>,
        family: &Arc<Family>,
        options: &PostgresOptions,
    ) -> Result<Connections, StoreError> {
        let pool = self.pool(purpose, home, family.index(), options)?;
        // Migration comes to an end, and its connection with it.
        if purpose != Purpose::Migrating {
            family.add(pool.clone());
        }
        Ok(Connections::new(pool, Arc::clone(family)))
    }

    fn pool(
        &self,
        purpose: Purpose,
        home: &Arc<Home>,
        index: Arc<OnceLock<String>>,
        options: &PostgresOptions,
    ) -> Result<Pool, StoreError> {
        #[allow(
            clippy::needless_update,
            reason = "a later version may have more fields"
        )]
        let manager_config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
            ..ManagerConfig::default()
        };
        let (config, home) = (self.config.clone(), Arc::clone(home));
        let manager = match self.tls.clone() {
            Some(tls) => Manager::from_connect(config, AtHome { home, tls }, manager_config),
            None => Manager::from_connect(config, AtHome { home, tls: NoTls }, manager_config),
        };
        let lock_timeout = format!("SET lock_timeout = {}", options.lock_timeout.as_millis());
        let (size, settings) = match purpose {
            Purpose::Writing => (
                options.writers,
                format!("{EVERYBODY}; {PLANS}; {lock_timeout}; {DURABLE}"),
            ),
            Purpose::Reading => (options.readers, format!("{EVERYBODY}; {READER}")),
            Purpose::Delivering => (
                DELIVERERS,
                format!("{EVERYBODY}; {PLANS}; {QUEUES}; {lock_timeout}; {HASTY}"),
            ),
            Purpose::Migrating => (1, format!("{EVERYBODY}; {lock_timeout}; {DURABLE}")),
        };
        let limit = options.answer_timeout;
        let set_up = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let mut settings = settings.clone();
            // An error while a dump is being restored, of which this index is the last: tables that are missing
            // until then are on their way.
            if let Some(index) = index.get() {
                settings = format!(
                    "{settings}; SELECT '{}'::regclass",
                    index.replace('\'', "''")
                );
            }
            Box::pin(async move {
                let set_up = async {
                    client.batch_execute(&settings).await?;
                    match purpose {
                        Purpose::Writing => schema::catch_up(client).await,
                        Purpose::Reading | Purpose::Delivering | Purpose::Migrating => Ok(()),
                    }
                };
                let set_up = tokio::time::timeout(limit, set_up).await;
                let too_late = |_| HookError::message("the server does not answer");
                set_up.map_err(too_late)?.map_err(HookError::Backend)
            })
        });
        Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(BUSY.max(options.connect_timeout)))
            .create_timeout(Some(options.connect_timeout))
            .post_create(set_up)
            .build()
            .map_err(|error| StoreError::Unavailable {
                reason: error.to_string(),
                cause: Some(Arc::new(error)),
            })
    }

    /// What a connection outside of the pools needs.
    pub(super) const fn parts(&self) -> (&Config, Option<&MakeRustlsConnect>) {
        (&self.config, self.tls.as_ref())
    }
}

/// Connects, and keeps the connection, on the store's runtime: the caller's may end before the connection does.
struct AtHome<T> {
    home: Arc<Home>,
    tls: T,
}

/// Whoever does not wait for a connection any more does not leave a task behind.
struct Abandoned(AbortHandle);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Connect for AtHome<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let (config, tls) = (config.clone(), self.tls.clone());
        Box::pin(async move {
            let connecting = self.home.spawn(async move {
                let (client, connection) = config.connect(tls).await?;
                let connected = tokio::spawn(async move {
                    // How it ends, its client hears.
                    let _ = connection.await;
                });
                Ok((client, connected))
            });
            let _abandoned = Abandoned(connecting.abort_handle());
            match connecting.await {
                Ok(connected) => connected,
                // The runtime has just ended: to the pool, a server that cannot be reached.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

/// A part of a URL without its percent signs, as the other parts are read.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| str::from_utf8(it).ok());
        let digits = digits.filter(|it| *first == b'%' && !it.starts_with('+'));
        if let Some(byte) = digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn misconfigured(reason: String) -> StoreError {
    StoreError::Misconfigured {
        reason,
        cause: None,
    }
}

fn tls(root_certificates: Option<PathBuf>) -> Result<MakeRustlsConnect, StoreError> {
    let authorities = if let Some(path) = root_certificates {
        let mut roots = RootCertStore::empty();
        let refused = |error: &dyn std::fmt::Display| {
            misconfigured(format!(
                "sslrootcert: cannot read certificates from {}: {error}",
                path.display()
            ))
        };
        let certificates = CertificateDer::pem_file_iter(&path).map_err(|it| refused(&it))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|it| refused(&it))?;
            roots.add(certificate).map_err(|it| refused(&it))?;
        }
        if roots.is_empty() {
            return Err(refused(&"there are none"));
        }
        roots
    } else {
        crate::tls::system_authorities()
    };
    let config =
        crate::tls::client(authorities).map_err(|error| misconfigured(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config))
}
