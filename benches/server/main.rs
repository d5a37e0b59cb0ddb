//! The HTTP API, beside what answers the same bytes without doing anything, and beside the command
//! line: `cargo bench --features cli --bench server`.
//!
//! After `--`, name what to run: `get`, `post`, `commands`, `feed`, `memory`, `idle` (all, if none
//! is named). Server and client share the machine. Everything is durable.
//!
//! - `get`, `post`: 64 connections, in alternating rounds with a bare axum handler.
//! - `commands`, `feed`: a million lines, in alternating rounds with `certlife apply` and
//!   `certlife events`.
//! - `memory`: what the server takes after a million requests, and after a thousand.
//! - `idle`: what one of 10,000 idle event streams takes, and how fast others are answered
//!   meanwhile.

mod bare;
mod client;
mod served;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::Method;

use client::{Connection, rate};
use served::{Count, Served, bare, certlife, submissions, uuid};
use support::{Row, conclude};

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_secs(3);
const LINES: u64 = 1_000_000;
const STREAMS: u32 = 10_000;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut named: Vec<String> = std::env::args().skip(1).collect();
    if named.first().is_some_and(|it| it == served::BARE) {
        runtime.block_on(bare::serve(named.remove(1)));
    }
    named.retain(|it| !it.starts_with('-'));
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|it| it == name);
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    runtime.block_on(async {
        if is_wanted("get") {
            rows.push(get(folder.path()).await);
        }
        if is_wanted("post") {
            rows.push(post(folder.path()).await);
        }
        if is_wanted("commands") {
            rows.push(commands(folder.path()).await);
        }
        if is_wanted("feed") {
            rows.push(feed(folder.path()).await);
        }
        if is_wanted("memory") {
            rows.push(memory(folder.path()).await);
        }
        if is_wanted("idle") {
            rows.push(idle(folder.path()).await);
        }
    });
    conclude(&rows)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The row of pairs: ours and the peer's of each round.
fn row(work: &str, peer: &str, pairs: &[(f64, f64)], unit: &str, goal: f64) -> Row {
    let ratios: Vec<f64> = pairs.iter().map(|(ours, peers)| ours / peers).collect();
    let all: Vec<_> = ratios.iter().map(|it| format!("{it:.2}")).collect();
    println!("{work}: {}", all.join(", "));
    Row {
        work: work.to_owned(),
        ours: format!("{:.0}{unit}", median(pairs.iter().map(|it| it.0).collect())),
        peer: format!(
            "{peer}: {:.0}{unit}",
            median(pairs.iter().map(|it| it.1).collect())
        ),
        ratio: median(ratios),
        goal,
    }
}

/// A store with so many applications that customers have submitted.
fn submitted(folder: &Path, name: &str, applications: u64) -> PathBuf {
    let store = folder.join(name);
    let lines = folder.join("lines");
    submissions(&lines, applications);
    certlife(&store, &["apply", lines.to_str().unwrap()]);
    store
}

async fn get(folder: &Path) -> Row {
    const APPLICATIONS: u64 = 20_000;
    let store = submitted(folder, "get.db", APPLICATIONS);
    let served = Served::start(&store);
    let path = |number| format!("/v1/applications/{}", uuid(number));
    let mut connection = Connection::open(&served.address, &served.token).await;
    let (_, answer) = connection.ask(Method::GET, &path(0), &[], "").await;
    let bare = bare(std::str::from_utf8(&answer).unwrap());
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        let mut pair = [0.0; 2];
        for (place, address) in [&served.address, &bare.address].into_iter().enumerate() {
            let next = AtomicU64::new(0);
            let next = move || {
                let number = next.fetch_add(7919, Ordering::Relaxed) % APPLICATIONS;
                Some(path(number))
            };
            let token = &served.token;
            pair[place] = rate(address, token, CONNECTIONS, ROUND, &Method::GET, next).await;
        }
        pairs.push((pair[0], pair[1]));
    }
    row(
        "GET of one application, SQLite, 64 connections",
        "bare axum handler",
        &pairs,
        "/s",
        0.6,
    )
}

async fn post(folder: &Path) -> Row {
    const APPLICATIONS: u64 = 600_000;
    let store = submitted(folder, "post.db", APPLICATIONS);
    let served = Served::start(&store);
    let path = |number| format!("/v1/applications/{}/begin-processing", uuid(number));
    let mut connection = Connection::open(&served.address, &served.token).await;
    let (_, answer) = connection.ask(Method::POST, &path(0), &[], "").await;
    let bare = bare(std::str::from_utf8(&answer).unwrap());
    let (mut pairs, mut first) = (Vec::new(), 1);
    for _ in 0..ROUNDS {
        let mut pair = [0.0; 2];
        for (place, address) in [&served.address, &bare.address].into_iter().enumerate() {
            let count = std::sync::Arc::new(AtomicU64::new(first));
            let counted = std::sync::Arc::clone(&count);
            let next = move || {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                (number < APPLICATIONS).then(|| path(number))
            };
            let token = &served.token;
            pair[place] = rate(address, token, CONNECTIONS, ROUND, &Method::POST, next).await;
            if place == 0 {
                first = count.load(Ordering::Relaxed);
            }
        }
        pairs.push((pair[0], pair[1]));
    }
    row(
        "POST of a transition, SQLite, 64 connections",
        "bare axum handler",
        &pairs,
        "/s",
        0.35,
    )
}

