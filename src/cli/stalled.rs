//! `certlife stalled`: work that got stuck.

use std::time::Duration;

use super::arguments::{Form, Institution, Webhook, duration, in_words};
use super::list::{PAGE, View};
use super::output::{Output, Reader};
use super::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Engine, FailStalledError};
use certificate_lifecycle::store::{Actor, AnyStore, ExecuteError};
use certificate_lifecycle::{AnyApplication, ProcessingError};

/// List the applications whose processing has not ended for a long time.
///
/// Those are the applications that are processing or retried, and uploads that are neither approved
/// nor failed yet. With --fail, they are failed instead, and with --json their events are printed
/// as apply prints them. What moves on meanwhile is left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    institution: Institution,

    /// How long ago their last event is at least, such as 30m, 2h or 1day.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Duration,

    /// Fail them, so that they can be retried.
    #[arg(long)]
    fail: bool,

    /// The error that they fail with.
    #[arg(
        long,
        value_name = "TEXT",
        requires = "fail",
        default_value = "processing stalled"
    )]
    error: ProcessingError,

    #[command(flatten)]
    webhook: Webhook,

    #[command(flatten)]
    form: Form,
}

const EXAMPLE: &str = "Example:
  certlife stalled --older-than 30m
  certlife stalled --older-than 1day --fail --error 'the worker was lost'";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    block_on(async {
        if args.fail {
            fail(args, &args.store.open_existing().await?).await
        } else {
            list(args, &args.store.open_to_read().await?).await
        }
    })
}

async fn list(args: &Args, engine: &Engine<AnyStore>) -> Result<Completion, Failure> {
    let (institution, mut view) = (&args.institution.id, View::new(&args.form));
    let mut after = None;
    loop {
        let page = engine
            .stalled(institution, args.older_than, after, PAGE)
            .await?;
        after = page.next;
        if view.show(&page)? == Reader::Gone || after.is_none() {
            return view.end(|| format!("nothing of {} is stalled", in_words(institution)));
        }
    }
}

async fn fail(args: &Args, engine: &Engine<AnyStore>) -> Result<Completion, Failure> {
    let (institution, actor) = (&args.institution.id, Actor::system("certlife")?);
    let outcome = engine
        .fail_stalled(institution, &actor, args.older_than, &args.error)
        .await;
    // The failed applications are reported, whatever came after.
    let (failed, interruption) = match outcome {
        Ok(failed) => (failed, None),
        Err(FailStalledError { failed, error, .. }) => (failed, Some(error)),
    };
    if args.form.json {
        let mut output = Output::plain();
        for receipt in &failed {
            receipt.event.write_json(args.webhook.id, output.text());
            if output.end_line()? == Reader::Gone {
                break;
            }
        }
        let _ = output.flush()?;
    } else {
        let applications: Vec<AnyApplication> =
            failed.iter().map(|it| it.event.application()).collect();
        let _ = View::new(&args.form).show_all(&applications)?;
        say(&format!("{} failed", failed.len()));
    }
    match interruption {
        None => Ok(Completion::Clean),
        Some(ExecuteError::Store(error)) => Err(Failure::Store(error)),
        Some(other) => Err(Failure::Refused(other)),
    }
}
