//! How requests are sent: what `deliver` and `webhook test` have in common.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::arguments::duration;
use super::harmless::unread;
use super::{Failure, open_files};
use certificate_lifecycle::delivery::target::{self, RefusedTarget};
use certificate_lifecycle::delivery::{
    HttpOptions, HttpTransport, OutgoingRequest, Response, SendError, Transport,
};

/// Where requests may go, and how long they may take.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// How long a request may take, the reading of the response included.
    #[arg(long, value_name = "DURATION", value_parser = deadline, default_value = "15s", allow_hyphen_values = true)]
    pub(super) timeout: Duration,

    #[command(flatten)]
    targets: Targets,
}

/// Where requests may go.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Targets {
    /// Also allow http:// targets (not encrypted).
    #[arg(long)]
    allow_http: bool,

    /// Also allow these addresses outside the public Internet, such as 10.0.0.0/8; may be repeated.
    #[arg(long = "allow-target", value_name = "CIDR", value_parser = target::network)]
    allowed: Vec<IpNet>,

    /// Trust the authorities in this PEM file beside those of the system.
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
}

/// Reads how long a request may take.
pub(super) fn deadline(text: &str) -> Result<Duration, &'static str> {
    let (least, most) = (Duration::from_millis(10), Duration::from_secs(60 * 60));
    let timeout = duration(text)?;
    let is_in_range = (least..=most).contains(&timeout);
    is_in_range.then_some(timeout).ok_or("expected 10ms to 1h")
}

impl Args {
    /// What sends, at most so many requests at a time.
    pub(super) fn transport(&self, concurrency: u32) -> Result<Sender, Failure> {
        // The other half is for the requests that are under way, and for the store.
        let idle = open_files::most() / 2;
        let options = self.targets.options(self.timeout, concurrency, idle)?;
        self.targets.sender(options)
    }
}

impl Targets {
    /// How requests are sent, at most so many at a time, with so many connections kept beside them.
    pub(super) fn options(
        &self,
        timeout: Duration,
        concurrency: u32,
        idle: usize,
    ) -> Result<HttpOptions, Failure> {
        let authorities = match &self.authorities {
            None => Vec::new(),
            Some(path) => fs::read(path).map_err(|error| Failure::Read {
                input: unread(path),
                error,
            })?,
        };
        if let (true, Some(path)) = (authorities.is_empty(), &self.authorities) {
            return Err(Failure::Content {
                input: format!("--authorities {}", path.display()),
                problem: "it is empty, and must have certificates in PEM".to_owned(),
            });
        }
        let defaults = HttpOptions::default();
        let connect_timeout = defaults.connect_timeout.min(timeout);
        let options = defaults
            .with_connect_timeout(connect_timeout)
            .with_stall_timeout(timeout)
            .with_allow_http(self.allow_http)
            .with_allow_targets(self.allowed.clone())
            .with_idle_per_host(usize::try_from(concurrency).unwrap_or(usize::MAX))
            .with_idle_total(idle);
        let Some(path) = &self.authorities else {
            return Ok(options);
        };
        let given = options.with_authorities(&authorities);
        given.map_err(|error| Failure::Content {
            input: format!("--authorities {}", path.display()),
            problem: error.to_string(),
        })
    }

    /// What sends with these options.
    pub(super) fn sender(&self, options: HttpOptions) -> Result<Sender, Failure> {
        let http = HttpTransport::new(options);
        let http = http.map_err(|error| Failure::Argument(error.to_string()))?;
        Ok(Sender {
            http,
            allow_http: self.allow_http,
            allowed: self.allowed.clone(),
            remedy: Arc::default(),
        })
    }
}

/// Sends over HTTP. The log also names the option that permits a target that is refused. The error
/// of the attempt does not: it is stored, and a tenant may read it.
pub(super) struct Sender {
    http: HttpTransport,
    allow_http: bool,
    allowed: Vec<IpNet>,
    remedy: Arc<OnceLock<String>>,
}

impl Sender {
    /// What permits the first target that is refused, in words, once there is one.
    pub(super) fn remedy(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.remedy)
    }
}

impl Transport for Sender {
    async fn send(
        &self,
        outgoing: OutgoingRequest,
        deadline: Instant,
    ) -> Result<Response, SendError> {
        let checked = target::check_url(&outgoing.url, self.allow_http, &self.allowed);
        let answer = self.http.send(outgoing, deadline).await;
        if let Err(SendError::Refused(_)) = answer {
            // A name was resolved, and its address stands in the error.
            let option = checked.map_or_else(
                |refused| option_for(&refused),
                |()| "--allow-target with its address".to_owned(),
            );
            let remedy = format!("{option} permits it");
            tracing::warn!(target: "certificate_lifecycle::certlife", "the target is refused; {remedy}");
            let _ = self.remedy.set(remedy);
        }
        answer
    }
}

/// The option that permits a target.
pub(super) fn option_for(refused: &RefusedTarget) -> String {
    match refused {
        RefusedTarget::Address { refused, .. } => {
            format!("--allow-target {}", IpNet::from(refused.address))
        }
        _ => "--allow-http".to_owned(),
    }
}
