//! The stores against what their databases can do, and against cqrs-es, side by side in one run:
//! `cargo bench --features sqlite,postgres,cli --bench store`.
//!
//! After `--`, name what to run: `sqlite`, `postgres`, `cqrs`, `within` (the four are what runs
//! without a name), `replicated` (a primary with a synchronous standby), and the long ones,
//! `contention` and `growth` (or `contention-sqlite`, `growth-postgres` … alone) and `memory`.
//! Needs PostgreSQL with pgbench (Debian: `postgresql`), which it runs in a temporary folder. What
//! is measured in pairs is measured in alternating rounds; the median counts.

#[path = "bare.rs"]
mod bare;
#[path = "contention.rs"]
mod contention;
#[path = "growth.rs"]
mod growth;
#[path = "../support/load.rs"]
mod load;
#[path = "../../tests/support/pair.rs"]
mod pair;
#[path = "pgbench.rs"]
mod pgbench;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../../tests/support/random.rs"]
mod random;
#[path = "replicated.rs"]
mod replicated;
#[path = "../../tests/support/rivals.rs"]
mod rivals;
#[path = "../support/span.rs"]
mod span;
#[path = "../support/mod.rs"]
mod support;
#[path = "within.rs"]
mod within;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Atomicity, PostgresStore, SqliteStore};
use tokio::runtime::Runtime;

use load::{Load, submissions, upload_many};
/// As the pair of servers calls it.
use postgres as server;
use support::{Row, conclude};

/// How long one round of one side takes.
const ROUND: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 5;
const APPLICATIONS: u64 = 20_000;

fn main() -> ExitCode {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let is_wanted = |name: &str, by_default: bool| {
        named.iter().any(|it| it == name) || (named.is_empty() && by_default)
    };
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    if is_wanted("sqlite", true) {
        rows.extend(sqlite(folder.path()));
    }
    if is_wanted("postgres", true) {
        rows.extend(postgresql());
    }
    if is_wanted("cqrs", true) {
        rows.extend(cqrs(folder.path()));
    }
    if is_wanted("within", true) {
        rows.extend(within::rows(folder.path()));
    }
    if is_wanted("replicated", false) {
        rows.extend(replicated::rows());
    }
    if is_wanted("contention", false) || is_wanted("contention-sqlite", false) {
        rows.extend(contention::sqlite(folder.path()));
    }
    if is_wanted("contention", false) || is_wanted("contention-postgres", false) {
        rows.extend(contention::postgresql(folder.path()));
    }
    if is_wanted("growth", false) || is_wanted("growth-sqlite", false) {
        rows.extend(growth::growth_sqlite(folder.path()));
    }
    if is_wanted("growth", false) || is_wanted("growth-postgres", false) {
        rows.extend(growth::growth_postgres());
    }
    if is_wanted("memory", false) {
        rows.extend(growth::memory(folder.path()));
    }
    conclude(&rows)
}

/// One caller is a program that does one thing after the other, on one thread; many are the tasks
/// of a server, on as many threads as there are cores.
fn runtime_for(callers: u64) -> Runtime {
    if callers > 1 {
        return runtime();
    }
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// The medians of both sides, in alternating rounds.
fn medians(mut ours: impl FnMut() -> f64, mut peer: impl FnMut() -> f64) -> (f64, f64) {
    let (mut all_ours, mut all_peers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        all_ours.push(ours());
        all_peers.push(peer());
    }
    (median(all_ours), median(all_peers))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(work: &str, (ours, peer): (f64, f64), peer_name: &str, goal: f64) -> Row {
    Row {
        work: work.to_owned(),
        ours: format!("{ours:.0}/s"),
        peer: format!("{peer_name}: {peer:.0}/s"),
        ratio: ours / peer,
        goal,
    }
}

fn sqlite(folder: &Path) -> Vec<Row> {
    let file = folder.join("ours.db");
    let engine = Engine::new(SqliteStore::open(&file).unwrap());
    let mut rows = Vec::new();
    let load = runtime().block_on(Load::prepare(engine.clone(), 0, APPLICATIONS));
    // The peer writes to a file of its own, with the same tables and the same applications.
    let peer = folder.join("peer.db");
    bare::copy(&file, &peer);
    let bare = bare::Loop::open(&peer);
    for (callers, goal) in [(1, 0.8), (64, 10.0), (512, 20.0)] {
        let runtime = runtime_for(callers);
        let ours = || runtime.block_on(load.run(callers, ROUND));
        let measured = medians(ours, || bare.run(ROUND));
        let work = format!("SQLite, {callers} callers");
        rows.push(row(&work, measured, "bare loop", goal));
    }
    let runtime = runtime();
    let mut next = APPLICATIONS;
    let mut next_peer = APPLICATIONS;
    let measured = medians(
        || {
            next += 10_000;
            runtime.block_on(upload_many(&engine, next, 10_000, Atomicity::All))
        },
        || {
            next_peer += 10_000;
            bare.batch(next_peer, 10_000)
        },
    );
    rows.push(row(
        "SQLite, upload_many of 10,000",
        measured,
        "bare batch",
        0.6,
    ));
    rows
}

fn postgresql() -> Vec<Row> {
    let server = postgres::Server::start();
    let peer = pgbench::Pgbench::prepare(&server, APPLICATIONS);
    [(1, 0.8), (64, 5.0)]
        .map(|(callers, goal)| {
            let runtime = runtime_for(callers);
            let url = runtime.block_on(server.url_of_new_schema());
            let store = runtime.block_on(PostgresStore::connect(&url)).unwrap();
            let load = runtime.block_on(Load::prepare(Engine::new(store), 0, APPLICATIONS));
            let ours = || runtime.block_on(load.run(callers, ROUND));
            let measured = medians(ours, || peer.run(callers, ROUND));
            let work = format!("PostgreSQL, {callers} callers");
            row(&work, measured, "pgbench", goal)
        })
        .into()
}

/// Submitted, taken into processing and approved by 64 callers, here and on cqrs-es.
fn cqrs(folder: &Path) -> Vec<Row> {
    let peers = build_peers();
    let runtime = runtime();
    let server = postgres::Server::start();
    let mut number = 0;
    let peer = |url: String| {
        let output = Command::new(&peers).args([&url, "64", "2"]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse::<f64>()
            .unwrap()
    };
    let sqlite = medians(
        || {
            number += 1;
            let file = folder.join(format!("cqrs-ours-{number}.db"));
            let engine = Engine::new(SqliteStore::open(file).unwrap());
            runtime.block_on(submissions(&engine, 64, Duration::from_secs(2)))
        },
        || {
            let file = tempfile::NamedTempFile::new_in(folder).unwrap();
            peer(format!("sqlite://{}", file.path().display()))
        },
    );
    let postgres = medians(
        || {
            let url = runtime.block_on(server.url_of_new_schema());
            let store = runtime.block_on(PostgresStore::connect(&url)).unwrap();
            runtime.block_on(submissions(&Engine::new(store), 64, Duration::from_secs(2)))
        },
        || {
            let url = runtime.block_on(server.url_of_new_schema());
            peer(url)
        },
    );
    vec![
        row("SQLite, whole lives, 64 callers", sqlite, "sqlite-es", 8.0),
        row(
            "PostgreSQL, whole lives, 64 callers",
            postgres,
            "postgres-es",
            8.0,
        ),
    ]
}

fn build_peers() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--target-dir", "target"])
        .current_dir(&folder)
        .status();
    assert!(built.unwrap().success());
    folder.join("target/release/peers")
}
