//! Connections.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresOptions;
use crate::store::StoreError;

/// Settings of connections that write. The plans of prepared statements are made once, perhaps while the
/// tables are empty; so they may only be those that stay good: by index, row by row. And what was
/// acknowledged is on disk, whatever the server's default.
const WRITER: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

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
                Some(("sslrootcert", path)) => root_certificates = Some(PathBuf::from(path)),
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

    /// Connections for writing or for reading.
    pub(super) fn pool(
        &self,
        size: usize,
        is_for_writing: bool,
        options: &PostgresOptions,
    ) -> Result<Pool, StoreError> {
        let manager_config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let config = self.config.clone();
        let manager = match &self.tls {
            Some(tls) => Manager::from_config(config, tls.clone(), manager_config),
            None => Manager::from_config(config, NoTls, manager_config),
        };
        let lock_timeout = options.lock_timeout.as_millis();
        let settings = if is_for_writing {
            format!("{WRITER}; SET lock_timeout = {lock_timeout}")
        } else {
            READER.to_owned()
        };
        let set_up = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            let settings = settings.clone();
            Box::pin(async move {
                let set = client.batch_execute(&settings).await;
                set.map_err(HookError::Backend)
            })
        });
        Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.connect_timeout))
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

fn misconfigured(reason: String) -> StoreError {
    StoreError::Misconfigured {
        reason,
        cause: None,
    }
}

fn tls(root_certificates: Option<PathBuf>) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = root_certificates {
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
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| misconfigured(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
