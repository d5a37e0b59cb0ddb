//! A process that gives commands: many callers of one engine, who write down what they are about to
//! send, and what was acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{ExecuteError, PostgresStore};
use uuid::Uuid;

use crate::process::{Job, Log, now, store};
use crate::work::{STEPS, key, request};

/// The callers of each process that have applications of their own.
const CALLERS: u32 = 4;

/// Each process has two callers more, whose commands, keys included, those of the other process
/// give as well.
const SHARED: u32 = 2;

/// Between two commands of a caller.
const PAUSE: Duration = Duration::from_millis(25);

/// Between two tries of one command.
const RETRY: Duration = Duration::from_millis(20);

/// Gives commands until it is time to stop, and ends when all are answered.
pub async fn write(job: Job, process: u32) {
    let engine = Engine::new(store(&job.url).await);
    let own = (0..CALLERS).map(|it| format!("w{process}-{it}"));
    let shared = (0..SHARED).map(|it| format!("both-{it}"));
    let callers: Vec<_> = own
        .chain(shared)
        .map(|name| {
            let caller = Caller {
                name,
                engine: engine.clone(),
                log: job.log.clone(),
                stop: job.stop.clone(),
            };
            tokio::spawn(caller.call())
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

struct Caller {
    name: String,
    engine: Engine<PostgresStore>,
    log: Log,
    stop: PathBuf,
}

impl Caller {
    async fn call(self) {
        for number in 0.. {
            for step in STEPS {
                if exists(&self.stop) {
                    return;
                }
                self.give(&key(&self.name, number, step)).await;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Gives a command again until its outcome is known.
    async fn give(&self, key: &str) {
        self.log.line(&format!("{} sends {key}", now()));
        loop {
            match self.engine.execute(request(key)).await {
                Ok(receipt) => {
                    let event = receipt.event.to_json(Uuid::nil());
                    let replayed = receipt.replayed;
                    self.log
                        .line(&format!("{} acknowledged {key} {replayed} {event}", now()));
                    return;
                }
                Err(ExecuteError::Store(error)) => {
                    let (now, code) = (now(), error.code());
                    self.log.line(&format!("{now} failed {key} {code} {error}"));
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => {
                    self.log.line(&format!("{} refused {key} {error}", now()));
                    return;
                }
            }
        }
    }
}

fn exists(file: &Path) -> bool {
    file.exists()
}
