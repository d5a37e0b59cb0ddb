//! `certlife events`: the feed, in the order of commits.

use std::io::Write;

use super::arguments::{Form, Webhook, in_words, one_institution};
use super::outage::Outage;
use super::output::{self, Output, Reader};
use super::show::time;
use super::table::{Column, Table};
use super::{Completion, Failure, block_on, log, say, signals, store};
use certificate_lifecycle::store::{Cursor, InstitutionId, RecordedEvent, Store};

/// How many events are read at once.
const PAGE: u32 = 512;

/// Print all events in the order in which they were committed.
///
/// With --json, each is a line of cursor, event_id, institution, version and payload: what the
/// webhook is sent; with --payload, the payload alone. To resume without gaps or repeats, pass the
/// cursor of the last event you processed to --after.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Only the events of this institution; of all, if absent.
    #[arg(long, value_name = "ID", value_parser = one_institution)]
    institution: Option<InstitutionId>,

    #[command(flatten)]
    webhook: Webhook,

    /// Begin after this cursor; at the first event, if absent.
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    after: Option<Cursor>,

    /// After the last event, wait for the next; Ctrl-C or SIGTERM ends it, a second one at once.
    ///
    /// It also waits for a store that stops answering, with one line on standard error, and one
    /// when it answers again.
    #[arg(long)]
    follow: bool,

    /// Print at most so many; all of them, if absent.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,

    #[command(flatten)]
    form: Form,

    /// Print the payloads alone, one a line, as the webhook is sent them: for validate, and for a
    /// replay.
    #[arg(long, conflicts_with = "json")]
    payload: bool,
}

const EXAMPLE: &str = "Example:
  certlife events --json --limit 100 > events.jsonl
  certlife events --payload | certlife validate";

const COLUMNS: [Column; 7] = [
    Column::CURSOR,
    Column::time("AT"),
    Column::EVENT,
    Column::VERSION,
    Column::UUID,
    Column::word("INSTITUTION"),
    Column::word("ACTOR"),
];

/// Reads a cursor. Its own error repeats the text.
fn cursor(text: &str) -> Result<Cursor, &'static str> {
    text.parse()
        .map_err(|_| "expected a cursor as the feed gives it, such as 17 or 17-3")
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    block_on(async {
        let feed = print(args);
        if !args.follow {
            return feed.await;
        }
        log::start()?;
        let stopped = signals::first(|| ())?;
        tokio::select! {
            printed = feed => printed,
            () = stopped => Ok(Completion::Clean),
        }
    })
}

async fn print(args: &Args) -> Result<Completion, Failure> {
    let engine = args.store.open_to_read().await?;
    // From before the first look, so that no commit falls between.
    let mut wake = engine.store().commits();
    let mut output = Output::plain();
    let is_table = !args.form.json && !args.payload;
    let mut table = is_table.then(|| Table::new(&COLUMNS));
    let mut is_empty = true;
    let mut cursor = args.after.unwrap_or(Cursor::START);
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut outage = Outage::default();
    while left > 0 {
        let asked = match args.institution {
            None => u32::try_from(left).unwrap_or(PAGE).min(PAGE),
            // Of others, any number may come before.
            Some(_) => PAGE,
        };
        let mut page = match engine.feed(cursor, asked).await {
            Ok(page) => page,
            Err(error) if args.follow => {
                outage.wait(error).await?;
                if output::reader() == Reader::Gone {
                    return Ok(Completion::Clean);
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        outage.end();
        // A short page is not: what follows may be corrupt.
        let is_end = page.is_empty();
        cursor = page.last().map_or(cursor, |recorded| recorded.cursor);
        if let Some(institution) = &args.institution {
            page.retain(|recorded| recorded.institution == *institution);
        }
        page.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= page.len() as u64;
        is_empty &= page.is_empty();
        if let Some(table) = &mut table {
            let text = table.page(page.iter().map(row));
            output.text().extend_from_slice(text.as_bytes());
        } else {
            for recorded in &page {
                write_line(recorded, args, output.text());
                if output.end_line()? == Reader::Gone {
                    return Ok(Completion::Clean);
                }
            }
        }
        if output.flush()? == Reader::Gone {
            return Ok(Completion::Clean);
        }
        if is_end && !args.follow {
            if is_empty && is_table {
                say(&nothing(args));
            }
            return Ok(Completion::Clean);
        }
        if is_end {
            wake.wait().await;
            if output::reader() == Reader::Gone {
                return Ok(Completion::Clean);
            }
        }
    }
    Ok(Completion::Clean)
}

/// What to say where there is no event.
fn nothing(args: &Args) -> String {
    let more = if args.after.is_some() { "more " } else { "" };
    match &args.institution {
        None => format!("no {more}events"),
        Some(institution) => format!("no {more}events of {}", in_words(institution)),
    }
}

/// The line for programs, with the payload byte for byte as the webhook gets it.
fn write_line(recorded: &RecordedEvent, args: &Args, line: &mut Vec<u8>) {
    let RecordedEvent { cursor, event, .. } = recorded;
    if args.payload {
        event.write_json(args.webhook.id, line);
        return;
    }
    // Neither a cursor nor a UUID has what JSON escapes, and nothing fails to be written to memory.
    let _ = write!(
        line,
        r#"{{"cursor":"{cursor}","event_id":"{}","institution":"#,
        event.id()
    );
    let _ = serde_json::to_writer(&mut *line, &recorded.institution);
    let _ = write!(line, r#","version":{},"payload":"#, event.version());
    event.write_json(args.webhook.id, line);
    line.push(b'}');
}

fn row(recorded: &RecordedEvent) -> Vec<String> {
    let event = &recorded.event;
    vec![
        recorded.cursor.to_string(),
        time(event.timestamp()),
        event.kind().to_string(),
        event.version().to_string(),
        event.uuid().to_string(),
        recorded.institution.to_string(),
        recorded.actor.to_string(),
    ]
}
