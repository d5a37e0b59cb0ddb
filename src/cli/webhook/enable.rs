//! `certlife webhook enable`: send again.

use super::settings::{Changed, change, refusal};
use super::which::Which;
use crate::cli::acts::acting;
use crate::cli::list::PAGE;
use crate::cli::show::time;
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{ActKind, AnyStore, DeliveryFilter, DeliveryStatus, Outbox};

/// The reason of the deliveries that were abandoned.
const ABANDONED: &str = "abandoned when the webhook was enabled again";

/// Send to a webhook again.
///
/// If deliveries are pending since before it was disabled, choose: --resume sends them when their
/// next attempts are due; --abandon makes them dead. Dead deliveries can be redelivered.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Send the pending deliveries.
    #[arg(long)]
    resume: bool,

    /// Make the pending deliveries dead.
    #[arg(long, alias = "drop", conflicts_with = "resume")]
    abandon: bool,

    #[command(flatten)]
    which: Which,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook enable --resume \\
  a1b2c3d4-e5f6-7890-abcd-ef1234567890

Exit status: 0 enabled, 1 refused, 2 the run could not go on.";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    block_on(async {
        let engine = args.store.open_existing().await?;
        enable(args, engine.store()).await
    })
}

async fn enable(args: &Args, store: &AnyStore) -> Result<Completion, Failure> {
    let Which { institution, id } = &args.which;
    let id = *id;
    let Some(webhook) = store.webhook(institution, id).await? else {
        return Ok(args.which.unknown());
    };
    if webhook.endpoint.is_enabled() {
        // Deliveries under way are not abandoned in passing.
        let (rest, outcome) = if args.abandon {
            ("; nothing was abandoned", Completion::Refused)
        } else {
            ("", Completion::Clean)
        };
        say(&format!("webhook {id} is enabled already{rest}"));
        return Ok(outcome);
    }
    let backlog = store.backlog(Some(institution)).await?;
    let backlog = backlog.into_iter().find(|it| it.webhook == id);
    let pending = backlog.as_ref().map_or(0, |it| it.pending);
    if pending > 0 && !args.resume && !args.abandon {
        let oldest = backlog.and_then(|it| it.oldest);
        let oldest = oldest.map(|at| format!(", the oldest of {}", time(at)));
        say(&format!(
            "{pending} {} pending for webhook {id}{}: pass --resume to send them, or --abandon to make \
             them dead",
            deliveries(pending),
            oldest.unwrap_or_default()
        ));
        return Ok(Completion::Refused);
    }
    let Some(abandoned) = switch_on(args, store).await? else {
        return Ok(args.which.unknown());
    };
    let rest = match (args.abandon, pending) {
        (true, _) => format!("; {abandoned} pending {} abandoned", deliveries(abandoned)),
        (false, 0) => String::new(),
        (false, 1) => "; 1 pending delivery goes on when its next attempt is due".to_owned(),
        (false, _) => {
            format!("; {pending} pending deliveries go on when their next attempts are due")
        }
    };
    say(&format!("webhook {id} is enabled{rest}"));
    Ok(Completion::Clean)
}

/// Enables the webhook, and makes dead what is pending if that is wanted; how many deliveries that
/// were, or none if there is no such webhook.
async fn switch_on(args: &Args, store: &AnyStore) -> Result<Option<u64>, Failure> {
    let detail = match (args.abandon, args.resume) {
        (true, _) => "pending: drop",
        (false, true) => "pending: resume",
        (false, false) => "",
    };
    let act = args.which.act(ActKind::WebhookEnabled)?;
    let switching = async {
        let abandoned = if args.abandon {
            abandon_all(store, &args.which).await?
        } else {
            0
        };
        let changed = change(store, &args.which, |endpoint| {
            match endpoint.disabled.take() {
                Some(_) => Changed::Settings,
                None => Changed::Not,
            }
        });
        Ok(changed.await?.map(|_| abandoned))
    };
    acting(store, act.with_detail(detail.into()), refusal, switching).await
}

fn deliveries(count: u64) -> &'static str {
    match count {
        1 => "delivery is",
        _ => "deliveries are",
    }
}

/// Makes all pending deliveries dead, and returns their number.
async fn abandon_all(store: &AnyStore, which: &Which) -> Result<u64, Failure> {
    let filter = DeliveryFilter::default()
        .with_webhook(Some(which.id))
        .with_status(Some(DeliveryStatus::Pending));
    let (mut count, mut after) = (0, None);
    loop {
        let of = Some(&which.institution);
        let page = store.deliveries(of, filter.clone(), after, PAGE).await?;
        // Also those that cannot be read.
        let readable = page.deliveries.iter().map(|it| it.id);
        let ids = readable.chain(page.corrupt.iter().map(|(id, _)| *id));
        let (ids, now) = (ids.collect(), SystemClock.now());
        let abandoned = store.abandon(&which.institution, now, ids, ABANDONED.to_owned());
        count += abandoned.await?;
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}
