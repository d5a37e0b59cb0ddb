//! Eight processes over the same applications in random orders, against one process that gives all
//! of their commands. `CERTLIFE` names the program of another build, to be measured in its place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::postgres::Server;
use crate::random::Random;
use crate::rivals::{Rivals, Work};
use crate::support::Row;
use crate::{median, runtime};

const PROCESSES: u64 = 8;
const APPLICATIONS: u64 = 1_500;
const ROUNDS: u64 = 3;

/// One process may give up half of what it does when seven others are about the same applications.
const GOAL: f64 = 0.5;

pub fn sqlite(folder: &Path) -> Vec<Row> {
    let store = |name: &str| {
        let file = folder.join(name).with_extension("db");
        format!("sqlite:{}", file.display())
    };
    // (of one command an application each, the start of the processes would take most of the time)
    Work::ALL
        .map(|work| measure("SQLite", work, 8, folder, store))
        .into()
}

pub fn postgresql(folder: &Path) -> Vec<Row> {
    let server = Server::start();
    let runtime = runtime();
    let store = |_: &str| runtime.block_on(server.url_of_new_schema());
    Work::ALL
        .map(|work| measure("PostgreSQL", work, 1, folder, store))
        .into()
}

/// Each process gives so many commands for every application.
fn measure(
    database: &str,
    work: Work,
    commands_each: u64,
    folder: &Path,
    store: impl Fn(&str) -> String,
) -> Row {
    let (mut many, mut one) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut random = Random::from_seed(round);
        let commands: Vec<String> = (0..PROCESSES)
            .map(|process| work.commands(process, APPLICATIONS, commands_each, &mut random))
            .collect();
        let name = format!("{}-{round}", work.name().replace(' ', "-"));
        many.push(seconds(
            work,
            folder,
            &store(&format!("{name}-many")),
            &commands,
            true,
        ));
        one.push(seconds(
            work,
            folder,
            &store(&format!("{name}-one")),
            &commands,
            false,
        ));
    }
    let (many, one) = (median(many), median(one));
    Row {
        work: format!("{database}, 8 processes, the same 1,500: {}", work.name()),
        ours: format!("{many:.2} s"),
        peer: format!("one process: {one:.2} s"),
        ratio: one / many,
        goal: GOAL,
    }
}

/// How long the commands take, by as many processes at once or by one.
fn seconds(work: Work, folder: &Path, store: &str, commands: &[String], at_once: bool) -> f64 {
    let certlife = std::env::var_os("CERTLIFE");
    let certlife = certlife.unwrap_or_else(|| env!("CARGO_BIN_EXE_certlife").into());
    let rivals = Rivals {
        certlife: Path::new(&certlife),
        store,
        folder,
    };
    rivals.prepare(work, APPLICATIONS);
    let write = |(number, commands): (usize, &String)| -> PathBuf {
        rivals.write(&format!("commands-{number}"), commands)
    };
    let files: Vec<PathBuf> = if at_once || work == Work::Atomic {
        commands.iter().enumerate().map(write).collect()
    } else {
        vec![rivals.write("commands", &commands.concat())]
    };
    let runs: Vec<_> = if at_once {
        vec![rivals.run(work, &files)]
    } else {
        // One call is about one file, so a process gives its calls one after the other.
        files
            .iter()
            .map(|file| rivals.run(work, std::slice::from_ref(file)))
            .collect()
    };
    for output in runs.iter().flat_map(|(_, outputs)| outputs) {
        if !matches!(output.status.code(), Some(0 | 1)) {
            let report = String::from_utf8_lossy(&output.stderr);
            println!(
                "a process gave up: {}",
                report.lines().last().unwrap_or_default()
            );
        }
    }
    let elapsed: Duration = runs.iter().map(|(elapsed, _)| *elapsed).sum();
    elapsed.as_secs_f64()
}
