//! `certlife history`: all that happened to one application.

use serde::Serialize;
use uuid::Uuid;

use super::arguments::{Form, Institution, hyphenated};
use super::output::{Output, Reader};
use super::show::{time, unknown};
use super::table::{Column, Table};
use super::{Failure, Outcome, block_on, store};
use certificate_lifecycle::EventBody;
use certificate_lifecycle::store::{IdempotencyKey, Recorded};

/// Show all that happened to one application, in order: what, when, and who did it.
///
/// An application that the institution does not have ends with exit status 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife history 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    #[command(flatten)]
    institution: Institution,

    #[command(flatten)]
    form: Form,

    /// The application: its uuid.
    #[arg(value_parser = hyphenated)]
    uuid: Uuid,
}

const COLUMNS: [Column; 7] = [
    Column::VERSION,
    Column::EVENT,
    Column::time("AT"),
    Column::CURSOR,
    Column::word("ACTOR"),
    Column::word("IDEMPOTENCY KEY"),
    Column::text("REASON OR ERROR"),
];

/// An entry of the history, for programs.
#[derive(Serialize)]
struct Entry<'a> {
    version: u64,
    event: &'static str,
    at: String,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    idempotency_key: Option<&'a IdempotencyKey>,
    cursor: String,
    event_id: Uuid,
}

impl<'a> Entry<'a> {
    fn new(recorded: &'a Recorded) -> Self {
        let event = &recorded.event;
        let (mut rejection_reason, mut error) = (None, None);
        match event.body() {
            EventBody::Rejected {
                rejection_reason: it,
            } => rejection_reason = Some(it.as_str()),
            EventBody::Failed { error: it, .. } => error = Some(it.as_str()),
            _ => {}
        }
        Self {
            version: event.version(),
            event: event.kind().name(),
            at: time(event.timestamp()),
            actor: recorded.actor.to_string(),
            rejection_reason,
            error,
            idempotency_key: recorded.idempotency_key.as_ref(),
            cursor: recorded.cursor.to_string(),
            event_id: event.id(),
        }
    }

    fn row(&self, recorded: &Recorded) -> Vec<String> {
        vec![
            self.version.to_string(),
            recorded.event.kind().to_string(),
            self.at.clone(),
            self.cursor.clone(),
            self.actor.clone(),
            self.idempotency_key
                .map(ToString::to_string)
                .unwrap_or_default(),
            self.rejection_reason
                .or(self.error)
                .unwrap_or_default()
                .to_owned(),
        ]
    }
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let institution = &args.institution.id;
    let history = block_on(async {
        let engine = args.store.open_to_read().await?;
        Ok(engine.history(institution, args.uuid).await?)
    })?;
    if history.is_empty() {
        return Ok(unknown(institution, args.uuid));
    }
    let mut output = Output::plain();
    if args.form.json {
        for recorded in &history {
            if output.object(&Entry::new(recorded))? == Reader::Gone {
                return Ok(Outcome::Clean);
            }
        }
    } else {
        let rows = history.iter().map(|it| Entry::new(it).row(it));
        let text = Table::new(&COLUMNS).page(rows);
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    Ok(Outcome::Clean)
}
