//! `certlife apply`: commands in, events out.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::applications::Applications;
use super::command_line::{CommandLine, Known};
use super::input::{Line, Lines, too_long};
use super::output::{Output, Reader};
use super::refusal::{Code, Refusal};
use super::report::Report;
use super::{Failure, Outcome};
use certificate_lifecycle::Event;

/// Carry out commands, one JSON object a line, and print the event of each.
///
/// Each accepted command prints its webhook event on standard output, in input order. Each refused
/// one is reported on standard error and changes nothing; the lines after it go on.
///
/// The commands are submit, upload, begin_processing, approve, reject, fail and retry. All take
/// `uuid` and, optionally, `at` (an RFC 3339 time; now if absent). submit and upload also take
/// `application_id`, `certificate_title` and `applicant_email`, upload `trigger_context`
/// (single_upload or bulk_upload), reject `rejection_reason`, fail `error`. A field that the command
/// does not take is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// Where the applications are kept; `memory:` forgets them at the end.
    #[arg(long, value_name = "STORE", default_value = "memory:")]
    store: Store,

    /// The webhook endpoint that the events are for.
    #[arg(long, value_name = "UUID", value_parser = hyphenated, default_value_t = Uuid::nil())]
    webhook_id: Uuid,

    /// The file of commands; `-` or none is standard input.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = r#"Example:
  echo '{"command":"submit","application_id":42,' \
  '"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",' \
  '"certificate_title":"Certificate of Achievement",' \
  '"applicant_email":"john@example.com"}' | certlife apply

Exit status: 0 all accepted, 1 some refused, 2 the run could not go on."#;

fn hyphenated(uuid: &str) -> Result<Uuid, &'static str> {
    uuid.parse::<Hyphenated>()
        .map(Hyphenated::into_uuid)
        .map_err(|_| "expected a hyphenated UUID such as a1b2c3d4-e5f6-7890-abcd-ef1234567890")
}

/// Where applications are kept.
#[derive(Debug, Clone, Copy)]
enum Store {
    Memory,
}

impl FromStr for Store {
    type Err = String;

    fn from_str(store: &str) -> Result<Self, Self::Err> {
        match store {
            "memory:" => Ok(Self::Memory),
            _ => Err("this build knows the store memory: only".to_owned()),
        }
    }
}

/// One refused line.
#[derive(Serialize)]
struct RefusedLine<'a> {
    line: u64,
    #[serde(flatten)]
    known: &'a Known,
    #[serde(flatten)]
    refusal: &'a Refusal,
}

/// How many lines were accepted and refused.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: BTreeMap<Code, u64>,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let Store::Memory = args.store;
    let mut lines = Lines::open(args.file.as_ref())?;
    let mut report = Report::new(&lines);
    let mut output = Output::new(&report);
    let applied = apply(&mut lines, args.webhook_id, &mut output, &mut report);
    // Whatever ended the reading, what was done is told.
    let _ = output.flush()?;
    report.finish()?;
    let tally = applied?;
    if report.is_for_people() {
        report.line(&(), || tally.summary())?;
    }
    if tally.refused.is_empty() {
        Ok(Outcome::Clean)
    } else {
        Ok(Outcome::Refused)
    }
}

fn apply(
    lines: &mut Lines,
    webhook_id: Uuid,
    output: &mut Output,
    report: &mut Report,
) -> Result<Tally, Failure> {
    // Never dropped: at the end of the process, giving back every application one by one would be
    // work for nothing.
    let mut applications = ManuallyDrop::new(Applications::default());
    let mut tally = Tally::default();
    loop {
        if !lines.is_ready() {
            // Whoever sends one command and waits for its event must not wait for a full buffer.
            report.flush()?;
            if output.flush()? == Reader::Gone {
                return Ok(tally);
            }
        }
        let Some((number, line)) = lines.next()? else {
            return Ok(tally);
        };
        let mut known = Known::default();
        match execute(&mut applications, &line, &mut known) {
            Ok(event) => {
                tally.accepted += 1;
                event.write_json(webhook_id, output.text());
                if output.end_line()? == Reader::Gone {
                    return Ok(tally);
                }
            }
            Err(refusal) => {
                if report.is_for_people() {
                    // On one terminal, a refusal stands after the events of the lines before it.
                    if output.flush()? == Reader::Gone {
                        return Ok(tally);
                    }
                }
                *tally.refused.entry(refusal.code).or_default() += 1;
                let refused = RefusedLine {
                    line: number,
                    known: &known,
                    refusal: &refusal,
                };
                report.line(&refused, || format!("line {number}: {}", refusal.message))?;
            }
        }
        report.progress(lines);
    }
}

fn execute(
    applications: &mut Applications,
    line: &Line<'_>,
    known: &mut Known,
) -> Result<Event, Refusal> {
    match line {
        Line::Text(text) => applications.execute(CommandLine::parse(text, known)?),
        Line::TooLong => Err(Refusal::new(Code::InvalidJson, too_long())),
    }
}

impl Tally {
    fn summary(&self) -> String {
        let refused: u64 = self.refused.values().sum();
        let mut summary = format!("{} accepted, {refused} refused", self.accepted);
        let kinds: Vec<_> = self
            .refused
            .iter()
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        if !kinds.is_empty() {
            summary = format!("{summary} ({})", kinds.join(", "));
        }
        summary
    }
}
