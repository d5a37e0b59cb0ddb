//! `certlife apply`: commands in, events out.

use std::path::PathBuf;

use super::arguments::Webhook;
use super::input::{Line, Lines, too_long};
use super::pipeline::{self, Batch, Source};
use super::refusal::{Code, Known, Refusal};
use super::{Completion, Failure, store};
use certificate_lifecycle::command_json::{Defaults, parse};
use certificate_lifecycle::store::{ActorId, Atomicity, InstitutionId, Request};

/// How many lines and bytes of them one call of the store has at most.
const MOST_LINES: usize = 4096;
const MOST_BYTES: u64 = 4 << 20;

/// Carry out commands, one JSON object a line, and print the event of each.
///
/// Each accepted command prints its webhook event on standard output, in input order: what stands
/// there is committed. Each refused one is reported on standard error, as a JSON object a line or,
/// on a terminal, as a sentence, and changes nothing; the lines after it go on.
///
/// The commands are submit, upload, begin_processing, approve, reject, fail and retry. All take
/// `uuid`. submit and upload also take `application_id`, `certificate_title` and `applicant_email`,
/// upload `trigger_context` (single_upload or bulk_upload), reject `rejection_reason`, fail
/// `error`.
///
/// Optional for all are `at` (an RFC 3339 time; now if absent), `institution`, `actor` (such as
/// administrator:jane; if absent, whom the contract names) and `idempotency_key`: the same command
/// again, under the same key, prints the same event, or is refused again, and changes nothing.
/// Optional for all but submit and upload is `expected_version`: at any other version the command
/// is refused. A field that the command does not take is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// The institution of the lines that name none.
    #[arg(long, value_name = "ID", default_value = "default")]
    institution: InstitutionId,

    #[command(flatten)]
    webhook: Webhook,

    /// The file of commands; `-` or none is standard input.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = r#"Example:
  echo '{"command":"submit","application_id":42,' \
  '"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",' \
  '"certificate_title":"Certificate of Achievement",' \
  '"applicant_email":"john@example.com"}' |
  certlife apply --store memory:

Exit status: 0 all accepted, 1 some refused, 2 the run could not go on."#;

pub(super) fn run(args: Args) -> Result<Completion, Failure> {
    let lines = Lines::open(args.file.as_ref())?;
    let size = lines.size();
    let commands = Commands {
        lines,
        // This program is the one who acts.
        defaults: Defaults::by_contract(args.institution, ActorId::new("certlife")?),
        failure: None,
    };
    pipeline::run(&args.store, args.webhook.id, size, commands)
}

/// The commands of an input.
struct Commands {
    lines: Lines,
    defaults: Defaults,
    /// What ended the reading, after the lines before it.
    failure: Option<Failure>,
}

/// The request of a line, and what a refusal can say about it.
fn read(text: &[u8], defaults: &Defaults) -> (Known, Result<Request, Refusal>) {
    match parse(text, defaults) {
        Ok(parsed) => (Known::of(&parsed.request), Ok(parsed.request)),
        Err(error) => (Known::of_bad(&error), Err(error.into())),
    }
}

impl Source for Commands {
    fn next_batch(&mut self) -> Result<Option<Batch>, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut batch = Batch::new(Atomicity::Each);
        let start = self.lines.position();
        loop {
            let is_full = batch.len() >= MOST_LINES || self.lines.position() >= start + MOST_BYTES;
            if batch.len() > 0 && (is_full || !self.lines.is_ready()) {
                break;
            }
            match self.lines.next() {
                Ok(Some((number, line))) => {
                    let (known, read) = match line {
                        Line::Blank => continue,
                        Line::Text(text) => read(text, &self.defaults),
                        Line::TooLong => {
                            let refusal = Refusal::new(Code::INVALID_JSON, too_long());
                            (Known::default(), Err(refusal))
                        }
                    };
                    batch.push(number, known, read);
                }
                Ok(None) if batch.len() == 0 => return Ok(None),
                Ok(None) => break,
                Err(failure) if batch.len() == 0 => return Err(failure),
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        batch.position = self.lines.position();
        Ok(Some(batch))
    }
}
