//! `certlife process`: do the background work with a command.

mod child;
mod command;
mod last_line;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

pub(super) use self::child::kill_all;
pub(super) use self::command::Command;
use super::arguments::{duration, one_institution};
use super::log_level::Level;
use super::output::Output;
use super::{Completion, Failure, block_on, log, metrics, open_files, say, signals, store};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Processor, ProcessorOptions, Summary};
use certificate_lifecycle::store::{AnyStore, InstitutionId, WorkQueue};

/// How often the number of waiting applications is shown.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Run a command for each application in progress, and approve it or fail it.
///
/// Those are the applications that are processing or retried, and uploads that are neither approved
/// nor failed yet. The command has the application as JSON on its standard input (as certlife show
/// --json prints it), and in its environment CERTLIFE_UUID, CERTLIFE_INSTITUTION, CERTLIFE_VERSION,
/// CERTLIFE_ATTEMPT, CERTLIFE_DEADLINE and CERTLIFE_IDEMPOTENCY_KEY. Its standard output is
/// discarded.
///
/// Exit status 0 of the command approves the application, and 75 tries again after a while; any
/// other fails it, with the last line of the command's standard error as the error of the event.
/// The command may run twice for one application, when certlife was killed: what it does elsewhere
/// is to be keyed by CERTLIFE_IDEMPOTENCY_KEY.
///
/// It runs until Ctrl-C or SIGTERM: then it begins no more commands, waits for those that run, and
/// after --grace ends them and gives their applications back. Any number may work on one store, on
/// several machines.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// The command and its arguments. It comes last: all that follows is passed to the command.
    #[arg(
        long,
        required = true,
        num_args = 1..,
        allow_hyphen_values = true,
        value_names = ["COMMAND", "ARG"]
    )]
    exec: Vec<OsString>,

    /// Work for this institution only; for all, if absent.
    #[arg(long, value_name = "ID", value_parser = one_institution)]
    institution: Option<InstitutionId>,

    /// How many commands run at a time. Without --institution, one institution gets half of them at
    /// most, two a third each, and so on.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,

    /// How long a command may run. Then it gets SIGTERM, and a second later it is killed with all
    /// that it has started.
    #[arg(long, value_name = "DURATION", value_parser = timeout, default_value = "10m")]
    timeout: Duration,

    /// How long a claim lasts that is not renewed: after a crash, another process takes over when
    /// it ends.
    #[arg(long, value_name = "DURATION", value_parser = lease, default_value = "60s")]
    lease: Duration,

    /// How many attempts an application has. When the last one exits with 75, it fails.
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    attempts: u32,

    /// How long the second attempt waits; each further one waits twice as long, at most 10 minutes.
    /// Each wait is lengthened by up to a fifth.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    first_wait: Duration,

    /// How long commands may run on after Ctrl-C or SIGTERM.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "20s")]
    grace: Duration,

    /// Exit once nothing is in progress, including what is tried again, and what other processes
    /// work on.
    #[arg(long)]
    until_idle: bool,

    /// Exit once nothing is due: what is to be tried again later is left to the next run.
    #[arg(long, conflicts_with = "until_idle")]
    once: bool,

    /// Serve the metrics to Prometheus at http://ADDRESS/metrics, without a password. On a loopback
    /// address, requests have the host localhost or an IP address.
    #[arg(long, value_name = "ADDRESS", value_parser = metrics::address)]
    metrics: Option<SocketAddr>,

    /// Lines on standard error: error for each application that fails, warn also for each attempt
    /// that is made again, debug for each attempt. If nothing reads them, lines are left out, and
    /// counted.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Warn)]
    log: Level,

    /// Print the numbers at the end as JSON: {"approved":…,"failed":…,"again":…,"lost":…}.
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "Example:
  certlife process --once --concurrency 8 --exec ./make-certificate

Exit status: 0 ended as asked; 1 with --until-idle or --once, some applications failed, or with
--until-idle a signal ended the run before nothing was in progress; 2 the run could not go on; 130
ended at once, by a second Ctrl-C, or 143 by a second SIGTERM.";

/// Reads how long a command may run.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    bounded(text, Duration::from_millis(10), 30 * DAY)
}

