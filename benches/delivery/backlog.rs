//! A million pending deliveries beside a thousand: what claiming takes, and how much memory sending.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use certificate_lifecycle::delivery::Dispatcher;
use certificate_lifecycle::engine::{Clock, Engine, SystemClock};
use certificate_lifecycle::store::{Atomicity, Claim, Directory, Outbox, Settlement, Verdict};
use chrono::TimeDelta;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::load::upload_many;
use crate::receiver::Receiver;
use crate::support::Row;
use crate::{add_webhook, median, options, transport};

const FEW: u64 = 1000;
const MANY: u64 = 1_000_000;
const CLAIMS: u64 = 101;
/// How many are sent of the million while memory is measured.
const SENT: u64 = 50_000;

/// What a process is called with that only sends from the store that is named next.
pub const SENDER: &str = "--sender";

pub fn row<S: Outbox + Directory>(
    name: &str,
    runtime: &Runtime,
    receiver: &Receiver,
    (place, store): (&str, &S),
) -> Vec<Row> {
    let engine = Engine::new(store.clone());
    let webhook = runtime.block_on(add_webhook(store, receiver.url(0)));
    let mut uploaded = 0;
    let mut upload = |until: u64| {
        while uploaded < until {
            let many = (until - uploaded).min(10_000);
            runtime.block_on(upload_many(&engine, uploaded, many, Atomicity::Each));
            uploaded += many;
        }
    };
    upload(FEW);
    let few = runtime.block_on(claims(store, webhook));
    let memory_few = memory_of_sender(place, receiver, FEW);
    upload(FEW + MANY);
    let many = runtime.block_on(claims(store, webhook));
    let memory_first = memory_of_sender(place, receiver, FEW);
    let memory_many = memory_of_sender(place, receiver, SENT);
    vec![
        Row {
            work: format!("{name}, a claim of 64 among a million pending"),
            ours: format!("{many:.2} ms"),
            peer: format!("among a thousand: {few:.2} ms"),
            ratio: few / many,
            goal: 0.8,
        },
        Row {
            work: format!("{name}, peak memory of who sends a thousand of a million pending"),
            ours: format!("{memory_first:.0} MiB"),
            peer: format!("of a thousand: {memory_few:.0} MiB"),
            ratio: memory_few / memory_first,
            goal: 0.9,
        },
        Row {
            work: format!("{name}, peak memory of who sends 50,000 of a million pending"),
            ours: format!("{memory_many:.0} MiB"),
            peer: format!("a thousand of a thousand: {memory_few:.0} MiB"),
            ratio: memory_few / memory_many,
            goal: 0.5,
        },
    ]
}

/// The median time of a claim, in milliseconds; what was claimed is given back.
async fn claims<S: Outbox>(store: &S, webhook: Uuid) -> f64 {
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        let now = SystemClock.now();
        let start = Instant::now();
        let claimed = store.claim(Claim {
            now,
            lease: TimeDelta::seconds(20),
            wanted: vec![(webhook, 64)],
        });
        let claimed = claimed.await.unwrap().deliveries;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(claimed.len(), 64);
        let released = claimed.into_iter().map(|it| Settlement {
            id: it.id,
            token: it.token,
            verdict: Verdict::Released,
            attempt: None,
        });
        store
            .settle(now, released.collect(), Vec::new())
            .await
            .unwrap();
    }
    median(times)
}

/// The most that a process of its own has held while it sent so many, in MiB.
fn memory_of_sender(place: &str, receiver: &Receiver, sent: u64) -> f64 {
    let count = || receiver.counts[0].load(Ordering::Relaxed);
    let before = count();
    let mut sender = Command::new(std::env::current_exe().unwrap())
        .args([SENDER, place])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while count() - before < sent {
        assert!(sender.try_wait().unwrap().is_none(), "the sender has ended");
        std::thread::sleep(Duration::from_millis(1));
    }
    let said = sender.wait_with_output().unwrap();
    String::from_utf8(said.stdout).unwrap().parse().unwrap()
}

/// What such a process does: it sends until its standard input ends, and then prints its peak memory.
pub fn send<S: Outbox>(runtime: &Runtime, store: S) {
    let dispatcher = Dispatcher::new(store, transport(), options());
    let told = async {
        let told = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(told).await.unwrap().unwrap();
    };
    runtime.block_on(dispatcher.run(told)).unwrap();
    print!("{}", peak());
}

/// The most that this process has held, in MiB.
#[expect(clippy::cast_precision_loss, reason = "mebibytes are few")]
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes as f64 / 1024.0
}
