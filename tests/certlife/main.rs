//! `certlife` end to end: golden files, and what a user may try.
//!
//! Renew the golden files after a change with
//! `SNAPSHOTS=overwrite cargo test --features cli --test certlife`, and read the difference.

#[expect(
    dead_code,
    reason = "the dispatcher's tests have other identities as well"
)]
#[path = "../delivery/support/certificates.rs"]
mod certificates;
#[path = "../support/postgres.rs"]
mod postgres;

mod acts;
mod api_guide;
mod apply;
mod corrupt;
mod deliver;
mod deliver_locks;
mod deliver_timeouts;
mod deliveries;
mod doctor;
mod encodings;
mod engine;
mod follow;
mod help;
mod import;
#[cfg(target_os = "linux")]
mod limits;
mod listen;
mod lists;
#[cfg(unix)]
mod make_certificate;
mod marked;
mod migrate;
#[cfg(unix)]
mod packaged;
mod postgresql;
#[cfg(unix)]
mod process;
mod read;
#[cfg(unix)]
mod read_only;
mod replay;
#[cfg(unix)]
mod serve;
mod streams;
mod terminal;
mod token;
mod validate;
mod verify;
mod webhook;
mod webhooks_guide;

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// The program, ready to run in a folder for tests, with a store in memory unless the arguments say
/// otherwise.
fn certlife(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certlife"));
    command
        .args(args)
        .env("CERTLIFE_STORE", "memory:")
        .env_remove("CERTLIFE_WEBHOOK_SECRET")
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

/// Starts it. A copy of the program that was just made is still open for writing in processes that
/// other tests have forked meanwhile, until these have become the programs that they are to be.
fn spawn(certlife: &mut Command) -> std::process::Child {
    loop {
        match certlife.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            spawned => return spawned.unwrap(),
        }
    }
}

fn run_to_end(certlife: &mut Command, input: impl AsRef<[u8]> + Sync) -> Run {
    certlife
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(certlife);
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
struct Scratch {
    folder: tempfile::TempDir,
    store: String,
}

impl Scratch {
    fn new() -> Self {
        Self::on("sqlite:test.db".to_owned())
    }

    fn on_postgres() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self::on(runtime.block_on(postgres::server().url_of_new_schema()))
    }

    fn on(store: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, store }
    }

    fn certlife(&self, args: &[&str]) -> Command {
        let mut certlife = certlife(args);
        certlife
            .env("CERTLIFE_STORE", &self.store)
            .current_dir(&self.folder);
        certlife
    }

    fn run(&self, args: &[&str], input: &str) -> Run {
        run_to_end(&mut self.certlife(args), input)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// All that can be read of the store.
    fn state(&self) -> [String; 2] {
        [&["stats", "--json"][..], &["events", "--json"]].map(|args| {
            let run = self.run(args, "");
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
            run.stdout
        })
    }

    /// The same, once the feed has as many events: in PostgreSQL, it lies behind the transactions
    /// under way, those of other tests included.
    fn state_with(&self, events: usize) -> [String; 2] {
        for _ in 0..600 {
            let state = self.state();
            if state[1].lines().count() >= events {
                return state;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the feed never had {events} events");
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
