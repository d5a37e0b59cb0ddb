//! Deliveries and the feed of a primary whose commits wait for a standby, beside one whose commits
//! do not.
//!
//! There, claims and pages of the feed are answered when the standby has what they tell of.

use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Actor, Atomicity, Cursor, PostgresStore};
use tokio::runtime::Runtime;

use crate::load::{details, institution, rate, upload_many};
use crate::pair::Pair;
use crate::receiver::Receiver;
use crate::server::in_schema;
use crate::span::span;
use crate::support::Row;
use crate::{DELIVERIES, durable, first_bytes, median, median_and_late, transport};

/// A round of both sides takes a minute.
const ROUNDS: usize = 3;

/// What one round of one side has measured.
#[derive(Default)]
struct Measured {
    /// Deliveries a second.
    deliveries: Vec<f64>,
    /// From the answer to a command to the receiver's first byte, and to another process that
    /// follows the feed, in milliseconds: the median and what 99 of 100 are below.
    first_byte: Vec<(f64, f64)>,
    follower: Vec<(f64, f64)>,
    /// Events a second for a process that reads the feed from its start.
    events: Vec<f64>,
}

/// No goal was asked for these: they would show a barrier at each delivery, or at each event.
const GOAL: f64 = 0.5;

pub fn rows(runtime: &Runtime, receiver: &Receiver) -> Vec<Row> {
    let pair = runtime.block_on(Pair::start_asynchronous());
    let (mut waits, mut waits_not) = (Measured::default(), Measured::default());
    for _ in 0..ROUNDS {
        runtime.block_on(async {
            be_asynchronous(&pair).await;
            measure(&pair, receiver, &mut waits_not).await;
            pair.be_synchronous().await;
            measure(&pair, receiver, &mut waits).await;
        });
    }
    vec![
        rates("deliveries", &waits.deliveries, &waits_not.deliveries),
        times(
            "from commit to the first byte",
            &waits.first_byte,
            &waits_not.first_byte,
        ),
        rates("events of the feed", &waits.events, &waits_not.events),
        times(
            "from commit to a follower",
            &waits.follower,
            &waits_not.follower,
        ),
    ]
}

fn rates(work: &str, waits: &[f64], waits_not: &[f64]) -> Row {
    let ratios: Vec<f64> = waits.iter().zip(waits_not).map(|(a, b)| a / b).collect();
    let shown = |rates: &[f64]| format!("{:.0}/s ({})", median(rates.to_vec()), span(rates, 0));
    Row {
        work: format!("PostgreSQL with a synchronous standby, {work}"),
        ours: format!("{}; ratios {}", shown(waits), span(&ratios, 2)),
        peer: format!("asynchronous: {}", shown(waits_not)),
        ratio: median(ratios),
        goal: GOAL,
    }
}

fn times(work: &str, waits: &[(f64, f64)], waits_not: &[(f64, f64)]) -> Row {
    let medians = |of: &[(f64, f64)]| of.iter().map(|it| it.0).collect::<Vec<f64>>();
    let shown = |of: &[(f64, f64)]| {
        let late = median(of.iter().map(|it| it.1).collect());
        let medians = medians(of);
        let span = span(&medians, 2);
        format!("{:.2} ms ({span}; 99 %: {late:.2} ms)", median(medians))
    };
    Row {
        work: format!("PostgreSQL with a synchronous standby, {work}"),
        ours: shown(waits),
        peer: format!("5 ms; asynchronous: {}", shown(waits_not)),
        ratio: 5.0 / median(medians(waits)),
        goal: 1.0,
    }
}

/// From now on commits on the primary do not wait for the standby.
async fn be_asynchronous(pair: &Pair) {
    let primary = pair.primary();
    primary.configure("postgresql.auto.conf", "synchronous_standby_names = ''");
    primary.control(&["reload"]);
    let client = primary.client().await;
    let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn measure(pair: &Pair, receiver: &Receiver, measured: &mut Measured) {
    let store = store(&url(pair).await).await;
    let rate = durable(store, &transport(), receiver.url(0)).await;
    measured.deliveries.push(rate);
    let store = self::store(&url(pair).await).await;
    let times = first_bytes(receiver, store).await;
    measured.first_byte.push(median_and_late(times));
    let url = url(pair).await;
    measured.follower.push(median_and_late(follow(&url).await));
    measured.events.push(read_all(&url).await);
}

async fn url(pair: &Pair) -> String {
    in_schema(&pair.url(), &pair.new_schema().await)
}

async fn store(url: &str) -> PostgresStore {
    PostgresStore::connect(url).await.unwrap()
}

/// A store of its own hears of commits as another process does.
async fn follow(url: &str) -> Vec<f64> {
    let (writer, reader) = (store(url).await, store(url).await);
    let mut events = Engine::new(reader).follow(Cursor::START);
    let (seen, mut seeing) = tokio::sync::mpsc::unbounded_channel();
    let following = tokio::spawn(async move {
        loop {
            let event = events.next().await;
            let _ = seen.send((event.unwrap().event.uuid(), Instant::now()));
        }
    });
    let engine = Engine::new(writer);
    let customer = Actor::customer("john").unwrap();
    let mut times = Vec::new();
    for number in 0..300 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let details = details(number);
        let uuid = details.uuid();
        let receipt = engine
            .scope(&institution(), &customer)
            .submit(details)
            .await;
        let committed = Instant::now();
        drop(receipt.unwrap());
        let (seen, at) = seeing.recv().await.unwrap();
        assert_eq!(seen, uuid);
        let time = at.saturating_duration_since(committed);
        times.push(time.as_secs_f64() * 1000.0);
    }
    following.abort();
    times
}

async fn read_all(url: &str) -> f64 {
    let engine = Engine::new(store(url).await);
    // Beside those of the ones that were followed.
    upload_many(&engine, 300, DELIVERIES, Atomicity::Each).await;
    let reader = Engine::new(store(url).await);
    let (mut after, mut count) = (Cursor::START, 0);
    let start = Instant::now();
    while count < DELIVERIES {
        let page = reader.feed(after, 1000).await.unwrap();
        after = page.last().expect("more events").cursor;
        count += page.len() as u64;
    }
    rate(count, start.elapsed())
}
