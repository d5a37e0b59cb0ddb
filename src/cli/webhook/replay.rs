//! `certlife webhook replay`: send what a webhook never got.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::settings::kinds;
use super::which::Which;
use crate::cli::acts::{acting, unless};
use crate::cli::arguments::{Form, time as read_time};
use crate::cli::deliver::tell_kept;
use crate::cli::output::Output;
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Engine, ReplayProgress};
use certificate_lifecycle::store::{ActKind, AnyStore, Outbox, Replay};
use certificate_lifecycle::webhook::EventKinds;

/// Send a webhook the events that it never got.
///
/// For each event of which the webhook has no delivery, whatever became of it, one is made: of
/// what happened before it was registered, while it was disabled, or before it wanted such events.
/// They are sent behind what is new, in the order in which they happened. What was delivered and
/// has been pruned since is sent again.
///
/// With --json, the number is an object, {"deliveries":…}.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Only of what happened then or later.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    since: Option<DateTime<Utc>>,

    /// Only of what happened before.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    until: Option<DateTime<Utc>>,

    /// Only these events, separated by commas; all that the webhook wants, if absent.
    #[arg(long, value_name = "KINDS", value_parser = kinds)]
    events: Option<EventKinds>,

    /// Count the deliveries that would be made; change nothing.
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    which: Which,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook replay --dry-run --since 2026-06-04T10:30:00Z \\
  a1b2c3d4-e5f6-7890-abcd-ef1234567890

Exit status: 0 they are due, 1 there is no such webhook, 2 the run could not go on.";

/// How many there were, for programs.
#[derive(Serialize)]
struct Number {
    deliveries: u64,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    if args
        .since
        .zip(args.until)
        .is_some_and(|(since, until)| until <= since)
    {
        return Err(Failure::Argument(
            "--until must be later than --since: nothing lies between them".to_owned(),
        ));
    }
    block_on(async {
        let engine = if args.dry_run {
            args.store.open_to_read().await?
        } else {
            args.store.open_existing().await?
        };
        let Which { institution, id } = &args.which;
        let Some(webhook) = engine.store().webhook(institution, *id).await? else {
            return Ok(args.which.unknown());
        };
        let replay = Replay::wanted_by(&webhook, args.events).map_err(|others| {
            let wanted = webhook.endpoint.kinds;
            Failure::Argument(format!(
                "webhook {id} does not want {others}, only {wanted}"
            ))
        })?;
        let replay = replay.with_since(args.since).with_until(args.until);
        let progress = if args.dry_run {
            take_steps(&engine, args, replay.to_count()).await?
        } else {
            let act = args.which.act(ActKind::DeliveriesReplayed)?;
            let act = act.with_detail(replay.to_string().into());
            let refusal = |it: &Option<_>| unless(it.is_some(), "unknown_webhook");
            let steps = take_steps(&engine, args, replay);
            acting(engine.store(), act, refusal, steps).await?
        };
        let Some(progress) = progress else {
            return Ok(args.which.unknown());
        };
        tell(args, progress.deliveries)?;
        if !args.dry_run {
            let backlog = engine.store().backlog(Some(institution)).await?;
            let of_it = backlog.iter().find(|it| it.webhook == *id);
            let _ = of_it.is_some_and(tell_kept);
        }
        Ok(Completion::Clean)
    })
}

/// Takes all steps, and shows how far it is on a terminal.
async fn take_steps(
    engine: &Engine<AnyStore>,
    args: &Args,
    replay: Replay,
) -> Result<Option<ReplayProgress>, Failure> {
    let bar = ProgressBar::new_spinner();
    // The template is a constant that a test draws; a default bar would do as well.
    let style = ProgressStyle::with_template("{spinner} {human_pos} events looked at{msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let each = |progress: ReplayProgress| {
        bar.set_position(progress.looked_at);
        bar.set_message(format!(", {} to be sent", progress.deliveries));
        ControlFlow::Continue(())
    };
    let replayed = engine.replay(&args.which.institution, replay, each).await;
    bar.finish_and_clear();
    Ok(replayed?)
}

/// Says how many there are.
fn tell(args: &Args, deliveries: u64) -> Result<(), Failure> {
    if args.form.json {
        let mut output = Output::plain();
        let _ = output.object(&Number { deliveries })?;
        let _ = output.flush()?;
        return Ok(());
    }
    let (number, verb) = match (deliveries, args.dry_run) {
        (1, true) => ("1 event".to_owned(), "would be sent"),
        (_, true) => (format!("{deliveries} events"), "would be sent"),
        (1, false) => ("1 event".to_owned(), "is due"),
        (_, false) => (format!("{deliveries} events"), "are due"),
    };
    say(&format!("{number} {verb} to webhook {}", args.which.id));
    Ok(())
}
