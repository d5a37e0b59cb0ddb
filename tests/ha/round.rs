//! One round.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{Outbox, PostgresStore, Webhook};
use certificate_lifecycle::webhook::{Endpoint, Secret};
use uuid::Uuid;

use crate::faults::Plan;
use crate::pair::{Pair, url_of};
use crate::process::{Process, Role, store};
use crate::proxy::Proxy;
use crate::receiver::Receiver;
use crate::server::in_schema;
use crate::verify::{self, Seen};
use crate::work::institution;

/// Every institution's webhooks here.
pub const WEBHOOKS: [(Uuid, &str); 2] =
    [(Uuid::from_u128(7), "/one"), (Uuid::from_u128(8), "/two")];

/// How long the load may take for what it does by itself. Only a failing round waits so long.
const FOREVER: Duration = Duration::from_secs(60);

/// How long after a server can write the next acknowledgement of each process may come. Without
/// `HA_STRICT`, that is generous: a busy machine may decide no test.
fn in_time() -> Duration {
    let is_strict = std::env::var_os("HA_STRICT").is_some();
    Duration::from_secs(if is_strict { 3 } else { 10 })
}

/// The processes of a round, and what they are for.
struct Load {
    writers: Vec<Process>,
    dispatchers: Vec<Process>,
    follower: Process,
}

impl Load {
    fn start(url: &str, folder: &Path) -> Self {
        Self {
            follower: Process::start(Role::Follower, url, folder),
            dispatchers: (0..2).map(|it| Process::deliver(it, url, folder)).collect(),
            writers: (0..2)
                .map(|it| Process::start(Role::Writer(it), url, folder))
                .collect(),
        }
    }

    /// That no process has ended by itself.
    fn is_running(&mut self, violations: &mut Vec<String>) {
        let others = self.dispatchers.iter_mut().chain([&mut self.follower]);
        for process in self.writers.iter_mut().chain(others) {
            violations.extend(process.is_running().err());
        }
    }

