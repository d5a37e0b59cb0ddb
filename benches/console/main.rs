//! The console's pages over a million applications and a hundred thousand deliveries, beside 1,000
//! transitions a second: `cargo bench --features cli --bench console`.
//!
//! After `--`, name the stores (`sqlite`, `postgres`; both, if none is named), and with
//! `--applications` and `--seconds` less than a million and 120 s a store. Needs PostgreSQL
//! (Debian: `postgresql`), which it runs in a temporary folder. Server, writer and reader share the
//! machine. The writer and the reader keep their pace, whatever the answers take; what an answer
//! takes is counted from the moment at which it was due.

mod fill;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod reader;
#[path = "../support/mod.rs"]
mod support;
mod writer;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reader::Page;
use support::{Row, conclude};

const CERTLIFE: &str = env!("CARGO_BIN_EXE_certlife");

/// What a page may take: its median, and 99 of 100, in milliseconds.
const MEDIAN: f64 = 50.0;
const MOST: f64 = 200.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, usual: u64| {
        let place = arguments.iter().position(|it| it == name);
        place.map_or(usual, |it| arguments[it + 1].parse().unwrap())
    };
    let applications = number("--applications", 1_000_000);
    let time = Duration::from_secs(number("--seconds", 120));
    let names = ["sqlite", "postgres"];
    let is_named = |name: &str| arguments.iter().any(|it| it == name);
    let wants_all = !names.iter().any(|it| is_named(it));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut rows = Vec::new();
    for name in names {
        if wants_all || is_named(name) {
            let folder = tempfile::tempdir().unwrap();
            let server = (name == "postgres").then(postgres::Server::start);
            let store = server.as_ref().map_or_else(
                || format!("sqlite:{}", folder.path().join("console.db").display()),
                |server| runtime.block_on(server.url_of_new_schema()),
            );
            rows.extend(runtime.block_on(measure(name, &store, applications, time)));
        }
    }
    conclude(&rows)
}

async fn measure(name: &str, store: &str, applications: u64, time: Duration) -> Vec<Row> {
    let filled = fill::fill(store, applications).await;
    if name == "postgres" {
        // As its own service leaves a table that has stood for some minutes.
        let client = postgres::client(store).await;
        client.batch_execute("VACUUM ANALYZE").await.unwrap();
    }
    let served = Served::start(store);
    let pages = reader::pages(&filled);
    reader::alone(name, &served, &pages).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = writer::write(&served, applications, Arc::clone(&is_over));
    let writing = tokio::spawn(writing);
    let taken = reader::read(&served, &pages, time).await;
    is_over.store(true, Ordering::Relaxed);
    let transitions = writing.await.unwrap();
    println!("{name}: {transitions:.0} transitions a second beside the pages");
    let paced = Row {
        work: format!("{name}: transitions a second beside the pages"),
        ours: format!("{transitions:.0}"),
        peer: "asked for: 1000".to_owned(),
        ratio: transitions / 1000.0,
        goal: 0.99,
    };
    std::iter::once(paced)
        .chain(rows(name, &pages, &taken))
        .collect()
}

/// The median and what 99 of 100 take: of each page, and of all requests.
fn rows(name: &str, pages: &[Page], taken: &BTreeMap<usize, Vec<f64>>) -> Vec<Row> {
    let mut rows = Vec::new();
    let all: Vec<f64> = taken.values().flatten().copied().collect();
    let of_pages = pages.iter().enumerate();
    let of_pages = of_pages.map(|(place, page)| (page.name.as_str(), taken[&place].clone()));
    for (page, mut times) in of_pages.chain([("all pages", all)]) {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        let most = times[(times.len() * 99).div_ceil(100) - 1];
        let last = times[times.len() - 1];
        println!(
            "{name}: {page}: {} requests: median {median:.1} ms, 99 % {most:.1} ms, all {last:.1} ms",
            times.len()
        );
        for (what, it, goal) in [("median", median, MEDIAN), ("99 %", most, MOST)] {
            rows.push(Row {
                work: format!("{name}: {page}: {what}"),
                ours: format!("{it:.1} ms"),
                peer: format!("at most {goal} ms"),
                ratio: goal / it,
                goal: 1.0,
            });
        }
    }
    rows
}

/// `certlife serve --console`.
struct Served {
    process: Child,
    address: String,
    token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(store: &str) -> Self {
        let token = Command::new(CERTLIFE)
            .args(["token", "create", "--name", "bench", "--institution", "uni"])
            .args(["--scope", "all", "--actor", "administrator:jane"])
            .env("CERTLIFE_STORE", store)
            .output()
            .unwrap();
        let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
        let mut process = Command::new(CERTLIFE)
            .args(["serve", "--console", "--listen", "127.0.0.1:0"])
            .env("CERTLIFE_STORE", store)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|it| {
            let it = it.unwrap();
            let (_, rest) = it.split_once("http://")?;
            let end = rest.find(|it: char| !it.is_ascii_digit() && !".:".contains(it));
            Some(rest[..end.unwrap_or(rest.len())].to_owned())
        });
        // The rest is read, so that the server never waits for its reader.
        std::thread::spawn(move || lines.count());
        let address = address.unwrap();
        Self {
            process,
            address,
            token,
        }
    }
}
