//! What durable deliveries cost beside bare requests, in one run:
//! `cargo bench --features cli --bench delivery`.
//!
//! After `--`, name what to run: `sqlite`, `postgres` (rates beside the raw limit), `latency`,
//! `dead` (one of ten webhooks is), `replicated` (a primary with a synchronous standby, beside one
//! that does not wait for it), and the long one, `backlog` (a million pending). The first four run
//! without a name. Needs PostgreSQL (Debian: `postgresql`), which it runs in a temporary folder.

#[path = "backlog.rs"]
mod backlog;
#[path = "../support/load.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod load;
#[path = "../../tests/support/pair.rs"]
mod pair;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "receiver.rs"]
mod receiver;
#[path = "replicated.rs"]
mod replicated;
#[path = "../support/span.rs"]
mod span;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use certificate_lifecycle::delivery::{
    Clock, Dispatcher, DispatcherOptions, HttpOptions, HttpTransport, OutgoingRequest, Transport,
};
use certificate_lifecycle::engine::{Engine, SystemClock};
use certificate_lifecycle::store::{
    Actor, Atomicity, Outbox, PostgresStore, Queries, SqliteStore, Webhook,
};
use certificate_lifecycle::webhook::{Endpoint, Secret};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use uuid::Uuid;

use load::{details, institution, rate, upload_many, uuid};
/// As the pair of servers calls it.
use postgres as server;
use receiver::Receiver;
use support::{Row, conclude};

/// How many requests are under way at the same time.
const CONCURRENT: u32 = 64;
const ROUNDS: usize = 5;
/// The deadline of a request.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How many deliveries a round has.
const DELIVERIES: u64 = 30_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_sender = args.first().is_some_and(|it| it == backlog::SENDER);
    let named = Named(args.into_iter().filter(|it| !it.starts_with('-')).collect());
    let runtime = runtime();
    if is_sender {
        send_from(&runtime, &named.0[0]);
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(10);
    receiver::try_out(&receiver);
    let mut rows = rows_of_sqlite(&named, &runtime, &receiver, folder.path());
    if named.is_wanted("replicated") {
        rows.extend(replicated::rows(&runtime, &receiver));
    }
    if ["postgres", "latency", "dead"]
        .into_iter()
        .any(|it| named.is_default(it))
    {
        let server = postgres::Server::start();
        rows.extend(rows_of_postgres(&named, &runtime, &receiver, &server));
    }
    if named.is_wanted("backlog") {
        rows.extend(rows_of_backlog(&runtime, &receiver, folder.path()));
    }
    conclude(&rows)
}

/// What is to run, as it is named after `--`.
struct Named(Vec<String>);

impl Named {
    fn is_wanted(&self, name: &str) -> bool {
        self.0.iter().any(|it| it == name)
    }

    /// Runs also where nothing is named.
    fn is_default(&self, name: &str) -> bool {
        self.0.is_empty() || self.is_wanted(name)
    }
}

fn rows_of_sqlite(
    named: &Named,
    runtime: &Runtime,
    receiver: &Receiver,
    folder: &Path,
) -> Vec<Row> {
    let mut files = 0;
    let mut sqlite = || {
        files += 1;
        SqliteStore::open(folder.join(format!("{files}.db"))).unwrap()
    };
    let mut rows = Vec::new();
    if named.is_default("sqlite") {
        rows.push(rates("SQLite", 0.55, runtime, receiver, &mut sqlite));
    }
    if named.is_default("latency") {
        rows.push(latency("SQLite", runtime, receiver, sqlite()));
    }
    if named.is_default("dead") {
        rows.push(one_is_dead("SQLite", runtime, receiver, &mut sqlite));
    }
    rows
}

fn rows_of_postgres(
    named: &Named,
    runtime: &Runtime,
    receiver: &Receiver,
    server: &postgres::Server,
) -> Vec<Row> {
    let mut postgres = || {
        let url = runtime.block_on(server.url_of_new_schema());
        runtime.block_on(PostgresStore::connect(&url)).unwrap()
    };
    let mut rows = Vec::new();
    if named.is_default("postgres") {
        rows.push(rates("PostgreSQL", 0.32, runtime, receiver, &mut postgres));
    }
    if named.is_default("latency") {
        rows.push(latency("PostgreSQL", runtime, receiver, postgres()));
    }
    if named.is_default("dead") {
        rows.push(one_is_dead("PostgreSQL", runtime, receiver, &mut postgres));
    }
    rows
}

