//! What a URL leads to: its hosts, and how each of them is connected to.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::encryption::tls;
use super::options::PostgresOptions;
use crate::store::{Result, StoreError};

/// PostgreSQL's port.
const PORT: u16 = 5432;

/// After how long a peer that has sent nothing is asked whether it is there, and then how often,
/// and how many times in vain: it is given up after 25 seconds. PostgreSQL's own default is two
/// hours.
const IDLE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;

/// For how long a peer may leave what it was sent without an acknowledgement (`TCP_USER_TIMEOUT`).
const UNACKNOWLEDGED: Duration = Duration::from_secs(25);

/// How long one address of a host may take to accept a connection, where the URL does not say it: a
/// name may have several.
const ADDRESS: Duration = Duration::from_secs(2);

/// How long a server is waited for that may only have to be started again, and where another may
/// have to take its place: Patroni needs 30 seconds before it begins with that.
const OUTAGE: Duration = Duration::from_secs(10);
const FAILOVER: Duration = Duration::from_secs(60);

/// Which server is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One that takes writes.
    Writable,
    /// The same, or a standby where there is none.
    PreferWritable,
    /// Whichever comes first.
    Any,
    /// A standby, or another server that takes no writes.
    ReadOnly,
    /// The same, or whichever there is.
    PreferReadOnly,
}

/// One host of a URL.
#[derive(Clone)]
pub(super) struct HostTarget {
    /// As people know it.
    pub(super) name: String,
    pub(super) config: Config,
    /// The name that is to be looked up, and the port.
    pub(super) lookup: Option<(String, u16)>,
}

/// Where to connect to, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) hosts: Vec<HostTarget>,
    pub(super) tls: Option<MakeRustlsConnect>,
    /// Which server those who read want.
    pub(super) reading: Wanted,
    /// Whether the hosts are asked in another order each time.
    pub(super) is_shuffled: bool,
    /// The limit of one attempt, where the URL has one.
    pub(super) connect_timeout: Option<Duration>,
    database: Option<String>,
}

impl std::fmt::Debug for Target {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts: Vec<&str> = self.hosts.iter().map(|it| it.name.as_str()).collect();
        f.debug_struct("Target")
            .field("hosts", &hosts)
            .field("dbname", &self.database)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Reads a URL. `sslmode=require`, `verify-ca` and `verify-full` all mean TLS with a
    /// certificate that is verified, against the system's authorities or those of `sslrootcert`;
    /// anything else means none. `target_session_attrs` says which server those who read want;
    /// those who write want one that takes writes, whatever it says.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parameters = Vec::new();
        let mut root_certificates = None;
        let mut is_secure = false;
        let mut reading = None;
        for parameter in query.split('&').filter(|it| !it.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslrootcert", path)) => root_certificates = Some(decoded(path).into()),
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => is_secure = true,
                Some(("sslmode", "disable" | "allow" | "prefer")) => {}
                Some(("sslmode", other)) => {
                    return Err(StoreError::misconfigured(format!(
                        "the URL's sslmode must be disable, allow, prefer, require, verify-ca or \
                         verify-full, but is {other:?}"
                    )));
                }
                Some(("target_session_attrs", attributes)) => {
                    reading = Some(wanted(attributes)?);
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
            StoreError::misconfigured(format!("the URL cannot be read: {problem}")).caused_by(error)
        })?;
        if config.get_application_name().is_none() {
            config.application_name("certificate-lifecycle");
        }
        config.ssl_mode(if is_secure {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        let tls = is_secure.then(|| tls(root_certificates)).transpose()?;
        let connect_timeout = config.get_connect_timeout().copied();
        // A list in the other form, `host=… target_session_attrs=…`.
        let of_the_list = match config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => Some(Wanted::Writable),
            TargetSessionAttrs::ReadOnly => Some(Wanted::ReadOnly),
            _ => None,
        };
        let keeps_alive = cleaned.contains("keepalives_idle");
        Ok(Self {
            hosts: hosts(&config, keeps_alive)?,
            tls,
            reading: reading.or(of_the_list).unwrap_or(Wanted::PreferWritable),
            is_shuffled: config.get_load_balance_hosts() == LoadBalanceHosts::Random,
            connect_timeout: connect_timeout.filter(|it| !it.is_zero()),
            database: config.get_dbname().map(str::to_owned),
        })
    }

