//! `certlife deliver`: send what is due.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::arguments::duration;
use super::log_level::Level;
use super::output::Output;
use super::webhook::named;
use super::{
    Completion, Failure, block_on, log, metrics, open_files, say, sending, signals, store,
};
use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions, Summary};
use certificate_lifecycle::store::{AnyStore, Backlog, Outbox};
use certificate_lifecycle::webhook::RetrySchedule;

/// How often the number of pending deliveries is shown.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Send the events of all institutions to their webhooks.
///
/// It runs until Ctrl-C or SIGTERM: then it begins no more attempts, and finishes those under way.
/// Any number may work on one store, on several machines.
///
/// Standard error has a line for each attempt that fails, with --log debug for each attempt; at the
/// end, how many deliveries have arrived and how many are dead. A delivery is dead when every
/// attempt in the schedule has failed. certlife deliveries --attempts shows why; certlife redeliver
/// sends it again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Exit once nothing is pending, including retries. Deliveries of disabled webhooks are
    /// ignored.
    #[arg(long)]
    until_idle: bool,

    /// How many requests are under way at a time; one webhook gets half of them at most, two a
    /// third each, and so on.
    #[arg(long, value_name = "NUMBER", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,

    /// The delays before the attempts, separated by commas; the first is 0s. Each is lengthened by
    /// up to a fifth.
    #[arg(
        long,
        value_name = "DELAYS",
        value_parser = schedule,
        default_value = "0s,5s,5m,30m,2h,5h,10h,14h,20h,24h"
    )]
    retry_schedule: RetrySchedule,

    #[command(flatten)]
    sending: sending::Args,

    /// Serve the metrics to Prometheus at http://ADDRESS/metrics, without a password. On a loopback
    /// address, requests have the host localhost or an IP address.
    #[arg(long, value_name = "ADDRESS", value_parser = metrics::address)]
    metrics: Option<SocketAddr>,

    /// How long attempts, and deliveries that have arrived, are kept.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30days")]
    retention: Duration,

    /// Lines on standard error: error for each dead delivery, warn also for each failed attempt,
    /// debug for each attempt. If nothing reads them, lines are left out, and counted.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Warn)]
    log: Level,

    /// Print the numbers at the end as JSON: {"delivered":…,"failed_attempts":…,"dead":…}, with
    /// --until-idle also "pending".
    #[arg(long)]
    json: bool,
}

// With an end, since it is pasted by a test as well.
const EXAMPLE: &str = "Example:
  certlife deliver --until-idle --retry-schedule 0s,1s,2s

Exit status: 0 ended as asked; 1 with --until-idle, some deliveries are dead or still pending; 2 the
run could not go on; 130 ended at once, by a second Ctrl-C, or 143 by a second SIGTERM.";

/// Reads a retry schedule.
pub(super) fn schedule(text: &str) -> Result<RetrySchedule, String> {
    let delays = text.split(',').enumerate().map(|(at, text)| {
        duration(text.trim()).map_err(|error| format!("delay {}: {error}", at + 1))
    });
    let schedule = RetrySchedule::new(delays.collect::<Result<_, _>>()?);
    schedule.map_err(|error| format!("{error}; delays are separated by commas"))
}

#[derive(Serialize)]
struct Numbers {
    delivered: u64,
    failed_attempts: u64,
    dead: u64,
    /// With `--until-idle` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    args.log.start()?;
    open_files::raise();
    let transport = args.sending.transport(args.concurrency)?;
    let (summary, pending) = block_on(async {
        let engine = args.store.open_existing().await?;
        let store = engine.store();
        if let Some(address) = args.metrics {
            metrics::serve(address).await?;
        }
        let summary = deliver(args, store, transport).await?;
        let pending = if args.until_idle {
            Some(tell_pending(store).await?)
        } else {
            None
        };
        Ok((summary, pending))
    })?;
    args.tell(summary, pending)?;
    let has_failed = pending.is_some_and(|it| summary.dead > 0 || it > 0);
    Ok(if has_failed {
        Completion::Refused
    } else {
        Completion::Clean
    })
}

async fn deliver(
    args: &Args,
    store: &AnyStore,
    transport: sending::Sender,
) -> Result<Summary, Failure> {
    let options = DispatcherOptions::default()
        .with_concurrency(args.concurrency)
        .with_schedule(args.retry_schedule.clone())
        .with_timeout(args.sending.timeout)
        .with_retention(args.retention);
    let dispatcher = Dispatcher::new(store.clone(), transport, options);
    let stopped = signals::first(|| ())?;
    let shutdown = async {
        stopped.await;
        say("finishing what is under way; once more ends it at once");
    };
    let delivering = async {
        Ok(if args.until_idle {
            dispatcher.run_until_idle(shutdown).await?
        } else {
            dispatcher.run(shutdown).await?
        })
    };
    if !log::is_terminal() {
        return delivering.await;
    }
    let summary = tokio::select! {
        summary = delivering => summary,
        never = show(store) => match never {},
    };
    log::clear();
    summary
}

/// Reports deliveries that have not arrived, and returns their number: those of disabled webhooks,
/// and those left over if the run was stopped before it was idle.
async fn tell_pending(store: &AnyStore) -> Result<u64, Failure> {
    let (mut all, mut left) = (0, 0);
    for backlog in store.backlog(None).await? {
        all += backlog.pending;
        if !tell_kept(&backlog) {
            left += backlog.pending;
        }
    }
    if left > 0 {
        say(&format!(
            "{left} still pending: the run was stopped before nothing was"
        ));
    }
    Ok(all)
}

/// Says so where something is pending for a webhook that is disabled.
pub(super) fn tell_kept(backlog: &Backlog) -> bool {
    let is_kept = backlog.pending > 0 && !backlog.is_enabled;
    if is_kept {
        let (id, pending) = (backlog.webhook, backlog.pending);
        let named = named(&backlog.institution, id);
        say(&format!(
            "webhook {id} is disabled, and {pending} pending; certlife webhook show {named} tells why, \
             certlife webhook enable --resume {named} goes on"
        ));
    }
    is_kept
}

/// Shows people what is pending.
async fn show(store: &AnyStore) -> std::convert::Infallible {
    loop {
        if let Ok(backlog) = store.backlog(None).await {
            let sum = |of: fn(&Backlog) -> u64| backlog.iter().map(of).sum::<u64>();
            log::show(format!(
                "{} pending, {} dead",
                sum(|it| it.pending),
                sum(|it| it.dead)
            ));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

impl Args {
    fn tell(&self, summary: Summary, pending: Option<u64>) -> Result<(), Failure> {
        if self.json {
            let Summary {
                delivered,
                failed,
                dead,
                ..
            } = summary;
            // The spinner goes before anything else stands on the same terminal.
            log::drain();
            let mut output = Output::plain();
            let _ = output.object(&Numbers {
                delivered,
                failed_attempts: failed,
                dead,
                pending,
            })?;
            let _ = output.flush()?;
        } else {
            sum_up(summary);
        }
        Ok(())
    }
}

/// Says what came of the deliveries.
pub(super) fn sum_up(summary: Summary) {
    let Summary {
        delivered,
        failed,
        dead,
        ..
    } = summary;
    let s = if failed == 1 { "" } else { "s" };
    say(&format!(
        "{delivered} delivered, {failed} failed attempt{s}, {dead} dead"
    ));
    if dead > 0 {
        say(
            "certlife deliveries --status dead --attempts tells why; certlife redeliver --all-dead \
             sends them again",
        );
    }
}
