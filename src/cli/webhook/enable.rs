//! `certlife webhook enable`: send again.

use super::{Changed, Which, change};
use crate::cli::list::PAGE;
use crate::cli::show::time;
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{AnyStore, DeliveryFilter, DeliveryStatus, Outbox};

/// Why what was dropped is dead.
const DROPPED: &str = "dropped when the webhook was enabled again";

/// Send to a webhook again.
///
/// Where something is pending since before it was disabled, say what is to become of it: --resume
/// sends it, when the next attempt is due; --drop gives it up. What was given up is dead, and can
/// be redelivered at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Send what is pending.
    #[arg(long)]
    resume: bool,

    /// Give up what is pending.
    #[arg(long, conflicts_with = "resume")]
    drop: bool,

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
        // Nothing that is on its way is given up by the way.
        let (rest, outcome) = if args.drop {
            ("; nothing was dropped", Completion::Refused)
        } else {
            ("", Completion::Clean)
        };
        say(&format!("webhook {id} is enabled already{rest}"));
        return Ok(outcome);
    }
    let backlog = store.backlog(Some(institution)).await?;
    let backlog = backlog.into_iter().find(|it| it.webhook == id);
    let pending = backlog.as_ref().map_or(0, |it| it.pending);
    if pending > 0 && !args.resume && !args.drop {
        let oldest = backlog.and_then(|it| it.oldest);
        let oldest = oldest.map(|at| format!(", the oldest of {}", time(at)));
        say(&format!(
            "{pending} {} pending for webhook {id}{}: say --resume to send what is pending, or --drop \
             to give it up",
            deliveries(pending),
            oldest.unwrap_or_default()
        ));
        return Ok(Completion::Refused);
    }
    let dropped = if args.drop {
        drop_all(store, &args.which).await?
    } else {
        0
    };
    let changed = change(store, &args.which, |endpoint| {
        match endpoint.disabled.take() {
            Some(_) => Changed::Settings,
            None => Changed::Not,
        }
    });
    if changed.await?.is_none() {
        return Ok(args.which.unknown());
    }
    let rest = match (args.drop, pending) {
        (true, _) => format!("; {dropped} pending {} dropped", deliveries(dropped)),
        (false, 0) => String::new(),
        (false, 1) => "; 1 pending delivery goes on when its next attempt is due".to_owned(),
        (false, _) => {
            format!("; {pending} pending deliveries go on when their next attempts are due")
        }
    };
    say(&format!("webhook {id} is enabled{rest}"));
    Ok(Completion::Clean)
}

fn deliveries(count: u64) -> &'static str {
    match count {
        1 => "delivery is",
        _ => "deliveries are",
    }
}

/// Gives up all that is pending; how much that was.
async fn drop_all(store: &AnyStore, which: &Which) -> Result<u64, Failure> {
    let filter = DeliveryFilter::default()
        .with_webhook(Some(which.id))
        .with_status(Some(DeliveryStatus::Pending));
    let (mut dropped, mut after) = (0, None);
    loop {
        let of = Some(&which.institution);
        let page = store.deliveries(of, filter.clone(), after, PAGE).await?;
        // What cannot be read is given up as well.
        let readable = page.deliveries.iter().map(|it| it.id);
        let ids = readable.chain(page.corrupt.iter().map(|(id, _)| *id));
        let (ids, now) = (ids.collect(), SystemClock.now());
        let abandoned = store.abandon(&which.institution, now, ids, DROPPED.to_owned());
        dropped += abandoned.await?;
        after = page.next;
        if after.is_none() {
            return Ok(dropped);
        }
    }
}
