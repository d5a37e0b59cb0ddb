//! `certlife webhook show`: one webhook, and how it fares.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::settings::events;
use super::which::Which;
use crate::cli::arguments::Form;
use crate::cli::output::Output;
use crate::cli::show::time;
use crate::cli::table::{Fact, record};
use crate::cli::{Completion, Failure, block_on, store};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{Backlog, Outbox, Webhook};
use certificate_lifecycle::webhook::OldSecret;

/// Show one webhook: its settings, how its server has answered of late, and what waits for it.
///
/// A webhook that there is not ends with exit status 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife webhook show a1b2c3d4-e5f6-7890-abcd-ef1234567890")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    which: Which,
}

/// A webhook with all that is known of it, for programs.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    webhook: &'a Webhook,
    pending: u64,
    oldest_pending: Option<String>,
    dead: u64,
    old_secrets: Vec<ShownOld>,
}

/// An old secret that still signs.
#[derive(Serialize)]
struct ShownOld {
    switch_over: String,
    until: String,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let Which { institution, id } = &args.which;
    let id = *id;
    let found = block_on(async {
        let engine = args.store.open_to_read().await?;
        let Some(webhook) = engine.store().webhook(institution, id).await? else {
            return Ok(None);
        };
        let backlog = engine.store().backlog(Some(institution)).await?;
        let backlog = backlog.into_iter().find(|it| it.webhook == id);
        Ok(Some((webhook, backlog)))
    })?;
    let Some((webhook, backlog)) = found else {
        return Ok(args.which.unknown());
    };
    let backlog = backlog.unwrap_or_else(|| {
        Backlog::new(id, institution.clone()).with_is_enabled(webhook.endpoint.is_enabled())
    });
    let mut output = Output::plain();
    if args.form.json {
        let _ = output.object(&Args::shown(&webhook, &backlog))?;
    } else {
        let text = record(Args::facts(&webhook, &backlog));
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    Ok(Completion::Clean)
}

/// The old secrets that still sign something.
fn old_secrets(webhook: &Webhook) -> impl Iterator<Item = &OldSecret> {
    let now: DateTime<Utc> = SystemClock.now();
    let old = webhook.endpoint.secrets.old().iter();
    old.filter(move |it| now < it.until)
}

impl Args {
    fn shown<'a>(webhook: &'a Webhook, backlog: &Backlog) -> Shown<'a> {
        Shown {
            webhook,
            pending: backlog.pending,
            oldest_pending: backlog.oldest.map(time),
            dead: backlog.dead,
            old_secrets: old_secrets(webhook)
                .map(|old| ShownOld {
                    switch_over: time(old.switch_over),
                    until: time(old.until),
                })
                .collect(),
        }
    }

    fn facts(webhook: &Webhook, backlog: &Backlog) -> Vec<Fact> {
        let (endpoint, health) = (&webhook.endpoint, &webhook.health);
        let mut facts = vec![
            Fact::word("id", webhook.id.to_string()),
            Fact::word("institution", webhook.institution.to_string()),
            Fact::word("url", endpoint.url.to_string()),
            Fact::word("events", events(endpoint.kinds)),
        ];
        if !endpoint.description.is_empty() {
            facts.push(Fact::text("description", endpoint.description.as_str()));
        }
        let headers: Vec<_> = endpoint.headers.names().collect();
        if !headers.is_empty() {
            facts.push(Fact::text("headers", headers.join(", ")));
        }
        facts.push(Fact::word("registered at", time(webhook.created_at)));
        facts.push(match &endpoint.disabled {
            None => Fact::word("state", "enabled"),
            Some(it) => {
                let detail = match it.detail.as_str() {
                    "" => String::new(),
                    detail => format!(": {detail}"),
                };
                let (reason, at) = (it.reason, time(it.at));
                Fact::text("state", format!("disabled since {at} ({reason}){detail}"))
            }
        });
        facts.push(match health.failing_since {
            None => Fact::word("health", "good"),
            Some(at) => Fact::text("health", format!("failing since {}", time(at))),
        });
        if let Some(at) = health.not_before {
            facts.push(Fact::text("waits until", time(at)));
        }
        let oldest = backlog
            .oldest
            .map(|at| format!(", the oldest of {}", time(at)));
        let pending = format!("{}{}", backlog.pending, oldest.unwrap_or_default());
        facts.push(Fact::text("pending", pending));
        facts.push(Fact::word("dead", backlog.dead.to_string()));
        for old in old_secrets(webhook) {
            facts.push(Fact::text("old secret signs", signs(old)));
        }
        facts
    }
}

/// Until when an old secret signs what.
fn signs(old: &OldSecret) -> String {
    format!(
        "X-Webhook-Signature until {}, webhook-signature until {}",
        time(old.switch_over),
        time(old.until)
    )
}
