//! A million pending deliveries beside a thousand: what claiming takes, and how much memory
//! sending.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use certificate_lifecycle::delivery::Dispatcher;
use certificate_lifecycle::engine::{Clock, Engine, SystemClock};
use certificate_lifecycle::store::{Atomicity, Claim, Outbox, Outcome, Queries, Settlement};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::load::upload_many;
use crate::receiver::Receiver;
use crate::support::Row;
use crate::{add_webhook, median, options, transport};

const FEW: u64 = 1000;
const MANY: u64 = 1_000_000;
const CLAIMS: u64 = 101;
/// How many are sent while memory and the rate are measured.
const SENT: u64 = 50_000;

/// What a process is called with that only sends from the store that is named next.
pub const SENDER: &str = "--sender";

/// Measures the claims among a thousand and among a million alike: just as they were inserted, and
/// after `settle`, which does what the database does by itself some time later. Sending starts
/// settled.
pub fn row<S: Outbox + Queries>(
    name: &str,
    runtime: &Runtime,
    receiver: &Receiver,
    (place, store): (&str, &S),
    settle: impl Fn(),
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
    let few_at_once = runtime.block_on(claims(store, webhook));
    settle();
    let few = runtime.block_on(claims(store, webhook));
    let first_of_few = send_some(place, receiver, FEW);
    upload(2 * FEW + SENT);
    settle();
    let some_of_some = send_some(place, receiver, SENT);
    upload(2 * FEW + SENT + MANY);
    let many_at_once = runtime.block_on(claims(store, webhook));
    settle();
    let many = runtime.block_on(claims(store, webhook));
    let first_of_many = send_some(place, receiver, FEW);
    let some_of_many = send_some(place, receiver, SENT);
    let memory = |what: &str, ours: &Sent, peer: &Sent| Row {
        work: format!("{name}, peak memory of who sends {what} of a million pending"),
        ours: format!("{:.0} MiB", ours.peak),
        peer: format!("of as many: {:.0} MiB", peer.peak),
        ratio: peer.peak / ours.peak,
        goal: 0.9,
    };
    let claim = |when: &str, ours: f64, peer: f64| Row {
        work: format!("{name}, a claim of 64 among a million pending{when}"),
        ours: format!("{ours:.2} ms"),
        peer: format!("among a thousand: {peer:.2} ms"),
        ratio: peer / ours,
        goal: 0.8,
    };
    vec![
        claim(", just inserted", many_at_once, few_at_once),
        claim("", many, few),
        Row {
            work: format!("{name}, sending 50,000 of a million pending"),
            ours: format!("{:.0}/s", some_of_many.rate),
            peer: format!("of as many: {:.0}/s", some_of_some.rate),
            ratio: some_of_many.rate / some_of_some.rate,
            goal: 0.9,
        },
        memory("a thousand", &first_of_many, &first_of_few),
        memory("50,000", &some_of_many, &some_of_some),
    ]
}

/// The median time of a claim, in milliseconds; what was claimed is given back.
async fn claims<S: Outbox>(store: &S, webhook: Uuid) -> f64 {
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        let now = SystemClock.now();
        let start = Instant::now();
        let claimed = store.claim(Claim::new(
            now,
            Duration::from_secs(20),
            vec![(webhook, 64)],
        ));
        let claimed = claimed.await.unwrap().deliveries;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(claimed.len(), 64);
        let released = claimed
            .into_iter()
            .map(|it| Settlement::new(it.id, it.token, Outcome::Released));
        store
            .settle(now, released.collect(), Vec::new())
            .await
            .unwrap();
    }
    median(times)
}

/// What a process of its own took to send.
struct Sent {
    /// The most that it has held, in MiB.
    peak: f64,
    /// How many a second, once the first has arrived.
    rate: f64,
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn send_some(place: &str, receiver: &Receiver, some: u64) -> Sent {
    let count = || receiver.counts[0].load(Ordering::Relaxed);
    let before = count();
    let mut sender = Command::new(std::env::current_exe().unwrap())
        .args([SENDER, place])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut wait_for = |number: u64| {
        while count() - before < number {
            assert!(sender.try_wait().unwrap().is_none(), "the sender has ended");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait_for(1);
    let start = Instant::now();
    wait_for(some);
    let rate = (some - 1) as f64 / start.elapsed().as_secs_f64();
    let said = sender.wait_with_output().unwrap();
    let peak = String::from_utf8(said.stdout).unwrap().parse().unwrap();
    Sent { peak, rate }
}

/// What such a process does: it sends until its standard input ends, and then prints its peak
/// memory.
pub fn send<S: Outbox>(runtime: &Runtime, store: S) {
    let dispatcher = Dispatcher::new(store, transport(), options());
    let reported = async {
        let reported = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(reported)
            .await
            .unwrap()
            .unwrap();
    };
    runtime.block_on(dispatcher.run(reported)).unwrap();
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
