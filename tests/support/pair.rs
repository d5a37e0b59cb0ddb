//! Two servers: a primary and a synchronous standby, which change places. The file that includes
//! this one has `postgres.rs` as `server`.

#![allow(
    dead_code,
    reason = "each test takes what it needs, and the compiler sees one test at a time"
)]

use std::process::Command;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::server::{Server, signal};

/// How long servers may take for what a test waits for. Only a failing test waits so long.
const FOREVER: Duration = Duration::from_secs(60);

/// What both are configured with. `pg_rewind` copies the file, so it has nothing that is of one of
/// them.
const BOTH: &str = "wal_log_hints = on\nwal_keep_size = 512MB\nwal_sender_timeout = 10s\n\
    wal_receiver_timeout = 10s\nwal_retrieve_retry_interval = 200ms\nmax_connections = 400\n\
    checkpoint_timeout = 1h";

const NAMES: [&str; 2] = ["one", "two"];

/// A primary and its standby. Dropped, both are stopped and deleted.
pub struct Pair {
    servers: [Server; 2],
    primary: AtomicUsize,
    schemas: AtomicU32,
}

/// How a stopped server of before becomes the standby of the new primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// `pg_rewind` undoes what the new primary does not have.
    Rewound,
    /// A new base backup.
    Copied,
}

impl Pair {
    /// A primary whose commits wait for the standby.
    pub async fn start() -> Self {
        let pair = Self::start_asynchronous().await;
        pair.be_synchronous().await;
        pair
    }

    /// A primary whose commits do not wait for the standby.
    pub async fn start_asynchronous() -> Self {
        let primary = Server::start_on_loopback(NAMES[0], BOTH);
        let standby = Server::empty_on_loopback(NAMES[1]);
        standby.copy_of(&primary);
        standby.restart();
        let pair = Self {
            servers: [primary, standby],
            primary: AtomicUsize::new(0),
            schemas: AtomicU32::new(0),
        };
        pair.standby_streams().await;
        pair
    }

    pub fn primary(&self) -> &Server {
        &self.servers[self.primary.load(Ordering::Relaxed)]
    }

    /// The other one: a standby or, after [`promote`](Self::promote), the primary of before.
    pub fn other(&self) -> &Server {
        &self.servers[1 - self.primary.load(Ordering::Relaxed)]
    }

    /// Both hosts, in the order in which they were started.
    pub fn url(&self) -> String {
        let [one, two] = &self.servers;
        url_of(&[one.port(), two.port()])
    }

