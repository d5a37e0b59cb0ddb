//! The processor, beside what its store can do without it:
//! `cargo bench --features cli --bench processing`.
//!
//! After `--`, name what to run: `sqlite`, `postgres` (both, if none is named). Needs PostgreSQL
//! (Debian: `postgresql`), which it runs in a temporary folder.
//!
//! - Work that takes no time, by 8 processors, against the approval of as many applications by 8
//!   callers in batches of 512. Alternating rounds; the median counts.
//! - From the answer to `begin_processing` to the start of the work, on an idle system.
//! - One `certlife process` that has nothing to do: transactions a second, and its part of a core.

#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command as Program, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Control, Outcome, Processor, ProcessorOptions, Work};
use certificate_lifecycle::store::{
    Actor, AnyStore, Atomicity, InstitutionId, Request, StoreAddress,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use support::{Row, conclude};

const APPLICATIONS: u64 = 20_000;
const ROUNDS: usize = 5;
const PROCESSORS: u64 = 8;
const BATCH: usize = 512;
const IDLE: Duration = Duration::from_secs(10);
const STARTS: u64 = 200;

fn main() -> ExitCode {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|it| it == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    if is_wanted("sqlite") {
        let file = format!("sqlite:{}", folder.path().join("work.db").display());
        rows.extend(runtime.block_on(measure("SQLite", &file, folder.path(), None)));
    }
    if is_wanted("postgres") {
        let server = postgres::Server::start();
        let url = runtime.block_on(server.url_of_new_schema());
        let measured = measure("PostgreSQL", &url, folder.path(), Some(&server));
        rows.extend(runtime.block_on(measured));
    }
    conclude(&rows)
}

async fn measure(
    name: &str,
    address: &str,
    folder: &Path,
    server: Option<&postgres::Server>,
) -> Vec<Row> {
    let parsed: StoreAddress = address.parse().unwrap();
    let engine = Engine::new(AnyStore::open(&parsed).await.unwrap());
    let mut number = 0;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let uploaded = upload(&engine, &mut number).await;
        peers.push(directly(&engine, uploaded).await);
        upload(&engine, &mut number).await;
        ours.push(processed(&engine).await);
    }
    let spread = |it: &[f64]| {
        let (least, most) = it.iter().fold((f64::MAX, 0.0_f64), |(least, most), it| {
            (least.min(*it), most.max(*it))
        });
        format!("{least:.0} to {most:.0}")
    };
    println!(
        "{name}: processors {}/s, directly {}/s",
        spread(&ours),
        spread(&peers)
    );
    let (ours, peer) = (median(ours), median(peers));
    let rate = Row {
        work: format!("{name}, {PROCESSORS} processors"),
        ours: format!("{ours:.0}/s"),
        peer: format!("direct batches: {peer:.0}/s"),
        ratio: ours / peer,
        goal: 0.5,
    };
    let start = started(&engine, &mut number).await;
    let latency = Row {
        work: format!("{name}, start of work"),
        ours: format!("{:.2} ms", start * 1000.0),
        peer: "limit: 5 ms".to_owned(),
        ratio: 0.005 / start,
        goal: 1.0,
    };
    // On a server of its own: what has worked before is being vacuumed.
    let fresh = server.map(|_| postgres::Server::start());
    let address = match &fresh {
        Some(server) => server.url_of_new_schema().await,
        None => address.to_owned(),
    };
    drop(AnyStore::open(&address.parse().unwrap()).await.unwrap());
    let (transactions, part) = idle(&address, folder, fresh.as_ref()).await;
    let idle = Row {
        work: format!("{name}, idle"),
        ours: format!("{:.2} % of a core", part * 100.0),
        peer: transactions.map_or_else(
            || "limit: 1 %".to_owned(),
            |it| format!("limit: 1 %; {it:.1} transactions/s, limit: 5"),
        ),
        ratio: 0.01 / part.max(0.0001),
        goal: 1.0,
    };
    vec![rate, latency, idle]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn institution() -> InstitutionId {
    InstitutionId::new("example-university").unwrap()
}

fn details(number: u64) -> ApplicationDetails {
    let spread = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    ApplicationDetails::new(
        ApplicationId::new(number + 1).unwrap(),
        Uuid::from_u128(spread),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new(format!("applicant{number}@example.com")).unwrap(),
    )
}

async fn upload(engine: &Engine<AnyStore>, number: &mut u64) -> Vec<Uuid> {
    let all: Vec<_> = (*number..*number + APPLICATIONS).map(details).collect();
    *number += APPLICATIONS;
    let uuids = all.iter().map(ApplicationDetails::uuid).collect();
    let (of, jane) = (institution(), Actor::administrator("jane").unwrap());
    let scope = engine.scope(&of, &jane);
    let uploaded = scope.upload_many(all, Atomicity::All).await;
    assert!(uploaded.iter().all(Result::is_ok));
    uuids
}

/// Approvals a second by callers who know what is to be approved.
async fn directly(engine: &Engine<AnyStore>, uuids: Vec<Uuid>) -> f64 {
    let start = Instant::now();
    let system = Actor::system("pdf-worker").unwrap();
    let queue = Arc::new(std::sync::Mutex::new(uuids));
    let callers = (0..PROCESSORS).map(|_| {
        let (engine, queue, system) = (engine.clone(), Arc::clone(&queue), system.clone());
        tokio::spawn(async move {
            loop {
                let batch: Vec<Uuid> = {
                    let mut queue = queue.lock().unwrap();
                    let left = queue.len().saturating_sub(BATCH);
                    queue.split_off(left)
                };
                if batch.is_empty() {
                    return;
                }
                let approve = |uuid: Uuid| {
                    let request =
                        Request::transition(institution(), system.clone(), uuid, Command::Approve);
                    request.expecting(1)
                };
                let requests = batch.into_iter().map(approve).collect();
                let answers = engine.execute_many(requests).await;
                assert!(answers.iter().all(Result::is_ok));
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    rate(APPLICATIONS, start.elapsed())
}

/// Approvals a second by processors.
async fn processed(engine: &Engine<AnyStore>) -> f64 {
    let start = Instant::now();
    let options = ProcessorOptions::default().with_concurrency(1024);
    let processors = (0..PROCESSORS).map(|_| {
        let work = async |_: Work, _: Control| Outcome::Approve;
        let processor = Processor::new(engine.clone(), work).with_options(options.clone());
        tokio::spawn(async move { processor.run_until_idle(std::future::pending()).await })
    });
    let mut approved = 0;
    for processor in processors.collect::<Vec<_>>() {
        approved += processor.await.unwrap().unwrap().approved;
    }
    assert_eq!(approved, APPLICATIONS);
    rate(APPLICATIONS, start.elapsed())
}

/// The median of the time, in seconds, from the answer to `begin_processing` to the start of the
/// work.
async fn started(engine: &Engine<AnyStore>, number: &mut u64) -> f64 {
    let (begun, mut starts) = mpsc::unbounded_channel();
    let work = move |_: Work, _: Control| {
        let _ = begun.send(Instant::now());
        async { Outcome::Approve }
    };
    let processor = Processor::new(engine.clone(), work);
    let running = tokio::spawn(async move { processor.run(std::future::pending()).await });
    let of = institution();
    let (john, jane) = (
        Actor::customer("john").unwrap(),
        Actor::administrator("jane").unwrap(),
    );
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let details = details(*number);
        *number += 1;
        let uuid = details.uuid();
        let _ = engine.scope(&of, &john).submit(details).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let accepted = engine.scope(&of, &jane).begin_processing(uuid).await;
        let _ = accepted.unwrap();
        let answered = Instant::now();
        let start: Instant = starts.recv().await.unwrap();
        times.push(start.saturating_duration_since(answered).as_secs_f64());
    }
    running.abort();
    median(times)
}

/// What one program that has nothing to do takes: transactions a second, and its part of a core.
async fn idle(
    address: &str,
    folder: &Path,
    server: Option<&postgres::Server>,
) -> (Option<f64>, f64) {
    let mut child = Program::new(env!("CARGO_BIN_EXE_certlife"))
        .args(["process", "--store", address, "--exec", "true"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (start, before) = (Instant::now(), processor_time(child.id()));
    let committed = transactions(server, address).await;
    tokio::time::sleep(IDLE).await;
    let after = transactions(server, address).await;
    let part = (processor_time(child.id()) - before) / start.elapsed().as_secs_f64();
    let by_second = |(before, after)| rate(after - before, start.elapsed());
    child.kill().unwrap();
    child.wait().unwrap();
    (committed.zip(after).map(by_second), part)
}

/// How long a process has kept a core busy, in seconds. What is counted in ticks of the clock would
/// be too much: what wakes with the tick is there whenever it is counted.
fn processor_time(id: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let nanoseconds = tasks.map(|task| {
        let path = task.unwrap().path().join("schedstat");
        let stat = std::fs::read_to_string(path).unwrap();
        stat.split(' ').next().unwrap().parse::<f64>().unwrap()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// How many transactions the database has had.
async fn transactions(server: Option<&postgres::Server>, address: &str) -> Option<u64> {
    server?;
    let (client, connection) = tokio_postgres::connect(address, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    // The numbers of a session come when it is idle.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sql = "SELECT sum(xact_commit)::bigint FROM pg_stat_database";
    let row = client.query_one(sql, &[]).await.unwrap();
    Some(row.get::<_, i64>(0).cast_unsigned())
}