    /// How long a command is repeated.
    pub(super) fn patience(&self, options: &PostgresOptions) -> Duration {
        let usual = if self.hosts.len() > 1 {
            FAILOVER
        } else {
            OUTAGE
        };
        options.patience.unwrap_or(usual)
    }

    /// How long opening waits for a server.
    pub(super) fn patience_at_opening(&self, options: &PostgresOptions) -> Duration {
        match options.patience {
            None if self.hosts.len() == 1 => Duration::ZERO,
            _ => self.patience(options),
        }
    }
}

/// What libpq's `target_session_attrs` asks for. Here a server that takes writes is primary, and
/// any other standby.
fn wanted(attributes: &str) -> Result<Wanted> {
    match attributes {
        "any" => Ok(Wanted::Any),
        "read-write" | "primary" => Ok(Wanted::Writable),
        "read-only" | "standby" => Ok(Wanted::ReadOnly),
        "prefer-standby" => Ok(Wanted::PreferReadOnly),
        other => Err(StoreError::misconfigured(format!(
            "the URL's target_session_attrs must be any, read-write, read-only, primary, standby or \
             prefer-standby, but is {other:?}"
        ))),
    }
}

/// The hosts, each with all settings of the URL.
fn hosts(config: &Config, keeps_alive: bool) -> Result<Vec<HostTarget>> {
    let (names, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let ports = config.get_ports();
    let count = names.len().max(addresses.len());
    let unreadable =
        |problem: String| StoreError::misconfigured(format!("the URL cannot be read: {problem}"));
    if count == 0 {
        return Err(unreadable("it names no host".to_owned()));
    }
    // The rest of a password, which no later error may name as a host.
    if names
        .iter()
        .any(|it| matches!(it, Host::Tcp(name) if name.contains('@')))
    {
        let problem = "it has a second @; within a user or a password, @ is written %40";
        return Err(unreadable(problem.to_owned()));
    }
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(unreadable(format!(
            "it has {} hosts and {} hostaddrs, which must be as many",
            names.len(),
            addresses.len()
        )));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(unreadable(format!(
            "it has {count} hosts and {} ports; there must be one port, or as many as hosts",
            ports.len()
        )));
    }
    let of = |at: usize| {
        let port = ports.get(at).or_else(|| ports.first());
        let port = port.copied().unwrap_or(PORT);
        host(config, keeps_alive, names.get(at), addresses.get(at), port)
    };
    Ok((0..count).map(of).collect())
}

fn host(
    config: &Config,
    keeps_alive: bool,
    name: Option<&Host>,
    address: Option<&IpAddr>,
    port: u16,
) -> HostTarget {
    let mut one = settings(config, keeps_alive);
    one.port(port);
    let (mut shown, mut lookup) = (String::new(), None);
    match name {
        Some(Host::Tcp(name)) => {
            one.host(name);
            let is_address = name.parse::<IpAddr>().is_ok();
            shown = with_port(name, port);
            lookup = (address.is_none() && !is_address).then(|| (name.clone(), port));
        }
        #[cfg(unix)]
        Some(Host::Unix(folder)) => {
            one.host_path(folder);
            shown = format!("{}/.s.PGSQL.{port}", folder.display());
        }
        None => {}
    }
    if let Some(address) = address {
        one.hostaddr(*address);
        if shown.is_empty() {
            shown = with_port(&address.to_string(), port);
        }
    }
    HostTarget {
        name: shown,
        config: one,
        lookup,
    }
}