    /// A new, empty schema, on both.
    pub async fn new_schema(&self) -> String {
        let schema = format!("pair_{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        let client = self.primary().client().await;
        let sql = format!("CREATE SCHEMA {schema}");
        client.batch_execute(&sql).await.unwrap();
        schema
    }

    /// From now on commits on the primary wait for the standby; returns when they do.
    pub async fn be_synchronous(&self) {
        let standby = NAMES[1 - self.primary.load(Ordering::Relaxed)];
        let line = format!("synchronous_standby_names = '{standby}'");
        let primary = self.primary();
        primary.configure("postgresql.auto.conf", &line);
        primary.control(&["reload"]);
        self.is_so(
            primary,
            "SELECT EXISTS (SELECT FROM pg_stat_replication \
             WHERE state = 'streaming' AND sync_state = 'sync')",
        )
        .await;
    }

    /// Waits until the standby streams from the primary.
    pub async fn standby_streams(&self) {
        let sql = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming')";
        self.is_so(self.primary(), sql).await;
    }

    /// Waits until the standby has applied all that the primary has written.
    pub async fn standby_has_all(&self) {
        let lsn = "SELECT pg_current_wal_flush_lsn()::text";
        let client = self.primary().client().await;
        let lsn: String = client.query_one(lsn, &[]).await.unwrap().get(0);
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'");
        self.is_so(self.other(), &sql).await;
    }

    /// Waits until so many sessions of the primary wait for the standby.
    pub async fn sessions_wait(&self, count: u32) {
        let sql = format!("SELECT count(*) >= {count} FROM pg_stat_activity {WAITING}");
        self.is_so(self.primary(), &sql).await;
    }

    async fn is_so(&self, server: &Server, question: &str) {
        let start = Instant::now();
        loop {
            if asked(&server.url(), question).await == Some(true) {
                return;
            }
            assert!(start.elapsed() < FOREVER, "not so: {question}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the standby; the primary's commits wait.
    pub fn standby_away(&self) {
        self.other().stop("fast");
    }

    /// Starts it again; returns when the primary's commits need not wait any more.
    pub async fn standby_back(&self) {
        self.other().restart();
        self.be_synchronous().await;
    }

    /// Ends the wait of every session that waits for the standby, by this function of PostgreSQL
    /// (`pg_cancel_backend`, `pg_terminate_backend`); how many there were.
    pub async fn end_waits(&self, function: &str) -> u64 {
        let client = self.primary().client().await;
        let sql = format!("SELECT {function}(pid) FROM pg_stat_activity {WAITING}");
        client.execute(&sql, &[]).await.unwrap()
    }

    /// Kills a session that waits for the standby: the server ends all others, and recovers.
    pub async fn kill_a_waiting_session(&self) {
        let client = self.primary().client().await;
        let sql = format!("SELECT pid FROM pg_stat_activity {WAITING} LIMIT 1");
        let pid: i32 = client.query_one(&sql, &[]).await.unwrap().get(0);
        signal("KILL", &[pid.try_into().unwrap()]);
        self.is_so(self.primary(), "SELECT true").await;
    }

    /// Promotes the standby, which does not wait for one of its own; the moment when it could
    /// write. From here on it is the primary.
    pub async fn promote(&self) -> Instant {
        let new = self.other();
        new.control(&["promote", "-W"]);
        let start = Instant::now();
        while asked(&new.url(), "SELECT NOT pg_is_in_recovery()").await != Some(true) {
            assert!(start.elapsed() < FOREVER, "it is not promoted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let writable = Instant::now();
        self.primary.fetch_xor(1, Ordering::Relaxed);
        writable
    }

    /// The primary of before, stopped or killed, comes back as the standby that commits wait for.
    pub async fn come_back(&self, how: Return) {
        let (primary, old) = (self.primary(), self.other());
        match how {
            Return::Rewound => {
                // It reads the timeline from the control file, which a checkpoint writes.
                let client = primary.client().await;
                client.batch_execute("CHECKPOINT").await.unwrap();
                old.rewind_to(primary);
            }
            Return::Copied => old.copy_of(primary),
        }
        // The settings are those of the primary.
        old.configure("postgresql.auto.conf", "synchronous_standby_names = ''");
        old.restart();
        self.be_synchronous().await;
    }
}

/// Sessions whose transaction waits for the standby.
const WAITING: &str = "WHERE wait_event = 'SyncRep'";

impl Server {
    /// Makes it, stopped or without data yet, a new copy of this primary, which it follows once it
    /// is started.
    fn copy_of(&self, primary: &Self) {
        let _ = std::fs::remove_dir_all(self.data());
        let args = ["-d", &conninfo(primary), "-R", "-c", "fast"];
        self.try_to_run("pg_basebackup", &args).unwrap();
    }

    /// Makes it, a stopped primary of before, a follower of this primary once it is started, with
    /// what both have.
    fn rewind_to(&self, primary: &Self) {
        let source = format!("--source-server={} dbname=postgres", conninfo(primary));
        let start = Instant::now();
        // The last processes of a server that was killed may still be there.
        while let Err(complaint) = self.try_to_run("pg_rewind", &[&source, "-R"]) {
            assert!(start.elapsed() < Duration::from_secs(20), "{complaint}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Stops it: `fast` or `immediate`.
    pub fn stop(&self, mode: &str) {
        self.control(&["stop", "-w", "-m", mode]);
    }

    /// Suspends all of its processes; what [`resume`](Self::resume) needs.
    pub fn suspend(&self) -> Vec<u32> {
        let postmaster = self.pid();
        signal("STOP", &[postmaster]);
        // It starts no more.
        let mut processes = children(postmaster);
        signal_if_there("STOP", &processes);
        processes.push(postmaster);
        processes
    }
}

fn conninfo(server: &Server) -> String {
    format!("host=127.0.0.1 port={} user=tests", server.port())
}

/// Lets suspended processes go on.
pub fn resume(processes: &[u32]) {
    signal_if_there("CONT", processes);
}

/// Some of them may have ended.
fn signal_if_there(name: &str, processes: &[u32]) {
    for process in processes {
        let script = format!("kill -{name} {process} 2>/dev/null || true");
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(sent.unwrap().success());
    }
}

fn children(parent: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-A", "-o", "ppid=,pid="]).output();
    let output = String::from_utf8(output.expect("ps").stdout).unwrap();
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().map(|it| it.parse::<u32>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let pairs = output.lines().map(pair);
    let children = pairs.filter(|(of, _)| *of == parent);
    children.map(|(_, child)| child).collect()
}

/// The answer to a question, if there is one soon.
async fn asked(url: &str, question: &str) -> Option<bool> {
    let asking = async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .ok()?;
        tokio::spawn(connection);
        client.query_one(question, &[]).await.ok()?.try_get(0).ok()
    };
    tokio::time::timeout(Duration::from_secs(2), asking)
        .await
        .ok()?
}

/// Hosts on loopback with these ports.
pub fn url_of(ports: &[u16]) -> String {
    let hosts: Vec<_> = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    format!("postgres://tests@{}/postgres", hosts.join(","))
}
