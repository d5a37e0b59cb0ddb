//! `certlife webhook disable`: send nothing for now.

use super::settings::{Changed, change_as};
use super::which::Which;
use crate::cli::show::time;
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::ActKind;
use certificate_lifecycle::webhook::{Description, Disabled, DisabledReason};

/// Send nothing to a webhook until it is enabled again.
///
/// What is pending stays. Events that are recorded meanwhile make no delivery for it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Why, for those who look at it later: at most 256 characters, on one line.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: Description,

    #[command(flatten)]
    which: Which,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook disable a1b2c3d4-e5f6-7890-abcd-ef1234567890 \\
  --reason 'the portal moves'";

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let id = args.which.id;
    let now = SystemClock.now();
    let changed = block_on(async {
        let engine = args.store.open_existing().await?;
        let what = (ActKind::WebhookDisabled, args.reason.as_str());
        change_as(engine.store(), &args.which, what, |endpoint| {
            if !endpoint.is_enabled() {
                return Changed::Not;
            }
            endpoint.disabled =
                Some(Disabled::new(DisabledReason::Manual, now).with_detail(args.reason.clone()));
            Changed::Settings
        })
        .await
    })?;
    let Some((before, _)) = changed else {
        return Ok(args.which.unknown());
    };
    say(&match before.endpoint.disabled {
        None => format!("webhook {id} is disabled; what is pending stays"),
        Some(it) => format!(
            "webhook {id} was disabled before, at {} ({})",
            time(it.at),
            it.reason
        ),
    });
    Ok(Completion::Clean)
}
