//! `certlife webhook rotate`: a new secret in place of the old one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::settings::{Changed, change_as};
use super::which::{Which, show_secret};
use crate::cli::arguments::{Form, duration};
use crate::cli::output::Output;
use crate::cli::secret::{SecretSource, read_or_generate, secret_source};
use crate::cli::show::time;
use crate::cli::table::{Fact, record};
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::Timestamp;
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::ActKind;
use certificate_lifecycle::webhook::{OldSecret, Secret, Secrets};

/// Give a webhook a new secret, and print it.
///
/// For as long as --grace says, webhook-signature carries a signature of each, so that receivers
/// with either secret verify. X-Webhook-Signature has room for one: it is made with the old secret
/// until the switch-over.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// How long the old secret stays valid; 24h, if absent. Those before it keep their own times.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    grace: Option<Duration>,

    /// When X-Webhook-Signature follows; after half of the grace, if absent.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    switch_over: Option<Duration>,

    /// Revoke all earlier secrets immediately, for example after a leak.
    #[arg(long, conflicts_with_all = ["grace", "switch_over"])]
    revoke: bool,

    /// The new secret, whsec_ and base64; a random one, if absent.
    #[arg(long, value_name = "SECRET", value_parser = secret_source())]
    secret: Option<SecretSource>,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    which: Which,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = "Example:
  certlife webhook rotate --grace 48h \\
  a1b2c3d4-e5f6-7890-abcd-ef1234567890";

/// The new secret, and how long those before it sign, for programs.
#[derive(Serialize)]
struct Rotated<'a> {
    id: Uuid,
    secret: &'a str,
    /// When `X-Webhook-Signature` is made with the new one; none if it already is.
    switch_over: Option<String>,
    /// When the last of the others ends; none if there are no others.
    until: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let id = args.which.id;
    let now = SystemClock.now();
    let (switch_over, until) = args.times(now)?;
    let secret = read_or_generate(args.secret.as_ref())?;
    let changed = block_on(async {
        let engine = args.store.open_existing().await?;
        let detail = if args.revoke {
            "revoke".to_owned()
        } else {
            let grace = args.grace.unwrap_or(Secrets::GRACE);
            format!("grace {} s", grace.as_secs())
        };
        let what = (ActKind::WebhookRotated, &*detail);
        change_as(engine.store(), &args.which, what, |endpoint| {
            let secrets = &mut endpoint.secrets;
            let is_alone = !args.revoke || secrets.old().is_empty();
            if *secrets.current() == secret && is_alone {
                return Changed::Not;
            }
            if args.revoke {
                *secrets = Secrets::new(secret.clone());
            } else {
                secrets.rotate(secret.clone(), now, switch_over, until);
            }
            Changed::Settings
        })
        .await
    })?;
    let Some((before, after)) = changed else {
        return Ok(args.which.unknown());
    };
    let (before, after) = (&before.endpoint.secrets, &after.endpoint.secrets);
    if before == after {
        say(&format!("webhook {id} has this secret already"));
        return Ok(Completion::Refused);
    }
    args.show(&secret, before, after, now)?;
    // The store keeps a few: the oldest went.
    let is_lost = |old: &OldSecret| now < old.until && !after.old().contains(old);
    if !args.revoke && before.old().iter().any(is_lost) {
        say("the oldest of the secrets before it no longer signs: there were too many");
    }
    Ok(Completion::Clean)
}

impl Args {
    /// When `X-Webhook-Signature` follows, and when the old secret ends.
    fn times(&self, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>), Failure> {
        let grace = self.grace.unwrap_or(Secrets::GRACE);
        let until = later(now, grace)?;
        let switch_over = self.switch_over.unwrap_or(grace / 2);
        if switch_over > grace {
            return Err(Failure::Argument(
                "--switch-over is longer than --grace: by then, the old secret signs nothing"
                    .to_owned(),
            ));
        }
        Ok((later(now, switch_over)?, until))
    }

    fn show(
        &self,
        secret: &Secret,
        before: &Secrets,
        after: &Secrets,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        // A secret that came back is the new one, however long it would have signed as an old one.
        let signs = |it: &&OldSecret| now < it.until && it.secret != *secret;
        let old: Vec<_> = after.old().iter().filter(signs).collect();
        let switch_overs = old.iter().map(|it| it.switch_over);
        let rotated = Rotated {
            id: self.which.id,
            secret: secret.expose(),
            switch_over: switch_overs.filter(|at| now < *at).max().map(time),
            until: old.iter().map(|it| it.until).max().map(time),
        };
        let mut output = Output::plain();
        if self.form.json {
            let _ = output.object(&rotated)?;
        } else {
            let text = record(rotated.facts(&old, before.current()));
            output.text().extend_from_slice(text.as_bytes());
        }
        show_secret(&mut output, &self.which.institution, self.which.id)
    }
}

impl Rotated<'_> {
    /// For people. `old` are the earlier secrets that still sign, `replaced` is the last of them.
    fn facts(&self, old: &[&OldSecret], replaced: &Secret) -> Vec<Fact> {
        let mut facts = vec![
            Fact::word("id", self.id.to_string()),
            Fact::word("secret", self.secret),
        ];
        let Some(until) = &self.until else {
            facts.push(Fact::text("signs", "all, from now on"));
            return facts;
        };
        let (others, other) = match old {
            [one] if one.secret == *replaced => ("the old one".to_owned(), "the old secret"),
            [_] => ("an older one".to_owned(), "an older secret"),
            _ => (format!("{} older ones", old.len()), "an older secret"),
        };
        let both = format!("by the new secret and by {others} until {until}, then by the new one");
        let one = match &self.switch_over {
            Some(switch_over) => format!("by {other} until {switch_over}, then by the new one"),
            None => "by the new secret".to_owned(),
        };
        facts.push(Fact::text("webhook-signature", both));
        facts.push(Fact::text("X-Webhook-Signature", one));
        facts
    }
}

/// The time after this duration, if an event can have it.
fn later(now: DateTime<Utc>, by: Duration) -> Result<DateTime<Utc>, Failure> {
    let by = TimeDelta::from_std(by).ok();
    let later = by.and_then(|by| now.checked_add_signed(by));
    let later = later.filter(|it| Timestamp::new(*it).is_ok());
    later.ok_or_else(|| Failure::Argument("the duration leads beyond the year 9999".to_owned()))
}