    /// Waits until each writer has so many acknowledgements from this moment on; when each had
    /// them.
    async fn acknowledges(&self, count: usize, since: u128) -> Result<Vec<u128>, String> {
        let start = Instant::now();
        let mut moments = Vec::new();
        for writer in &self.writers {
            loop {
                let lines = writer.lines();
                let times = acknowledged(&lines).into_iter().map(|it| it.0);
                if let Some(moment) = times.filter(|it| *it >= since).nth(count - 1) {
                    moments.push(moment);
                    break;
                }
                if start.elapsed() > FOREVER {
                    return Err(format!(
                        "{} acknowledges nothing within {FOREVER:?}; its last line is {:?}; {}",
                        writer.name(),
                        writer.lines().last(),
                        writer.complaints()
                    ));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(moments)
    }
}

/// When, which key, and which event, of the lines that a writer has written.
pub fn acknowledged(lines: &[String]) -> Vec<(u128, &str, &str)> {
    let parts = lines
        .iter()
        .map(|line| line.splitn(5, ' ').collect::<Vec<_>>());
    let acknowledged = parts.filter_map(|parts| match parts[..] {
        [moment, "acknowledged", key, _, event] => Some((moment.parse().unwrap(), key, event)),
        _ => None,
    });
    acknowledged.collect()
}

/// Carries it out: what is to be printed of it, and what did not hold.
pub async fn run(plan: Plan) -> (String, Vec<String>) {
    // Given a pair, perhaps behind wires, and the load
    let pair = Pair::start().await;
    let wires = wires(plan, &pair).await;
    let schema = pair.new_schema().await;
    let hosts = match &wires[..] {
        [] => pair.url(),
        wires => url_of(&wires.iter().map(Proxy::port).collect::<Vec<_>>()),
    };
    let receiver = Receiver::start();
    let direct = in_schema(&pair.primary().url(), &schema);
    add_webhooks(&store(&direct).await, receiver.port).await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::start(&in_schema(&hosts, &schema), folder.path());
    let started = load.acknowledges(20, 0).await;
    started.expect("the load does not start");
    // When the fault happens
    let writable = plan.carry_out(&pair, wires.first()).await;
    // Then the load goes on by itself, in time
    let (mut violations, mut report) = (Vec::new(), String::new());
    match load.acknowledges(1, writable).await {
        Ok(moments) => {
            let after: Vec<_> = moments.iter().map(|it| it - writable).collect();
            report = format!("acknowledged after {after:?} ms");
            if after.iter().any(|it| *it > in_time().as_millis()) {
                violations.push(format!(
                    "it goes on after {after:?} ms, not {:?}",
                    in_time()
                ));
            }
        }
        Err(violation) => violations.push(violation),
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    load.is_running(&mut violations);
    // And everything is there, once
    std::fs::write(folder.path().join("stop"), "").unwrap();
    // A load that stands still already is not waited for as long.
    let limit = FOREVER / if violations.is_empty() { 1 } else { 6 };
    for writer in &mut load.writers {
        violations.extend(writer.ends_within(limit).await.err());
    }
    let store = store(&in_schema(&pair.primary().url(), &schema)).await;
    violations.extend(delivered(&store, limit).await.err());
    let feed = verify::feed(&store).await;
    let seen = followed(&load.follower, feed.len(), limit).await;
    let lines: Vec<_> = load.writers.iter().map(Process::lines).collect();
    let lines = lines.concat();
    for (what, moments) in [
        ("followed", times(&seen)),
        ("arrived", receiver.taken().iter().map(|it| it.0).collect()),
    ] {
        let after = after(moments, writable);
        report = format!("{report}, {what} after {after:?} ms");
        // What is followed and delivered has to be acknowledged before.
        if after.is_none_or(|it| it > 2 * in_time().as_millis()) {
            violations.push(format!("the next is {what} after {after:?} ms"));
        }
    }
    report = format!("{report}; {} events; {:?}", feed.len(), kinds(&lines));
    let seen = Seen {
        written: &lines,
        followed: &seen,
        arrived: &receiver.taken(),
    };
    violations.extend(verify::violations(store, &feed, &seen).await);
    (report, violations)
}

/// How long after a moment the next of these is.
fn after(moments: Vec<u128>, moment: u128) -> Option<u128> {
    let next = moments.into_iter().find(|it| *it >= moment);
    next.map(|it| it - moment)
}

/// The wires that the fault is about, if it is about wires.
async fn wires(plan: Plan, pair: &Pair) -> Vec<Proxy> {
    let mut wires = Vec::new();
    if plan.fault.is_of_the_wire() {
        for server in [pair.primary(), pair.other()] {
            wires.push(Proxy::start_to_port(server.port()).await);
        }
    }
    wires
}

async fn add_webhooks(store: &PostgresStore, port: u16) {
    for (id, path) in WEBHOOKS {
        let url = format!("http://127.0.0.1:{port}{path}");
        let secret = Secret::generate().unwrap();
        let endpoint = Endpoint::new(url.parse().unwrap(), secret);
        let webhook = Webhook::new(id, institution(), endpoint, SystemClock.now());
        assert!(store.add_webhook(webhook).await.unwrap());
    }
}

/// Waits until nothing is pending.
async fn delivered(store: &PostgresStore, limit: Duration) -> Result<(), String> {
    let start = Instant::now();
    loop {
        let backlog = store.backlog(None).await.unwrap();
        let pending: u64 = backlog.iter().map(|it| it.pending).sum();
        if pending == 0 {
            return Ok(());
        }
        if start.elapsed() > limit {
            return Err(format!("{pending} deliveries are pending after {limit:?}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the follower has seen, as soon as that is so many events, or when it has had the time.
async fn followed(follower: &Process, events: usize, limit: Duration) -> Vec<String> {
    let start = Instant::now();
    loop {
        let lines = follower.lines();
        let seen = lines.iter().filter(|it| it.contains(" saw ")).count();
        if seen >= events || start.elapsed() > limit / 2 {
            return lines;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// When each event was seen.
fn times(lines: &[String]) -> Vec<u128> {
    let seen = lines.iter().filter(|it| it.contains(" saw "));
    let moment = |line: &String| line.split(' ').next().unwrap().parse().unwrap();
    seen.map(moment).collect()
}

/// How many lines of each kind there are, and of what kind the failures are.
fn kinds(lines: &[String]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for line in lines {
        let parts: Vec<_> = line.splitn(5, ' ').collect();
        let kind = match parts[1] {
            "failed" => format!("failed: {}", parts[3]),
            kind => kind.to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}
