//! `certlife validate`: events in, findings out.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use serde::Serialize;
use uuid::Uuid;

use super::input::{Line, Lines, too_long};
use super::output::{Output, Reader};
use super::report::Report;
use super::{Completion, Failure};
use certificate_lifecycle::audit::{Audit, Finding};
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

/// One finding.
#[derive(Serialize)]
struct FindingLine {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<Uuid>,
    finding: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

impl FindingLine {
    fn new(line: u64, Finding { uuid, problem, .. }: Finding) -> Self {
        Self {
            line,
            uuid,
            finding: problem.code(),
            message: problem.to_string(),
            field: problem.field(),
        }
    }

    fn too_long(line: u64) -> Self {
        Self {
            line,
            uuid: None,
            finding: "invalid_json",
            message: too_long(),
            field: None,
        }
    }
}

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
    let mut lines = Lines::open(args.file.as_ref())?;
    let mut report = Report::new(lines.size());
    let mut output = Output::new(&report);
    // Never dropped: at the end of the process, giving back every application one by one would be
    // work for nothing.
    let mut audit = ManuallyDrop::new(Audit::default());
    let audited = validate(&mut lines, &mut audit, &mut output, &mut report);
    // Whatever ended the reading, the findings are reported.
    let _ = output.flush()?;
    report.finish()?;
    let findings = audited?;
    let summary = Summary {
        events: Counts(audit.events_by_kind()),
        applications: Counts(audit.applications_by_status()),
        findings,
    };
    report.line(&summary, || {
        let (events, applications) = (&summary.events, &summary.applications);
        format!("events: {events}\napplications: {applications}\nfindings: {findings}")
    })?;
    report.flush()?;
    Ok(match findings {
        0 => Completion::Clean,
        _ => Completion::Refused,
    })
}

fn validate(
    lines: &mut Lines,
    audit: &mut Audit,
    output: &mut Output,
    report: &mut Report,
) -> Result<u64, Failure> {
    let mut count = 0;
    loop {
        if !lines.is_ready() && output.flush()? == Reader::Gone {
            return Ok(count);
        }
        let Some((number, line)) = lines.next()? else {
            return Ok(count);
        };
        let findings = match line {
            Line::Blank => continue,
            Line::Text(text) => {
                let findings = audit.check(text);
                findings
                    .into_iter()
                    .map(|it| FindingLine::new(number, it))
                    .collect()
            }
            Line::TooLong => vec![FindingLine::too_long(number)],
        };
        for finding in findings {
            count += 1;
            if output.object(&finding)? == Reader::Gone {
                return Ok(count);
            }
        }
        report.progress(lines.position());
    }
}
