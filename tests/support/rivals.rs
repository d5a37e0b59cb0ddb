//! Processes that give the same commands in other orders: the files of their commands, and how they
//! are run.

#![allow(
    dead_code,
    reason = "the test and the benchmark each take what they need"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::random::Random;

/// What the processes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Transitions of the same applications.
    Transitions,
    /// Creations of the same applications, each process in its institution.
    Creations,
    /// Creations of applications of each process, under the same keys.
    Keys,
    /// Creations of the same applications under the same keys: one list that is uploaded twice.
    Repetitions,
    /// The creation and four transitions of the same applications.
    Mixed,
    /// Imports of the same rows, all or none.
    Atomic,
}

impl Work {
    pub const ALL: [Self; 6] = [
        Self::Transitions,
        Self::Creations,
        Self::Keys,
        Self::Repetitions,
        Self::Mixed,
        Self::Atomic,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Transitions => "transitions",
            Self::Creations => "creations",
            Self::Keys => "keys",
            Self::Repetitions => "repetitions",
            Self::Mixed => "mixed",
            Self::Atomic => "atomic imports",
        }
    }

    /// The commands that must have been carried out before; nothing where there are none.
    pub fn before(self, applications: u64) -> String {
        match self {
            Self::Transitions => (0..applications).map(|it| submission(it, "")).collect(),
            _ => String::new(),
        }
    }

    /// The commands of one process, in an order of its own, one a line. Each application has
    /// `rounds` of them.
    pub fn commands(
        self,
        process: u64,
        applications: u64,
        rounds: u64,
        random: &mut Random,
    ) -> String {
        let mut lines = String::new();
        if self == Self::Atomic {
            lines.push_str("title,email,application_id,uuid\n");
        }
        let rounds = if self == Self::Atomic { 1 } else { rounds };
        for round in 0..rounds {
            for application in shuffled(applications, random) {
                lines.push_str(&self.command(process, application, round, random));
            }
        }
        lines
    }

    fn command(self, process: u64, application: u64, round: u64, random: &mut Random) -> String {
        match self {
            Self::Creations => submission(
                application,
                &format!(r#","institution":"institution-{process}""#),
            ),
            Self::Keys => submission((process + 1) << 32 | application, &key(application)),
            Self::Repetitions => submission(application, &key(application)),
            Self::Mixed if round == 0 => submission(application, ""),
            Self::Transitions | Self::Mixed => transition(application, random.below(4)),
            Self::Atomic => format!(
                "Diploma,a@example.com,{},{}\n",
                application + 1,
                id(application)
            ),
        }
    }

    /// The institutions whose applications these are.
    pub fn institutions(self, processes: u64) -> Vec<String> {
        match self {
            Self::Creations => (0..processes)
                .map(|it| format!("institution-{it}"))
                .collect(),
            _ => vec!["default".to_owned()],
        }
    }

    /// The arguments of `certlife` for a file of commands.
    pub fn arguments(self, file: &Path) -> Vec<String> {
        let file = file.to_str().unwrap().to_owned();
        match self {
            Self::Atomic => vec!["import".to_owned(), "--atomic".to_owned(), file],
            _ => vec!["apply".to_owned(), file],
        }
    }
}

/// The identity of an application, in no order of its number.
fn id(application: u64) -> String {
    let digits = Random::from_seed(application).next();
    let (high, low) = (digits >> 32, digits & 0xffff_ffff);
    format!("{high:08x}-0000-4000-8000-0000{low:08x}")
}

fn key(number: u64) -> String {
    format!(r#","idempotency_key":"key-{number}""#)
}

/// A submission with more fields.
fn submission(application: u64, more: &str) -> String {
    let number = (application & 0xffff_ffff) + 1;
    format!(
        r#"{{"command":"submit","uuid":"{}","application_id":{number},"certificate_title":"Diploma","applicant_email":"a@example.com"{more}}}"#,
        id(application)
    ) + "\n"
}

fn transition(application: u64, which: u64) -> String {
    let command = ["begin_processing", "fail", "retry", "approve"];
    let command = command[usize::try_from(which).unwrap() % command.len()];
    let error = if command == "fail" {
        r#","error":"template not found""#
    } else {
        ""
    };
    format!(
        r#"{{"command":"{command}","uuid":"{}"{error}}}"#,
        id(application)
    ) + "\n"
}

fn shuffled(count: u64, random: &mut Random) -> Vec<u64> {
    let mut all: Vec<u64> = (0..count).collect();
    for place in (1..all.len()).rev() {
        let bound = u64::try_from(place).unwrap() + 1;
        all.swap(place, usize::try_from(random.below(bound)).unwrap());
    }
    all
}

/// Processes on one store.
pub struct Rivals<'a> {
    pub certlife: &'a Path,
    pub store: &'a str,
    pub folder: &'a Path,
}

impl Rivals<'_> {
    /// One process of `certlife` on the store.
    pub fn certlife(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(self.certlife);
        command
            .args(arguments)
            .args(["--store", self.store])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Carries out what must have been before.
    pub fn prepare(&self, work: Work, applications: u64) {
        let before = work.before(applications);
        // The tables are made by one process, whatever the work.
        let file = self.write("before", &before);
        let arguments = ["apply".to_owned(), file.to_str().unwrap().to_owned()];
        let output = self.certlife(&arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Writes the commands of a process.
    pub fn write(&self, name: &str, commands: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, commands).unwrap();
        file
    }

    /// Runs the processes at once, and says how long it took until the last of them had ended.
    pub fn run(&self, work: Work, files: &[PathBuf]) -> (Duration, Vec<Output>) {
        let start = Instant::now();
        let children: Vec<_> = files
            .iter()
            .map(|file| {
                let arguments = work.arguments(file);
                let mut child = self.certlife(&arguments).spawn().unwrap();
                // Pipes hold little: each is read by a thread of its own.
                let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
                let stdout = std::thread::spawn(move || read(stdout));
                let stderr = std::thread::spawn(move || read(stderr));
                (child, stdout, stderr)
            })
            .collect();
        let outputs = children
            .into_iter()
            .map(|(mut child, stdout, stderr)| Output {
                status: child.wait().unwrap(),
                stdout: stdout.join().unwrap(),
                stderr: stderr.join().unwrap(),
            })
            .collect();
        (start.elapsed(), outputs)
    }
}

fn read(pipe: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).unwrap();
    }
    bytes
}
