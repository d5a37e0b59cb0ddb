//! `certlife webhook rotate`: a new secret in place of the old one.

use serde::Serialize;
use std::time::Duration;
use uuid::Uuid;

use super::{Changed, Which, change, later, show_secret};
use crate::cli::arguments::{Form, duration};
use crate::cli::output::Output;
use crate::cli::secret::{Given, given};
use crate::cli::show::time;
use crate::cli::table::{Fact, record};
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::engine::{Clock, SystemClock};
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
    #[arg(long, value_name = "SECRET", value_parser = given())]
    secret: Option<Given>,

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
    /// When `X-Webhook-Signature` is made with the new one; none where it is already.
    switch_over: Option<String>,
    /// When the last of the others ends; none where there is none.
    until: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let id = args.which.id;
    let now = SystemClock.now();
    let grace = args.grace.unwrap_or(Secrets::GRACE);
    let until = later(now, grace)?;
    let switch_over = match args.switch_over {
        None => later(now, grace / 2)?,
        Some(it) if it > grace => {
            return Err(Failure::Argument(
                "--switch-over is longer than --grace: by then, the old secret signs nothing"
                    .to_owned(),
            ));
        }
        Some(it) => later(now, it)?,
    };
    let secret = match &args.secret {
        None => Secret::generate().map_err(|error| error.to_string()),
        Some(given) => given
            .read()
            .map_err(|problem| format!("--secret: {problem}")),
    };
    let secret = secret.map_err(Failure::Argument)?;
    let changed = block_on(async {
        let engine = args.store.open_existing().await?;
        change(engine.store(), &args.which, |endpoint| {
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
    // One that came back is the new one, however long it would have signed as an old one.
    let signs = |it: &&OldSecret| now < it.until && it.secret != secret;
    let old: Vec<_> = after.old().iter().filter(signs).collect();
    let rotated = Rotated {
        id,
        secret: secret.expose(),
        switch_over: old
            .iter()
            .map(|it| it.switch_over)
            .filter(|at| now < *at)
            .max()
            .map(time),
        until: old.iter().map(|it| it.until).max().map(time),
    };
    let mut output = Output::plain();
    if args.form.json {
        let _ = output.object(&rotated)?;
    } else {
        let text = record(rotated.facts(&old, before.current()));
        output.text().extend_from_slice(text.as_bytes());
    }
    show_secret(&mut output, &args.which.institution, id)?;
    // The store keeps a few: the oldest went.
    let is_kept = |old| after.old().contains(old);
    if !args.revoke
        && before
            .old()
            .iter()
            .any(|old| now < old.until && !is_kept(old))
    {
        say("the oldest of the secrets before it no longer signs: there were too many");
    }
    Ok(Completion::Clean)
}

impl Rotated<'_> {
    /// What people are told, where these before it still sign, and this is the one that it
    /// replaced.
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
