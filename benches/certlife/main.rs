//! `certlife` on a million lines: `cargo bench --features cli --bench certlife`.
//!
//! Each run is a process of its own, reading a file and writing to nowhere; the median of five
//! counts. Memory is the process's high-water mark beyond that of a run on no input.

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use support::{Row, conclude};
use uuid::Uuid;

const LINES: u32 = 1_000_000;
const RUNS: usize = 5;

fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let [mixed, submissions, events, created, nothing] =
        ["mixed", "submissions", "events", "created", "nothing"]
            .map(|name| folder.path().join(name));
    let applications = write_mixed(&mixed);
    write_submissions(&submissions);
    File::create(&nothing).unwrap();
    for (commands, log) in [(&mixed, &events), (&submissions, &created)] {
        let status = certlife("apply", commands)
            .stdout(File::create(log).unwrap())
            .status();
        assert!(status.unwrap().success(), "every command is legal");
    }

    let idle = measure("apply", &nothing).1;
    let (applied, mixed_memory) = measure("apply", &mixed);
    let (submitted, submitted_memory) = measure("apply", &submissions);
    let (validated, _) = measure("validate", &events);
    let (validated_created, _) = measure("validate", &created);
    conclude(&[
        rate(
            "apply, commands a second (whole histories)",
            applied,
            400_000.0,
        ),
        rate(
            "apply, commands a second (submissions only)",
            submitted,
            400_000.0,
        ),
        memory(
            "apply, memory an application (of whole histories)",
            (mixed_memory - idle) / f64::from(applications),
        ),
        memory(
            "apply, memory an application (a million submissions)",
            (submitted_memory - idle) / f64::from(LINES),
        ),
        rate(
            "validate, events a second (whole histories)",
            validated,
            1_000_000.0,
        ),
        rate(
            "validate, events a second (created events only)",
            validated_created,
            1_000_000.0,
        ),
    ])
}

fn rate(work: &str, seconds: f64, goal: f64) -> Row {
    let ours = f64::from(LINES) / seconds;
    Row {
        work: work.to_owned(),
        ours: format!("{ours:.0}"),
        peer: format!("goal: {goal:.0}"),
        ratio: ours / goal,
        goal: 1.0,
    }
}

fn memory(work: &str, bytes: f64) -> Row {
    Row {
        work: work.to_owned(),
        ours: format!("{bytes:.0} B"),
        peer: "goal: at most 250 B".to_owned(),
        ratio: 250.0 / bytes,
        goal: 1.0,
    }
}

fn certlife(command: &str, file: &Path) -> Command {
    let mut certlife = Command::new(env!("CARGO_BIN_EXE_certlife"));
    certlife
        .arg(command)
        .arg(file)
        .env("CERTLIFE_STORE", "memory:")
        .stdout(Stdio::null());
    certlife
}

/// Seconds and bytes, each the median of the runs.
fn measure(command: &str, file: &Path) -> (f64, f64) {
    let (mut seconds, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let start = Instant::now();
        let mut child = certlife(command, file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut high_water = 0.0_f64;
        while child.try_wait().unwrap().is_none() {
            high_water = high_water.max(read_high_water(&status).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(1));
        }
        seconds.push(start.elapsed().as_secs_f64());
        bytes.push(high_water);
    }
    (median(seconds), median(bytes))
}

/// The most memory that the process has had so far, in bytes.
fn read_high_water(status: &str) -> Option<f64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn uuid(number: u32) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes())
}

fn details(number: u32) -> String {
    format!(
        r#""application_id":{number},"uuid":"{}","certificate_title":"Certificate of Achievement in Subject {}","applicant_email":"student{number}@example.com""#,
        uuid(number),
        number % 977,
    )
}

fn write_submissions(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for number in 1..=LINES {
        let (at, details) = (time(number), details(number));
        writeln!(file, r#"{{"command":"submit","at":"{at}",{details}}}"#).unwrap();
    }
}

/// Whole histories of both sources, a thousand applications interleaved at a time, so that no
/// command finds its application where the last one left the memory. Returns how many there are.
fn write_mixed(path: &Path) -> u32 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let (mut line, mut first) = (0, 1);
    loop {
        for step in 0..5 {
            for number in first..first + 1000 {
                let Some((command, rest)) = history(number).get(step).cloned() else {
                    continue;
                };
                line += 1;
                let at = time(line);
                writeln!(file, r#"{{"command":"{command}","at":"{at}",{rest}}}"#).unwrap();
                if line == LINES {
                    return first + 999;
                }
            }
        }
        first += 1000;
    }
}

/// The commands of one application, in order.
fn history(number: u32) -> Vec<(&'static str, String)> {
    let act = format!(r#""uuid":"{}""#, uuid(number));
    let failed = format!(r#"{act},"error":"PDF generation failed: template not found""#);
    let rejected = format!(r#"{act},"rejection_reason":"Duplicate certificate""#);
    let uploaded = format!(r#""trigger_context":"bulk_upload",{}"#, details(number));
    match number % 10 {
        0..=2 => vec![("upload", uploaded), ("approve", act)],
        3 => vec![("submit", details(number)), ("reject", rejected)],
        4 => vec![
            ("submit", details(number)),
            ("begin_processing", act.clone()),
            ("fail", failed),
            ("retry", act.clone()),
            ("approve", act),
        ],
        _ => vec![
            ("submit", details(number)),
            ("begin_processing", act.clone()),
            ("approve", act),
        ],
    }
}

/// A second later with each line.
fn time(line: u32) -> String {
    let at = chrono::DateTime::from_timestamp(1_780_000_000 + i64::from(line), 0).unwrap();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
