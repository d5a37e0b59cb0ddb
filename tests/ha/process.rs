//! This program again, as a process of its own: a writer or a follower.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use certificate_lifecycle::store::{PostgresOptions, PostgresStore};

use crate::{follower, writer};

const ROLE: &str = "HA_PROCESS";
const URL: &str = "HA_URL";
const LOG: &str = "HA_LOG";
const STOP: &str = "HA_STOP";

/// What a process of the load is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// With its number.
    Writer(u32),
    Follower,
}

/// What a process was started with.
pub struct Job {
    pub url: String,
    pub log: Log,
    /// Writers begin nothing new once it is there.
    pub stop: PathBuf,
}

/// A file of lines, each written at once.
#[derive(Clone)]
pub struct Log(Arc<Mutex<File>>);

impl Log {
    pub fn line(&self, line: &str) {
        let line = format!("{line}\n");
        self.0.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// Milliseconds since 1970: all processes are on one machine.
pub fn now() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_millis()
}

/// The options of all stores here: the load waits for the servers as long as a failover takes.
pub fn options() -> PostgresOptions {
    PostgresOptions::default().with_patience(Some(Duration::from_secs(60)))
}

/// Opens the store, and waits for it.
pub async fn store(url: &str) -> PostgresStore {
    PostgresStore::connect_with(url, options()).await.unwrap()
}

/// Not a test, but the other processes: with a role in its environment, this program is one of
/// them.
#[test]
#[ignore = "a process of the campaign"]
fn process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let path = std::env::var(LOG).unwrap();
    let log = File::options().append(true).open(path).unwrap();
    let job = Job {
        url: std::env::var(URL).unwrap(),
        log: Log(Arc::new(Mutex::new(log))),
        stop: std::env::var(STOP).unwrap().into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match role.strip_prefix("writer ") {
            Some(number) => writer::write(job, number.parse().unwrap()).await,
            None => follower::follow(job).await,
        }
    });
}

/// A running process and its log. Dropped, it is killed.
pub struct Process {
    child: Child,
    name: String,
    pub log: PathBuf,
    errors: PathBuf,
}

impl Process {
    pub fn start(role: Role, url: &str, folder: &Path) -> Self {
        let name = match role {
            Role::Writer(number) => format!("writer {number}"),
            Role::Follower => "follower".to_owned(),
        };
        let log = folder.join(format!("{name}.log"));
        File::create(&log).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "process::process",
                "--include-ignored",
                "--nocapture",
            ])
            .env(ROLE, &name)
            .env(URL, url)
            .env(LOG, &log)
            .env(STOP, folder.join("stop"));
        Self::spawn(command, name, folder, log)
    }

    /// A dispatcher: `certlife deliver`.
    pub fn deliver(number: u32, url: &str, folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_certlife"));
        command
            .args(["deliver", "--store", url, "--concurrency", "16"])
            .args(["--timeout", "2s", "--log", "warn", "--allow-http"])
            .args(["--allow-target", "127.0.0.1/32"])
            .args(["--retry-schedule", "0s,100ms,1s,1s,1s,1s,1s,1s,1s,1s"]);
        let name = format!("dispatcher {number}");
        let log = folder.join(format!("{name}.log"));
        Self::spawn(command, name, folder, log)
    }

    fn spawn(mut command: Command, name: String, folder: &Path, log: PathBuf) -> Self {
        let errors = folder.join(format!("{name}.err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            name,
            log,
            errors,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lines that it has written to the end.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete.lines().map(str::to_owned).collect()
    }

    /// That it has not ended by itself; or how it has.
    pub fn is_running(&mut self) -> Result<(), String> {
        let status = self.child.try_wait().unwrap();
        status.map_or(Ok(()), |status| {
            Err(format!(
                "{} has ended: {status}: {}",
                self.name,
                self.complaints()
            ))
        })
    }

    /// Waits until it has ended by itself, well.
    pub async fn ends_within(&mut self, limit: Duration) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let (name, complaints) = (&self.name, self.complaints());
                let failed = || format!("{name}: {status}: {complaints}");
                return status.success().then_some(()).ok_or_else(failed);
            }
            if start.elapsed() > limit {
                return Err(format!("{} does not end within {limit:?}", self.name));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has written to its standard error.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