/// Lines a second.
#[expect(clippy::cast_precision_loss, reason = "a million")]
fn lines_a_second(began: Instant) -> f64 {
    LINES as f64 / began.elapsed().as_secs_f64()
}

async fn commands(folder: &Path) -> Row {
    let lines = folder.join("lines");
    submissions(&lines, LINES);
    let mut pairs = Vec::new();
    for round in 0..3 {
        let store = folder.join(format!("apply{round}.db"));
        let began = Instant::now();
        certlife(&store, &["apply", lines.to_str().unwrap()]);
        let peers = lines_a_second(began);
        let store = folder.join(format!("commands{round}.db"));
        let served = Served::start(&store);
        let began = Instant::now();
        let answered = served.post_file("/v1/commands", &lines).await;
        let ours = lines_a_second(began);
        assert_eq!(answered, LINES);
        pairs.push((ours, peers));
    }
    row(
        "POST /v1/commands, a million lines, SQLite",
        "certlife apply",
        &pairs,
        "/s",
        0.7,
    )
}

async fn feed(folder: &Path) -> Row {
    let store = submitted(folder, "feed.db", LINES);
    let served = Served::start(&store);
    let mut pairs = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        certlife(&store, &["events", "--json"]);
        let peers = lines_a_second(began);
        let began = Instant::now();
        let mut connection = Connection::open(&served.address, &served.token).await;
        let accept = [("accept", "text/event-stream")];
        let response = connection
            .send(Method::GET, "/v1/events", &accept, "")
            .await;
        let (mut body, mut events) = (response.into_body(), Count::of(b"\ndata: "));
        while events.found < LINES {
            let frame = body.frame().await.unwrap().unwrap();
            events.take(&frame.into_data().unwrap());
        }
        pairs.push((lines_a_second(began), peers));
    }
    row(
        "feed by SSE, a million events, one reader",
        "certlife events --json",
        &pairs,
        "/s",
        0.5,
    )
}

async fn memory(folder: &Path) -> Row {
    const APPLICATIONS: u64 = 20_000;
    let store = submitted(folder, "memory.db", APPLICATIONS);
    let served = Served::start(&store);
    let after = async |requests: u64| {
        let next = AtomicU64::new(0);
        let next = move || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let path = format!("/v1/applications/{}", uuid(number * 7919 % APPLICATIONS));
            (number < requests).then_some(path)
        };
        let (time, token) = (Duration::MAX, &served.token);
        rate(
            &served.address,
            token,
            CONNECTIONS,
            time,
            &Method::GET,
            next,
        )
        .await;
        served.memory()
    };
    let few = after(1_000).await;
    let many = after(1_000_000).await;
    Row {
        work: "memory after a million requests".to_owned(),
        ours: format!("{:.1} MiB", many / 1024.0),
        peer: format!("after a thousand: {:.1} MiB", few / 1024.0),
        ratio: few / many,
        goal: 0.9,
    }
}

async fn idle(folder: &Path) -> Row {
    let store = submitted(folder, "idle.db", 100);
    let served = Served::start(&store);
    let path = || Some(format!("/v1/applications/{}", uuid(7)));
    let (address, token) = (&served.address, &served.token);
    let alone = rate(address, token, CONNECTIONS, ROUND, &Method::GET, path).await;
    let before = served.memory();
    let streams = Mutex::new(Vec::new());
    for _ in 0..STREAMS {
        let mut connection = Connection::open(address, token).await;
        let accept = [("accept", "text/event-stream")];
        let path = "/v1/events?after=100";
        let mut body = connection
            .send(Method::GET, path, &accept, "")
            .await
            .into_body();
        body.frame().await.unwrap().unwrap();
        streams.lock().unwrap().push((connection, body));
    }
    // Until each has had its comment once.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let each = (served.memory() - before) / f64::from(STREAMS);
    let beside = rate(address, token, CONNECTIONS, ROUND, &Method::GET, path).await;
    println!("idle: {alone:.0}/s alone, {beside:.0}/s beside {STREAMS} idle streams");
    Row {
        work: "memory of an idle event stream, of 10,000".to_owned(),
        ours: format!("{each:.1} KiB"),
        peer: "at most 40 KiB".to_owned(),
        ratio: 40.0 / each,
        goal: 1.0,
    }
}