/// A host and its port as URLs write them.
fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// All settings but those of the hosts.
fn settings(config: &Config, keeps_alive: bool) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    one.ssl_mode(config.get_ssl_mode());
    one.ssl_negotiation(config.get_ssl_negotiation());
    one.channel_binding(config.get_channel_binding());
    one.connect_timeout(*config.get_connect_timeout().unwrap_or(&ADDRESS));
    one.tcp_user_timeout(*config.get_tcp_user_timeout().unwrap_or(&UNACKNOWLEDGED));
    one.keepalives(config.get_keepalives());
    one.keepalives_idle(if keeps_alive {
        config.get_keepalives_idle()
    } else {
        IDLE
    });
    one.keepalives_interval(config.get_keepalives_interval().unwrap_or(INTERVAL));
    one.keepalives_retries(config.get_keepalives_retries().unwrap_or(RETRIES));
    one
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_the_settings_of_the_url() -> Result<()> {
        let target = Target::parse(
            "postgres://me:secret@one,two:5433,[::1]:5434/db?application_name=a&connect_timeout=3\
             &keepalives_idle=77&tcp_user_timeout=9",
        )?;
        let names: Vec<&str> = target.hosts.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["one:5432", "two:5433", "[::1]:5434"]);
        for host in &target.hosts {
            let config = &host.config;
            assert_eq!(config.get_user(), Some("me"));
            assert_eq!(config.get_password(), Some(&b"secret"[..]));
            assert_eq!(config.get_dbname(), Some("db"));
            assert_eq!(config.get_application_name(), Some("a"));
            assert_eq!(config.get_keepalives_idle(), Duration::from_secs(77));
            assert_eq!(config.get_hosts().len(), 1);
        }
        assert_eq!(target.connect_timeout, Some(Duration::from_secs(3)));
        assert!(!format!("{target:?}").contains("secret"));
        // A name is looked up, an address is not.
        let looked_up = target.hosts.iter().map(|it| it.lookup.is_some());
        assert_eq!(looked_up.collect::<Vec<_>>(), [true, true, false]);
        Ok(())
    }

    #[test]
    fn a_dead_peer_is_noticed_unless_the_url_says_otherwise() -> Result<()> {
        let target = Target::parse("postgres://me@one/db")?;
        let config = target.hosts.first().map(|it| it.config.clone());
        let config = config.unwrap_or_default();
        assert_eq!(config.get_keepalives_idle(), IDLE);
        assert_eq!(config.get_keepalives_interval(), Some(INTERVAL));
        assert_eq!(config.get_keepalives_retries(), Some(RETRIES));
        assert_eq!(config.get_tcp_user_timeout(), Some(&UNACKNOWLEDGED));
        assert_eq!(IDLE + RETRIES * INTERVAL, UNACKNOWLEDGED);
        assert_eq!(config.get_application_name(), Some("certificate-lifecycle"));
        Ok(())
    }

    #[test]
    fn who_reads_wants_the_server_that_the_url_says() -> Result<()> {
        for (attributes, wanted) in [
            ("", Wanted::PreferWritable),
            ("?target_session_attrs=any", Wanted::Any),
            ("?target_session_attrs=read-write", Wanted::Writable),
            ("?target_session_attrs=primary", Wanted::Writable),
            ("?target_session_attrs=read-only", Wanted::ReadOnly),
            ("?target_session_attrs=standby", Wanted::ReadOnly),
            (
                "?target_session_attrs=prefer-standby",
                Wanted::PreferReadOnly,
            ),
        ] {
            assert_eq!(
                Target::parse(&format!("postgres://one,two/db{attributes}"))?.reading,
                wanted
            );
        }
        let error = Target::parse("postgres://one/db?target_session_attrs=master").err();
        assert!(error.is_some_and(|it| it.to_string().contains("prefer-standby")));
        Ok(())
    }

    #[test]
    fn several_hosts_are_waited_for_through_a_failover() -> Result<()> {
        let options = PostgresOptions::default();
        let (one, two) = (
            Target::parse("postgres://one/db")?,
            Target::parse("postgres://one,two/db")?,
        );
        assert_eq!(
            (one.patience(&options), two.patience(&options)),
            (OUTAGE, FAILOVER)
        );
        assert_eq!(one.patience_at_opening(&options), Duration::ZERO);
        assert_eq!(two.patience_at_opening(&options), FAILOVER);
        let options = options.with_patience(Some(Duration::from_secs(7)));
        assert_eq!(one.patience_at_opening(&options), Duration::from_secs(7));
        Ok(())
    }

    #[test]
    fn hosts_that_do_not_fit_are_refused() {
        for (url, why) in [
            ("postgres:///db", "no host"),
            ("postgres://me:pass@word@one/db", "%40"),
            ("postgres://one,two/db?port=1,2,3", "port"),
            (
                "postgres://one/db?hostaddr=127.0.0.1,127.0.0.2",
                "hostaddrs",
            ),
        ] {
            let error = Target::parse(url).err();
            let says_why = error
                .as_ref()
                .is_some_and(|it| it.to_string().contains(why));
            assert!(says_why, "{url}: {error:?}");
            assert!(error.is_some_and(|it| it.is_lasting()));
        }
    }
}
