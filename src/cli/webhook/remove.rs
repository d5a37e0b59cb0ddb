//! `certlife webhook remove`: send nothing any more, and forget what was sent.

use std::io::{self, IsTerminal, Write};

use super::which::Which;
use crate::cli::acts::{acting, unless};
use crate::cli::harmless::harmless;
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::store::{ActKind, Outbox, Webhook};

/// Remove a webhook, with its deliveries and their attempts.
///
/// On a terminal, it asks first. To stop sending but keep what is pending, disable the webhook.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Do not ask.
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    which: Which,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook remove --yes a1b2c3d4-e5f6-7890-abcd-ef1234567890

Exit status: 0 removed, 1 there is none or it was not wanted, 2 the run could not go on.";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let Which { institution, id } = &args.which;
    let id = *id;
    if !args.yes && !can_ask() {
        return Err(Failure::Argument(
            "standard input is not a terminal; pass --yes to remove the webhook".to_owned(),
        ));
    }
    block_on(async {
        let engine = args.store.open_existing().await?;
        let store = engine.store();
        let Some(webhook) = store.webhook(institution, id).await? else {
            return Ok(args.which.unknown());
        };
        if !args.yes && !is_wanted(&webhook)? {
            say(&format!("webhook {id} was not removed"));
            return Ok(Completion::Refused);
        }
        let removing = async { Ok(store.remove_webhook(institution, id).await?) };
        let act = args.which.act(ActKind::WebhookRemoved)?;
        let refusal = |it: &bool| unless(*it, "unknown_webhook");
        if !acting(store, act, refusal, removing).await? {
            return Ok(args.which.unknown());
        }
        say(&format!("webhook {id} was removed"));
        Ok(Completion::Clean)
    })
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks. Only yes is a yes.
fn is_wanted(webhook: &Webhook) -> Result<bool, Failure> {
    let url = harmless(webhook.endpoint.url.as_str());
    let _ = write!(
        io::stderr(),
        "certlife: remove webhook {} ({url}) with its deliveries? [y/N] ",
        webhook.id
    );
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::Read {
            input: "standard input".to_owned(),
            error,
        })?;
    let answer = answer.trim().to_lowercase();
    Ok(["y", "yes"].contains(&answer.as_str()))
}
