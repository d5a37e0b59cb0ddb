//! `certlife webhook`: where events are sent.

mod add;
mod disable;
mod enable;
mod list;
mod remove;
mod rotate;
mod show;
mod test;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use uuid::Uuid;

use super::arguments::{hyphenated, in_words};
use super::harmless::may_be_secret;
use super::output::{Output, Reader};
use super::{Completion, Failure, say};
use certificate_lifecycle::Timestamp;
use certificate_lifecycle::store::{AnyStore, InstitutionId, Outbox, Webhook};
use certificate_lifecycle::webhook::{Endpoint, EventKinds};

/// Manage webhooks.
///
/// A webhook is a URL that an institution's events are sent to. Each event that is recorded from
/// then on makes one delivery for it; certlife deliver sends them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Args),
    List(list::Args),
    Show(show::Args),
    Rotate(rotate::Args),
    Disable(disable::Args),
    Enable(enable::Args),
    Test(test::Args),
    Remove(remove::Args),
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    match &args.command {
        Command::Add(args) => add::run(args),
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Rotate(args) => rotate::run(args),
        Command::Disable(args) => disable::run(args),
        Command::Enable(args) => enable::run(args),
        Command::Test(args) => test::run(args),
        Command::Remove(args) => remove::run(args),
    }
}

/// Which webhook.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct Which {
    /// Whose webhook: the id of the institution.
    #[arg(long, value_name = "ID", default_value = "default")]
    institution: InstitutionId,

    /// The webhook: its id.
    #[arg(value_parser = hyphenated)]
    id: Uuid,
}

impl Which {
    /// Says that the institution has no such webhook.
    fn unknown(&self) -> Completion {
        unknown(Some(&self.institution), self.id)
    }
}

/// How commands name a webhook, so that it can be pasted into a shell. An institution whose id may
/// be a secret in the wrong place is not named.
pub(super) fn named(institution: &InstitutionId, id: Uuid) -> String {
    let institution = institution.as_str();
    if may_be_secret(institution) {
        return format!("--institution ID {id}");
    }
    if institution == "default" {
        return id.to_string();
    }
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_.:@".contains(it);
    if institution.chars().all(is_plain) {
        format!("--institution {institution} {id}")
    } else {
        format!(
            "--institution '{}' {id}",
            institution.replace('\'', r"'\''")
        )
    }
}

/// Says that there is no such webhook, of an institution or at all.
pub(super) fn unknown(institution: Option<&InstitutionId>, id: Uuid) -> Completion {
    say(&match institution {
        Some(it) => format!("{} has no webhook {id}", in_words(it)),
        None => format!("there is no webhook {id}"),
    });
    Completion::Refused
}

/// Changes a webhook's settings, also beside other changes at the same time; the webhook as it was
/// and as it is, or none where there is no such webhook. Where nothing is to be changed, the change
/// says so.
async fn change(
    store: &AnyStore,
    which: &Which,
    change: impl Fn(&mut Endpoint) -> Changed,
) -> Result<Option<(Webhook, Webhook)>, Failure> {
    loop {
        let Some(before) = store.webhook(&which.institution, which.id).await? else {
            return Ok(None);
        };
        let mut after = before.clone();
        let changed = change(&mut after.endpoint);
        if changed == Changed::Not || store.put_webhook(after.clone()).await?.is_done() {
            return Ok(Some((before, after)));
        }
    }
}

/// Whether settings were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Settings,
    Not,
}

/// Writes what has the secret of this webhook in it. That is kept, and cannot be shown again.
fn show_secret(output: &mut Output, institution: &InstitutionId, id: Uuid) -> Result<(), Failure> {
    let failure = match output.flush() {
        Ok(Reader::Listening) => return Ok(()),
        Ok(Reader::Gone) => Failure::Write {
            stream: "output",
            error: std::io::ErrorKind::BrokenPipe.into(),
        },
        Err(failure) => failure,
    };
    say(&format!(
        "webhook {id} has a secret now that could not be shown: certlife webhook rotate {} replaces it",
        named(institution, id)
    ));
    Err(failure)
}

/// The time after this duration, if an event can have it.
fn later(now: DateTime<Utc>, by: Duration) -> Result<DateTime<Utc>, Failure> {
    let by = TimeDelta::from_std(by).ok();
    let later = by.and_then(|by| now.checked_add_signed(by));
    let later = later.filter(|it| Timestamp::new(*it).is_ok());
    later.ok_or_else(|| Failure::Argument("the duration leads beyond the year 9999".to_owned()))
}

/// The events that a webhook wants, for people.
fn events(kinds: EventKinds) -> String {
    match kinds {
        EventKinds::ALL => "all".to_owned(),
        kinds => kinds.to_string(),
    }
}
