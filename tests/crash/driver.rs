//! One round: writers are started, heard, killed, and what they left is checked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::random::Random;
use crate::server::Server;
use crate::verify;
use crate::writer;

/// How long a writer may be silent. Only a failing test waits so long.
const SILENCE: Duration = Duration::from_secs(2 * 60);

/// What is killed.
#[derive(Clone, Copy, PartialEq)]
pub enum Crash {
    OfTheWriters,
    OfTheServer,
}

/// What a writer was answered: a transition is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    pub uuid: Uuid,
    pub version: u64,
}

/// Rounds on the same data.
pub struct Campaign<'s> {
    url: String,
    server: Option<&'s Server>,
    /// By the event's id.
    acknowledged: HashMap<Uuid, Acknowledged>,
    rounds: u32,
}

impl<'s> Campaign<'s> {
    pub fn new(url: String, server: Option<&'s Server>) -> Self {
        // Before the first event, so that there is none that it misses.
        runtime().block_on(verify::register(&url));
        Self {
            url,
            server,
            acknowledged: HashMap::new(),
            rounds: 0,
        }
    }

    pub fn round(&mut self, random: &mut Random, crash: Crash) {
        self.rounds += 1;
        // Given one or two processes that write
        let (heard, hearing) = channel();
        let count = 1 + random.below(2);
        let mut writers: Vec<_> = (0..count)
            .map(|_| Running::start(&self.url, random.next(), heard.clone()))
            .collect();
        drop(heard);
        self.hear(&hearing, 1 + random.below(600));
        // When the server is killed and started again, they go on
        if let (Crash::OfTheServer, Some(server)) = (crash, self.server) {
            server.kill();
            server.restart();
            // Of what was said before the kill, some may still be on its way.
            self.hear_rest(&hearing);
            self.hear(&hearing, 1 + random.below(300));
        }
        // When they are killed
        writers.iter_mut().for_each(Running::kill);
        self.hear_rest(&hearing);
        writers.into_iter().for_each(Running::check);
        // What was said is heard to the end
        for acknowledged in &hearing {
            self.note(acknowledged);
        }
        // Then all of it is there
        runtime().block_on(async {
            if let Some(server) = self.server {
                quiet(server).await;
            }
            verify::verify(&self.url, &self.acknowledged).await;
        });
        let (round, acknowledged) = (self.rounds, self.acknowledged.len());
        println!("round {round}: {count} writers, {acknowledged} acknowledged in all");
    }

    /// Hears so many acknowledgements.
    fn hear(&mut self, hearing: &Receiver<(Uuid, Acknowledged)>, count: u64) {
        for _ in 0..count {
            let line = hearing.recv_timeout(SILENCE);
            self.note(line.expect("the writers say nothing any more"));
        }
    }

    fn hear_rest(&mut self, hearing: &Receiver<(Uuid, Acknowledged)>) {
        for acknowledged in hearing.try_iter() {
            self.note(acknowledged);
        }
    }

    /// A repeated command is acknowledged again, with the same event.
    fn note(&mut self, (event, acknowledged): (Uuid, Acknowledged)) {
        let before = self.acknowledged.insert(event, acknowledged);
        assert!(before.is_none_or(|it| it == acknowledged));
    }
}

/// A writer, and who listens to it.
struct Running {
    process: Child,
    listening: JoinHandle<()>,
}

impl Running {
    fn start(url: &str, seed: u64, heard: Sender<(Uuid, Acknowledged)>) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env(writer::URL, url)
            .env(writer::SEED, seed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let listening = std::thread::spawn(move || {
            for line in lines.lines() {
                let line = line.unwrap();
                let [uuid, version, event] = line.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("{line:?} is no acknowledgement");
                };
                let acknowledged = Acknowledged {
                    uuid: uuid.parse().unwrap(),
                    version: version.parse().unwrap(),
                };
                // The driver stops listening only when it fails.
                let _ = heard.send((event.parse().unwrap(), acknowledged));
            }
        });
        Self { process, listening }
    }

    /// With SIGKILL.
    fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// It ended because it was killed, and not because it found something wrong.
    fn check(mut self) {
        let status = self.process.wait().unwrap();
        let mut message = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut message).unwrap();
        assert!(status.code().is_none(), "the writer: {status}: {message}");
        assert_eq!(message, "", "the writer complains");
        self.listening.join().unwrap();
    }
}

impl Drop for Campaign<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed in round {} on {}", self.rounds + 1, self.url);
        }
    }
}

/// Waits until the server has noticed that its clients are gone: what they sent last may still be
/// under way.
pub async fn quiet(server: &Server) {
    let client = server.client().await;
    let start = Instant::now();
    let others = "SELECT count(*) FROM pg_stat_activity \
                  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    loop {
        let others: i64 = client.query_one(others, &[]).await.unwrap().get(0);
        if others == 0 {
            return;
        }
        assert!(start.elapsed() < SILENCE, "{others} connections stay");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}
