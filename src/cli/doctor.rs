//! `certlife doctor`: what a store is, and what is wrong with it.

use std::fmt::Write;
use std::time::Duration;

use super::arguments::duration;
use super::harmless::inert;
use super::output::Output;
use super::{Completion, Failure, block_on, store};
use certificate_lifecycle::store::diagnosis::{
    Diagnosis, FileReport, Finding, HostReport, HostRole, Severity,
};
use certificate_lifecycle::store::{
    PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, StoreAddress,
};

/// Ask each host of the store what it is and how it does, and report what is wrong.
///
/// Nothing is changed. The exit status is 0 if nothing is wrong (there may be warnings), 1 if
/// something is, 2 if the address cannot be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  certlife doctor
  certlife doctor --json")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// How long to wait for each connection, and then for the answers of each host, such as 2s.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    timeout: Duration,

    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let diagnosis = block_on(diagnose(args))?;
    let mut output = Output::plain();
    if args.json {
        let _ = output.object(&diagnosis)?;
    } else {
        let text = text(&diagnosis);
        output.text().extend_from_slice(text.as_bytes());
    }
    let _ = output.flush()?;
    Ok(if diagnosis.is_wrong() {
        Completion::Refused
    } else {
        Completion::Clean
    })
}

async fn diagnose(args: &Args) -> Result<Diagnosis, Failure> {
    // A negative duration cannot be written.
    let timeout = args.timeout;
    match args.store.address()? {
        StoreAddress::Postgres(url) => {
            let options = PostgresOptions::default()
                .with_connect_timeout(timeout)
                .with_answer_timeout(timeout);
            Ok(PostgresStore::diagnose(&url, &options).await?)
        }
        StoreAddress::Sqlite(path) => {
            let options = SqliteOptions::default().with_busy_timeout(timeout);
            Ok(SqliteStore::diagnose(path, &options)?)
        }
        _ => Err(store::forgetful()),
    }
}

/// The report for people.
fn text(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for host in &diagnosis.hosts {
        text += &of_host(host);
        let of_it = diagnosis.findings.iter();
        of_it
            .filter(|it| it.host.as_ref() == Some(&host.host))
            .for_each(|it| finding(&mut text, it));
        text.push('\n');
    }
    if let Some(file) = &diagnosis.file {
        text += &of_file(file);
    }
    let mut of_all = diagnosis
        .findings
        .iter()
        .filter(|it| it.host.is_none())
        .peekable();
    if diagnosis.file.is_none() && of_all.peek().is_some() {
        text += "all hosts\n";
    }
    let is_any = of_all.peek().is_some();
    of_all.for_each(|it| finding(&mut text, it));
    if is_any {
        text.push('\n');
    }
    text + &sum(diagnosis)
}

/// A line may have names that others have chosen.
fn line(text: &mut String, line: &str) {
    text.push_str(&inert(line));
    text.push('\n');
}

fn finding(text: &mut String, finding: &Finding) {
    let severity = finding.severity;
    line(text, &format!("  {severity:<8} {}", finding.found));
    if let Some(why) = finding.why {
        line(text, &format!("           why:   {why}"));
    }
    if let Some(remedy) = finding.remedy {
        line(text, &format!("           right: {remedy}"));
    }
}

fn of_host(host: &HostReport) -> String {
    let mut facts = Vec::new();
    match host.role {
        Some(HostRole::Primary) => facts.push("primary".to_owned()),
        Some(HostRole::Standby) => facts.push("standby".to_owned()),
        Some(HostRole::ReadOnly) => facts.push("read-only".to_owned()),
        _ => facts.push("does not answer".to_owned()),
    }
    if let Some(version) = &host.server_version {
        facts.push(format!("PostgreSQL {version}"));
    }
    if let Some(timeline) = host.timeline {
        facts.push(format!("timeline {timeline}"));
    }
    if let Some(connections) = host.connections {
        let (used, limit) = (connections.used, connections.limit);
        facts.push(format!("{used} of {limit} connections"));
    }
    if let Some(skew) = host.clock_skew_ms {
        facts.push(format!("clock {skew:+} ms"));
    }
    if host.role.is_some() && host.is_encrypted {
        facts.push("TLS".to_owned());
    }
    let mut text = String::new();
    line(&mut text, &format!("{}: {}", host.host, facts.join(", ")));
    for standby in host.standbys.iter().flatten() {
        let mut facts = vec![standby.state.as_deref().unwrap_or("?").to_owned()];
        facts.extend(standby.sync_state.clone());
        facts.extend(standby.lag_bytes.map(|it| format!("{it} bytes behind")));
        facts.extend(standby.lag_ms.map(|it| format!("{it} ms")));
        let name = &standby.name;
        line(
            &mut text,
            &format!("  standby {name:?}: {}", facts.join(", ")),
        );
    }
    if let Some(receiving) = &host.receiving {
        let mut facts = Vec::new();
        let received = receiving.lag_bytes;
        facts.extend(received.map(|it| format!("{it} bytes not received")));
        let unapplied = receiving.unapplied_bytes;
        facts.extend(unapplied.map(|it| format!("{it} bytes not applied")));
        facts.extend(receiving.unapplied_ms.map(|it| format!("{it} ms behind")));
        line(&mut text, &format!("  lag: {}", facts.join(", ")));
    }
    text
}

fn of_file(file: &FileReport) -> String {
    let mut facts = Vec::new();
    facts.extend(file.bytes.map(|it| format!("{it} bytes")));
    facts.extend(file.log_bytes.map(|it| format!("{it} bytes in its log")));
    facts.extend(
        file.journal_mode
            .as_ref()
            .map(|it| format!("journal_mode {it}")),
    );
    let mut text = String::new();
    let facts = facts.join(", ");
    let colon = if facts.is_empty() { "" } else { ": " };
    line(&mut text, &format!("{}{colon}{facts}", file.path));
    text
}

/// The last line.
fn sum(diagnosis: &Diagnosis) -> String {
    let of = |severity| {
        let findings = diagnosis.findings.iter();
        findings.filter(|it| it.severity == severity).count()
    };
    let (wrong, warnings, notes) = (
        of(Severity::Wrong),
        of(Severity::Warning),
        of(Severity::Note),
    );
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let mut text = String::new();
    // Nothing fails to be written to memory.
    let _ = writeln!(
        text,
        "{wrong} wrong, {warnings} warning{}, {notes} note{}",
        plural(warnings),
        plural(notes)
    );
    text
}
