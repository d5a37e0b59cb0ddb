//! `certlife webhook list`: the webhooks that there are.

use super::settings::events;
use crate::cli::arguments::{Form, in_words, one_institution};
use crate::cli::output::{Output, Reader};
use crate::cli::table::{Column, Table};
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::store::{InstitutionId, Outbox, Webhook};

/// List the webhooks, in the order in which they were registered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife webhook list --institution default")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Only those of this institution; of all, if absent.
    #[arg(long, value_name = "ID", value_parser = one_institution)]
    institution: Option<InstitutionId>,

    #[command(flatten)]
    form: Form,
}

const COLUMNS: [Column; 6] = [
    Column::WEBHOOK,
    Column::word("INSTITUTION"),
    Column::word("STATE"),
    Column::word("EVENTS"),
    Column::word("URL"),
    Column::text("DESCRIPTION"),
];

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let webhooks = block_on(async {
        let engine = args.store.open_to_read().await?;
        Ok(engine.store().webhooks(args.institution.as_ref()).await?)
    })?;
    let mut output = Output::plain();
    if args.form.json {
        for webhook in &webhooks {
            if output.object(webhook)? == Reader::Gone {
                return Ok(Completion::Clean);
            }
        }
    } else {
        let text = Table::new(&COLUMNS).page(webhooks.iter().map(row));
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    if webhooks.is_empty() && !args.form.json {
        say(&match &args.institution {
            None => "no webhooks".to_owned(),
            Some(institution) => format!("no webhooks of {}", in_words(institution)),
        });
    }
    Ok(Completion::Clean)
}

fn row(webhook: &Webhook) -> Vec<String> {
    let endpoint = &webhook.endpoint;
    let state = match &endpoint.disabled {
        None => "enabled".to_owned(),
        Some(disabled) => format!("disabled ({})", disabled.reason),
    };
    vec![
        webhook.id.to_string(),
        webhook.institution.to_string(),
        state,
        events(endpoint.kinds),
        endpoint.url.to_string(),
        endpoint.description.to_string(),
    ]
}
