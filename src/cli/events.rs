//! `certlife events`: the feed, in the order of commits.

use std::io::Write;

use tokio::signal::ctrl_c;

use super::arguments::{Form, Webhook};
use super::output::{self, Output, Reader};
use super::show::time;
use super::table::{Column, Table};
use super::{Failure, Outcome, block_on, store};
use certificate_lifecycle::store::{Cursor, InstitutionId, Recorded, Store};

/// How many events are read at once.
const PAGE: u32 = 512;

/// Print all events in the order in which they were committed.
///
/// With --json, each is a line of cursor, event_id, institution, version and payload: what the
/// webhook is sent. Whoever keeps the cursor of the last event they dealt with goes on exactly there
/// with --after.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  certlife events --json --limit 100 > events.jsonl")]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// Only the events of this institution; of all, if absent.
    #[arg(long, value_name = "ID")]
    institution: Option<InstitutionId>,

    #[command(flatten)]
    webhook: Webhook,

    /// Begin after this cursor; at the first event, if absent.
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,

    /// After the last event, wait for the next; Ctrl-C ends it.
    #[arg(long)]
    follow: bool,

    /// Print at most so many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,

    #[command(flatten)]
    form: Form,
}

const COLUMNS: [Column; 7] = [
    Column::whole("CURSOR"),
    Column::whole("AT"),
    Column::whole("EVENT"),
    Column::whole("VERSION"),
    Column::whole("UUID"),
    Column::text("INSTITUTION"),
    Column::text("ACTOR"),
];

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    block_on(async {
        let feed = print(args);
        if !args.follow {
            return feed.await;
        }
        tokio::select! {
            printed = feed => printed,
            // Where it cannot be listened to, it ends the process, as ever.
            Ok(()) = ctrl_c() => Ok(Outcome::Clean),
        }
    })
}

async fn print(args: &Args) -> Result<Outcome, Failure> {
    let engine = args.store.open_to_read().await?;
    // From before the first look, so that no commit falls between.
    let mut wake = engine.store().wake();
    let mut output = Output::plain();
    let mut table = (!args.form.json).then(|| Table::new(&COLUMNS));
    let mut cursor = args.after.unwrap_or(Cursor::START);
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let asked = match args.institution {
            None => u32::try_from(left).unwrap_or(PAGE).min(PAGE),
            // Of others, any number may come before.
            Some(_) => PAGE,
        };
        let mut page = engine.feed(cursor, asked).await?;
        // A short page is not: what follows may be corrupt.
        let is_end = page.is_empty();
        cursor = page.last().map_or(cursor, |recorded| recorded.cursor);
        if let Some(institution) = &args.institution {
            page.retain(|recorded| recorded.institution == *institution);
        }
        page.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= page.len() as u64;
        if let Some(table) = &mut table {
            let text = table.page(page.iter().map(row));
            output.text().extend_from_slice(text.as_bytes());
        } else {
            for recorded in &page {
                write_line(recorded, args, output.text());
                if output.end_line()? == Reader::Gone {
                    return Ok(Outcome::Clean);
                }
            }
        }
        if output.flush()? == Reader::Gone || (is_end && !args.follow) {
            return Ok(Outcome::Clean);
        }
        if is_end {
            wake.wait().await;
            if output::reader() == Reader::Gone {
                return Ok(Outcome::Clean);
            }
        }
    }
    Ok(Outcome::Clean)
}

/// The line for programs, with the payload byte for byte as the webhook gets it.
fn write_line(recorded: &Recorded, args: &Args, line: &mut Vec<u8>) {
    let Recorded { cursor, event, .. } = recorded;
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

fn row(recorded: &Recorded) -> Vec<String> {
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
