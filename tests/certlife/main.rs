//! `certlife` end to end: golden files, and what a user may try.
//!
//! Renew the golden files after a change with
//! `SNAPSHOTS=overwrite cargo test --features cli --test certlife`, and read the difference.

mod apply;
mod engine;
mod help;
mod import;
mod read;
mod streams;
mod terminal;
mod validate;

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// The program, ready to run in a folder for tests, with a store in memory unless the arguments say
/// otherwise.
fn certlife(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certlife"));
    command
        .args(args)
        .env("CERTLIFE_STORE", "memory:")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

/// A file of the repository.
fn file(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program to its end on the given input.
fn run(args: &[&str], input: impl AsRef<[u8]> + Sync) -> Run {
    run_to_end(&mut certlife(args), input)
}

fn run_to_end(certlife: &mut Command, input: impl AsRef<[u8]> + Sync) -> Run {
    let mut child = certlife
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.as_ref());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends early closes its input; what it printed decides the test.
            let _ = stdin.write_all(input);
            drop(stdin);
        });
        Run::from(child.wait_with_output().unwrap())
    })
}

/// A store of one test, in a folder that goes away.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn certlife(&self, args: &[&str]) -> Command {
        let mut certlife = certlife(args);
        certlife
            .env("CERTLIFE_STORE", "sqlite:test.db")
            .current_dir(&self.0);
        certlife
    }

    fn run(&self, args: &[&str], input: &str) -> Run {
        run_to_end(&mut self.certlife(args), input)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// All that can be read of the store.
    fn state(&self) -> [String; 2] {
        [&["stats", "--json"][..], &["events", "--json"]].map(|args| {
            let run = self.run(args, "");
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
            run.stdout
        })
    }
}

/// What a run left behind.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    fn events(&self) -> Vec<serde_json::Value> {
        objects(&self.stdout)
    }

    fn refusals(&self) -> Vec<serde_json::Value> {
        objects(&self.stderr)
    }
}

fn objects(lines: &str) -> Vec<serde_json::Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Compares with a golden file, to the byte.
macro_rules! golden {
    ($actual:expr, $name:literal) => {{
        use snapbox::IntoData;
        snapbox::assert_data_eq!(
            $actual.clone().into_data().raw(),
            snapbox::file![$name].raw()
        );
    }};
}
use golden;
