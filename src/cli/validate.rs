//! `certlife validate`: events in, findings out.

use std::path::PathBuf;

use serde::Serialize;

use super::auditors::{Auditors, Counted};
use super::input::Lines;
use super::output::{Output, Reader};
use super::report::Report;
use super::{Completion, Failure};
use certificate_lifecycle::{EventKind, Status};

/// Audit a log of event payloads, one JSON object a line, in the order in which they happened.
///
/// Prints a finding for every payload that breaks the contract, and for every event that cannot
/// have happened to its application after the events before it. The log has each event once: a
/// second delivery counts as a second event. A summary goes to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    /// The file of events; `-` or none is standard input.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = r#"Example:
  echo '{"event":"certificate_application.created",' \
  '"webhook_id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890",' \
  '"timestamp":"2026-06-04T10:30:00Z","application_id":42,' \
  '"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",' \
  '"certificate_title":"Certificate of Achievement",' \
  '"applicant_email":"john@example.com","source":"vault",' \
  '"trigger_context":"bulk_upload"}' | certlife validate

Exit status: 0 nothing found, 1 some findings, 2 the run could not go on."#;

/// What was seen in all.
#[derive(Serialize)]
struct Summary {
    events: Counts<EventKind>,
    applications: Counts<Status>,
    findings: u64,
}

/// How often each of some names occurs, in their own order.
struct Counts<N>(Vec<(N, u64)>);

impl<N: Serialize> Serialize for Counts<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

impl<N: std::fmt::Display> std::fmt::Display for Counts<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total: u64 = self.0.iter().map(|(_, count)| count).sum();
        write!(f, "{total}")?;
        let counted = self.0.iter().filter(|(_, count)| *count > 0);
        let words: Vec<_> = counted
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if !words.is_empty() {
            write!(f, " ({})", words.join(", "))?;
        }
        Ok(())
    }
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let lines = Lines::open(args.file.as_ref())?;
    let size = lines.size();
    let mut printer = Printer::new(size);
    let mut auditors = Auditors::start(lines)?;
    let audited = printer.print_all(&mut auditors);
    // Whatever ended the reading, the findings are reported.
    let _ = printer.output.flush()?;
    printer.report.finish()?;
    audited?;
    printer.summarize()
}

/// Prints findings, and a summary of them.
struct Printer {
    report: Report,
    output: Output,
    /// Whether the input is a file, which never lets its reader wait.
    is_file: bool,
    counted: Counted,
    findings: u64,
}

impl Printer {
    fn new(size: Option<u64>) -> Self {
        let report = Report::new(size);
        Self {
            output: Output::new(&report),
            report,
            is_file: size.is_some(),
            counted: Counted::nothing(),
            findings: 0,
        }
    }

    /// Prints until the input ends or the reader has gone.
    fn print_all(&mut self, auditors: &mut Auditors) -> Result<(), Failure> {
        while let Some(audited) = auditors.next()? {
            self.counted = audited.counted;
            for finding in &audited.findings {
                self.findings += 1;
                if self.output.object(finding)? == Reader::Gone {
                    return Ok(());
                }
            }
            // The next line may be long in coming.
            if !self.is_file && self.output.flush()? == Reader::Gone {
                return Ok(());
            }
            self.report.progress(audited.position);
        }
        Ok(())
    }

    fn summarize(mut self) -> Result<Completion, Failure> {
        let findings = self.findings;
        let summary = Summary {
            events: Counts(self.counted.events),
            applications: Counts(self.counted.applications),
            findings,
        };
        self.report.line(&summary, || {
            let (events, applications) = (&summary.events, &summary.applications);
            format!("events: {events}\napplications: {applications}\nfindings: {findings}")
        })?;
        self.report.flush()?;
        Ok(match findings {
            0 => Completion::Clean,
            _ => Completion::Refused,
        })
    }
}