fn rows_of_backlog(runtime: &Runtime, receiver: &Receiver, folder: &Path) -> Vec<Row> {
    let file = folder.join("backlog.db").display().to_string();
    let store = SqliteStore::open(&file).unwrap();
    let mut rows = Vec::new();
    rows.extend(backlog::row(
        "SQLite",
        runtime,
        receiver,
        (&file, &store),
        || {},
    ));
    let server = postgres::Server::start();
    let url = runtime.block_on(server.url_of_new_schema());
    let store = runtime.block_on(PostgresStore::connect(&url)).unwrap();
    let vacuum = || runtime.block_on(vacuum(&server));
    rows.extend(backlog::row(
        "PostgreSQL",
        runtime,
        receiver,
        (&url, &store),
        vacuum,
    ));
    rows
}

/// Sends from a file or a PostgreSQL, until it is asked to stop.
fn send_from(runtime: &Runtime, place: &str) {
    if place.starts_with("postgres") {
        let store = runtime.block_on(PostgresStore::connect(place)).unwrap();
        backlog::send(runtime, store);
    } else {
        backlog::send(runtime, SqliteStore::open(place).unwrap());
    }
}

/// What autovacuum and the checkpointer do by themselves some time after many were inserted.
async fn vacuum(server: &postgres::Server) {
    let client = server.client().await;
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        client.batch_execute(statement).await.unwrap();
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn transport() -> HttpTransport {
    HttpTransport::new(
        HttpOptions::default()
            .with_allow_http(true)
            .with_allow_targets(vec!["127.0.0.0/8".parse().unwrap()])
            .with_idle_per_host(256),
    )
    .unwrap()
}

fn options() -> DispatcherOptions {
    DispatcherOptions::default()
        // One webhook gets half of it.
        .with_concurrency(2 * CONCURRENT)
        .with_housekeeping_every(Duration::from_secs(60 * 60))
}

async fn add_webhook<S: Outbox>(store: &S, url: String) -> Uuid {
    let id = Uuid::new_v4();
    let endpoint = Endpoint::new(url.parse().unwrap(), Secret::generate().unwrap());
    let webhook = Webhook::new(id, institution(), endpoint, SystemClock.now());
    assert!(store.add_webhook(webhook).await.unwrap());
    id
}

/// Requests a second that are not recorded anywhere: the same bodies over the same client.
async fn raw(transport: &HttpTransport, url: &str) -> f64 {
    let url: certificate_lifecycle::webhook::WebhookUrl = url.parse().unwrap();
    let start = Instant::now();
    let tasks: Vec<_> = (0..u64::from(CONCURRENT))
        .map(|task| {
            let (transport, url) = (transport.clone(), url.clone());
            let each = DELIVERIES / u64::from(CONCURRENT);
            tokio::spawn(async move {
                for number in 0..each {
                    let details = details(task * each + number);
                    let event =
                        certificate_lifecycle::Application::submit(details, SystemClock.now());
                    let request = OutgoingRequest::new(
                        url.clone(),
                        event.event.to_json(Uuid::nil()).into_bytes(),
                    );
                    assert_eq!(
                        transport
                            .send(request, Instant::now() + TIMEOUT)
                            .await
                            .unwrap()
                            .status,
                        204
                    );
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    rate(DELIVERIES, start.elapsed())
}

/// Deliveries a second, of events of as many applications, that are pending when it starts.
async fn durable<S: Outbox + Queries>(store: S, transport: &HttpTransport, url: String) -> f64 {
    add_webhook(&store, url).await;
    let engine = Engine::new(store.clone());
    upload_many(&engine, 0, DELIVERIES, Atomicity::Each).await;
    let dispatcher = Dispatcher::new(store, transport.clone(), options());
    let start = Instant::now();
    let summary = dispatcher
        .run_until_idle(std::future::pending())
        .await
        .unwrap();
    assert_eq!(summary.delivered, DELIVERIES);
    rate(DELIVERIES, start.elapsed())
}

fn rates<S: Outbox + Queries>(
    name: &str,
    goal: f64,
    runtime: &Runtime,
    receiver: &Receiver,
    store: &mut dyn FnMut() -> S,
) -> Row {
    let transport = transport();
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raws.push(runtime.block_on(raw(&transport, &receiver.url(0))));
        let store = store();
        ours.push(runtime.block_on(durable(store, &transport, receiver.url(0))));
    }
    let (ours, raw) = (median(ours), median(raws));
    Row {
        work: format!("{name}, durable deliveries"),
        ours: format!("{ours:.0}/s"),
        peer: format!("bare requests: {raw:.0}/s"),
        ratio: ours / raw,
        goal,
    }
}

/// From the answer to a command to the receiver's first byte, where nothing else is going on, in
/// milliseconds.
async fn first_bytes<S: Outbox + Queries>(receiver: &Receiver, store: S) -> Vec<f64> {
    add_webhook(&store, receiver.url(0)).await;
    let dispatcher = Dispatcher::new(store.clone(), transport(), options());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        dispatcher.run(stopped).await
    });
    receiver.notes_arrivals.store(true, Ordering::Relaxed);
    let engine = Engine::new(store);
    let customer = Actor::customer("john").unwrap();
    let mut times = Vec::new();
    for number in 0..300 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        engine
            .scope(&institution(), &customer)
            .submit(details(number))
            .await
            .unwrap();
        let committed = Instant::now();
        tokio::time::sleep(Duration::from_millis(30)).await;
        let arrived = receiver.arrivals.lock().unwrap().remove(&uuid(number));
        let arrived = arrived.map(|it| it.saturating_duration_since(committed));
        times.push(arrived.map_or(30.0, |it| it.as_secs_f64() * 1000.0));
    }
    receiver.notes_arrivals.store(false, Ordering::Relaxed);
    drop(stop);
    running.await.unwrap().unwrap();
    times
}

/// The median, and what 99 of 100 are below.
fn median_and_late(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn latency<S: Outbox + Queries>(
    name: &str,
    runtime: &Runtime,
    receiver: &Receiver,
    store: S,
) -> Row {
    let times = runtime.block_on(first_bytes(receiver, store));
    let (median, late) = median_and_late(times);
    Row {
        work: format!("{name}, from commit to the first byte"),
        ours: format!("{median:.2} ms (99 %: {late:.2} ms)"),
        peer: "5 ms".to_owned(),
        ratio: 5.0 / median,
        goal: 1.0,
    }
}

/// The rate of nine webhooks where the tenth is dead, beside the same where it is well.
fn one_is_dead<S: Outbox + Queries>(
    name: &str,
    runtime: &Runtime,
    receiver: &Receiver,
    store: &mut dyn FnMut() -> S,
) -> Row {
    let dead = receiver::dead();
    let mut nine = |tenth: String| {
        let store = store();
        runtime.block_on(async {
            for webhook in 0..9 {
                add_webhook(&store, receiver.url(webhook)).await;
            }
            add_webhook(&store, tenth).await;
            let engine = Engine::new(store.clone());
            let each = 4000;
            upload_many(&engine, 0, each, Atomicity::Each).await;
            let dispatcher = Dispatcher::new(store, transport(), options());
            let before: u64 = receiver.counts[..9]
                .iter()
                .map(|it| it.load(Ordering::Relaxed))
                .sum();
            let start = Instant::now();
            let running = tokio::spawn(async move { dispatcher.run(std::future::pending()).await });
            loop {
                let now: u64 = receiver.counts[..9]
                    .iter()
                    .map(|it| it.load(Ordering::Relaxed))
                    .sum();
                if now - before >= 9 * each {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let time = start.elapsed();
            running.abort();
            rate(9 * each, time)
        })
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // Well, the tenth has a share of the work: its rate is that of the nine, by nine tenths.
        without.push(nine(receiver.url(9)));
        with.push(nine(dead.clone()));
    }
    let (with, without) = (median(with), median(without));
    Row {
        work: format!("{name}, nine webhooks beside a dead one"),
        ours: format!("{with:.0}/s"),
        peer: format!("beside a tenth that is well: {without:.0}/s"),
        ratio: with / without,
        goal: 0.95,
    }
}
