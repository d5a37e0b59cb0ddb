//! `certlife serve`: the HTTP API, and what works beside it.

mod configuration;
mod console;
mod delivering;
mod listening;
mod processing;
mod tls;
mod variables;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::watch;

pub(super) use self::configuration::configured;
use self::listening::Listening;
pub(super) use self::variables::with_variables;
use super::log_level::Level;
use super::{Completion, Failure, metrics, open_files, process, say, sending, signals, store};
use certificate_lifecycle::server::{ServerOptions, router};

/// Serve the HTTP API; with --deliver, --process and --console, do all the rest as well.
///
/// Requests carry a token, which certlife token create makes. The API describes itself at
/// /openapi.json.
///
/// Each option may also be a variable, or stand in a configuration file (TOML) under its name
/// without the hyphens in front: listen = "127.0.0.1:8080", deliver = true. The command line comes
/// before variables, and variables before the file.
///
/// It runs until Ctrl-C or SIGTERM: then event streams end, no more connections are taken, and what
/// is under way is finished, requests for 25 s at most. SIGHUP reads the certificate again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    // Read before the other options are known.
    /// The configuration file; /etc/certlife/certlife.toml if that is there, and none is named.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Check the options, the configuration file, the certificate and the URL of the store, without
    /// connecting to it, and exit.
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    listening: listening::Args,

    /// Refuse commands without If-Match, the version that they are meant for.
    #[arg(long)]
    require_if_match: bool,

    /// Let pages of this origin, https://HOST or https://HOST:PORT, ask from a browser; may be
    /// repeated.
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = listening::origin)]
    cors_origins: Vec<http::HeaderValue>,

    #[command(flatten)]
    console: console::Args,

    #[command(flatten)]
    targets: sending::Targets,

    #[command(flatten)]
    delivering: delivering::Args,

    #[command(flatten)]
    processing: processing::Args,

    /// Serve the metrics to Prometheus at http://ADDRESS/metrics, without a password. On a loopback
    /// address, requests have the host localhost or an IP address.
    #[arg(long, value_name = "ADDRESS", value_parser = metrics::address)]
    metrics: Option<SocketAddr>,

    /// Lines on standard error: info for each request, warn for what fails and is tried again,
    /// error for what fails for good. If nothing reads them, lines are left out, and counted.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Info)]
    log: Level,
}

const EXAMPLE: &str = "Example:
  certlife serve --store sqlite:certlife.db --deliver --console

Exit status: 0 ended by Ctrl-C or SIGTERM; 2 it could not go on; 130 ended at once, by a second
Ctrl-C, or 143 by a second SIGTERM.";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    args.log.start()?;
    open_files::raise();
    let command = args.processing.command()?;
    // Before anything is listened on.
    let _ = args.store.lasting_address()?;
    if args.check {
        let options = args.delivering.http(&args.targets)?;
        let _ = args.targets.sender(options)?;
        let _ = args.listening.check()?;
        say("the configuration can be used");
        return Ok(Completion::Clean);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start { error })?;
    runtime.block_on(args.serve(command))?;
    Ok(Completion::Clean)
}

impl Args {
    async fn serve(&self, command: Option<process::Command>) -> Result<(), Failure> {
        let options = self.delivering.http(&self.targets)?;
        let sender = self.targets.sender(options.clone())?;
        let listening = self.listening.bind().await?;
        let engine = self.store.open_existing().await?;
        if let Some(address) = self.metrics {
            metrics::serve(address).await?;
        }
        let parts = Parts(watch::Sender::new(false));
        let stopped = signals::first(process::kill_all)?;
        let options = ServerOptions::default()
            .with_requires_if_match(self.require_if_match)
            .with_cors_origins(self.cors_origins.clone())
            .with_targets(options)
            .with_shutdown(parts.stopped());
        let api = router(engine.clone(), options.clone());
        let routes = self
            .console
            .beside(api, &engine, options, self.listening.is_tls());
        let serving = answer(listening, routes, parts.stopped());
        let delivering = self.delivering.run(&engine, sender, parts.stopped());
        let processing = self.processing.run(&engine, command, parts.stopped());
        let working = async {
            tokio::join!(
                parts.part(serving),
                parts.part(delivering),
                parts.part(processing)
            )
        };
        let stop = async {
            stopped.await;
            say("finishing what is under way; once more ends it at once");
            parts.stop();
            std::future::pending::<Infallible>().await
        };
        let (serving, delivering, processing) = tokio::select! {
            ended = working => ended,
            never = stop => match never {},
        };
        serving.and(delivering).and(processing)
    }
}

/// Serves until it is to stop.
async fn answer(
    listening: Listening,
    routes: axum::Router,
    stopped: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let cut = listening.serve(routes, stopped).await?;
    if cut > 0 {
        let s = if cut == 1 { "" } else { "s" };
        say(&format!(
            "{cut} connection{s} with a request under way cut off"
        ));
    }
    Ok(())
}

/// What works side by side. All of it is asked to stop when one part fails.
struct Parts(watch::Sender<bool>);

impl Parts {
    fn stop(&self) {
        self.0.send_replace(true);
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.0.subscribe();
        async move {
            let _ = stopped.wait_for(|it| *it).await;
        }
    }

    async fn part(&self, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        let ended = work.await;
        if let Err(failure) = &ended {
            say(&format!("finishing what is under way, since {failure}"));
            self.stop();
        }
        ended
    }
}
