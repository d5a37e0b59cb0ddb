//! A million pending deliveries beside a thousand: what claiming takes, and how much memory.

use std::time::Instant;

use certificate_lifecycle::engine::{Clock, Engine, SystemClock};
use certificate_lifecycle::store::{Atomicity, Claim, Directory, Outbox, Settlement, Verdict};
use chrono::TimeDelta;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::load::upload_many;
use crate::support::Row;
use crate::{add_webhook, median};

const FEW: u64 = 1000;
const MANY: u64 = 1_000_000;
const CLAIMS: u64 = 101;

pub fn row<S: Outbox + Directory>(
    name: &str,
    runtime: &Runtime,
    store: &mut dyn FnMut() -> S,
) -> Vec<Row> {
    let store = store();
    let engine = Engine::new(store.clone());
    let webhook = runtime.block_on(add_webhook(&store, "http://127.0.0.1:9/0".to_owned()));
    let mut uploaded = 0;
    let mut upload = |until: u64| {
        while uploaded < until {
            let many = (until - uploaded).min(10_000);
            runtime.block_on(upload_many(&engine, uploaded, many, Atomicity::Each));
            uploaded += many;
        }
    };
    upload(FEW);
    let (few, memory_few) = (runtime.block_on(claims(&store, webhook)), memory());
    upload(MANY);
    let (many, memory_many) = (runtime.block_on(claims(&store, webhook)), memory());
    vec![
        Row {
            work: format!("{name}, a claim of 64 among a million pending"),
            ours: format!("{many:.2} ms"),
            peer: format!("among a thousand: {few:.2} ms"),
            ratio: few / many,
            goal: 0.8,
        },
        Row {
            work: format!("{name}, memory with a million pending"),
            ours: format!("{memory_many:.0} MiB"),
            peer: format!("with a thousand: {memory_few:.0} MiB"),
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

/// What this process holds, in MiB.
#[expect(clippy::cast_precision_loss, reason = "mebibytes are few")]
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes as f64 / 1024.0
}
