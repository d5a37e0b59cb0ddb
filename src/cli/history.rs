//! `certlife history`: all that happened to one application.

use uuid::Uuid;

use super::arguments::{Form, Institution, hyphenated};
use super::output::{Output, Reader};
use super::show::{time, unknown};
use super::table::{Column, Table};
use super::{Completion, Failure, block_on, store};
use certificate_lifecycle::EventBody;
use certificate_lifecycle::store::RecordedEvent;

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

/// The cells of a table's row.
fn row(recorded: &RecordedEvent) -> Vec<String> {
    let event = &recorded.event;
    let text = match event.body() {
        EventBody::Rejected { rejection_reason } => rejection_reason.as_str(),
        EventBody::Failed { error, .. } => error.as_str(),
        _ => "",
    };
    let key = recorded.idempotency_key.as_ref();
    vec![
        event.version().to_string(),
        event.kind().to_string(),
        time(event.timestamp()),
        recorded.cursor.to_string(),
        recorded.actor.to_string(),
        key.map(ToString::to_string).unwrap_or_default(),
        text.to_owned(),
    ]
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
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
            if output.object(recorded)? == Reader::Gone {
                return Ok(Completion::Clean);
            }
        }
    } else {
        let rows = history.iter().map(row);
        let text = Table::new(&COLUMNS).page(rows);
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    Ok(Completion::Clean)
}