/// Reads how long a claim lasts.
pub(super) fn lease(text: &str) -> Result<Duration, String> {
    bounded(text, Duration::from_secs(1), DAY)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn bounded(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let length = duration(text)?;
    if (least..=most).contains(&length) {
        return Ok(length);
    }
    let [least, most] = [least, most].map(humantime::format_duration);
    Err(format!("expected {least} to {most}"))
}

#[derive(Serialize)]
struct Numbers {
    approved: u64,
    failed: u64,
    again: u64,
    lost: u64,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    args.log.start()?;
    open_files::raise();
    let command = Command::find("--exec", &args.exec)?;
    let (summary, left) = block_on(async {
        let engine = args.store.open_existing().await?;
        if let Some(address) = args.metrics {
            metrics::serve(address).await?;
        }
        let summary = process(args, &engine, command).await?;
        let left = if args.until_idle {
            tell_left(engine.store(), args).await?
        } else {
            0
        };
        Ok((summary, left))
    })?;
    tell(args, summary)?;
    let has_end = args.until_idle || args.once;
    let has_failed = has_end && (summary.failed > 0 || left > 0);
    Ok(if has_failed {
        Completion::Refused
    } else {
        Completion::Clean
    })
}

async fn process(
    args: &Args,
    engine: &Engine<AnyStore>,
    command: Command,
) -> Result<Summary, Failure> {
    let options = ProcessorOptions::default()
        .with_concurrency(args.concurrency)
        .with_institution(args.institution.clone())
        .with_timeout(args.timeout)
        .with_lease(args.lease)
        .with_attempts(args.attempts)
        .with_first_wait(args.first_wait)
        .with_grace(args.grace);
    let processor = Processor::new(engine.clone(), command).with_options(options);
    let stopped = signals::first(kill_all)?;
    let shutdown = async {
        stopped.await;
        say("waiting for what is under way; once more ends it at once");
    };
    let processing = async {
        Ok(if args.until_idle {
            processor.run_until_idle(shutdown).await?
        } else if args.once {
            processor.run_once(shutdown).await?
        } else {
            processor.run(shutdown).await?
        })
    };
    if !log::is_terminal() {
        return processing.await;
    }
    let summary = tokio::select! {
        summary = processing => summary,
        never = show(engine.store(), args.institution.as_ref()) => match never {},
    };
    log::clear();
    summary
}

/// Says how much is in progress yet; how much it is.
async fn tell_left(store: &AnyStore, args: &Args) -> Result<u64, Failure> {
    let backlog = store.work_backlog(args.institution.as_ref()).await?;
    let left = backlog.iter().map(|it| it.waiting + it.under_way).sum();
    if left > 0 {
        say(&format!(
            "{left} still in progress: the run was stopped before nothing was"
        ));
    }
    Ok(left)
}

/// Shows people what waits.
async fn show(store: &AnyStore, institution: Option<&InstitutionId>) -> std::convert::Infallible {
    loop {
        if let Ok(backlog) = store.work_backlog(institution).await {
            let waiting: u64 = backlog.iter().map(|it| it.waiting).sum();
            let under_way: u64 = backlog.iter().map(|it| it.under_way).sum();
            log::show(format!("{waiting} waiting, {under_way} under way"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn tell(args: &Args, summary: Summary) -> Result<(), Failure> {
    if args.json {
        let Summary {
            approved,
            failed,
            again,
            lost,
            ..
        } = summary;
        // The spinner goes before anything else stands on the same terminal.
        log::drain();
        let mut output = Output::plain();
        let _ = output.object(&Numbers {
            approved,
            failed,
            again,
            lost,
        })?;
        let _ = output.flush()?;
        return Ok(());
    }
    sum_up(summary);
    Ok(())
}

/// Says what came of the commands.
pub(super) fn sum_up(summary: Summary) {
    let Summary {
        approved,
        failed,
        again,
        ..
    } = summary;
    let s = if again == 1 { "" } else { "s" };
    say(&format!(
        "{approved} approved, {failed} failed, {again} attempt{s} made again"
    ));
    if failed > 0 {
        say("certlife list --status failed tells why; certlife apply retries them");
    }
}
