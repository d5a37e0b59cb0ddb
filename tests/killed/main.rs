//! Dispatchers that are killed while they send: two processes of `certlife deliver` on one store,
//! under load.
//!
//! Every event arrives, in order for each application, however often one of them, or both while a
//! request is under way, are killed with SIGKILL and started again. `KILLS` says how often, `SEED`
//! repeats the chance of a run as far as it can be repeated.
//!
//! `process` kills processors, `serve` the API.

#[path = "../support/http_request.rs"]
mod http_request;
mod process;
#[path = "../support/random.rs"]
mod random;
mod receiver;
mod serve;
#[path = "../support/postgres.rs"]
mod server;

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::{Clock, Engine, SystemClock};
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{Endpoint, Secret};
use certificate_lifecycle::*;
use uuid::Uuid;

use random::Random;
use receiver::{Arrival, Receiver};

/// How often a dispatcher is killed, unless KILLS says otherwise.
const KILLS: u32 = 12;

/// How long what is left may take: the leases of the last that was killed, and a busy machine.
const REST: Duration = Duration::from_secs(2 * 60);

/// A process of `certlife deliver`.
struct Dispatcher(Child);

impl Dispatcher {
    fn start(store: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_certlife"))
            .args([
                "deliver",
                "--store",
                store,
                "--concurrency",
                "32",
                "--timeout",
                "1s",
            ])
            .args([
                "--allow-http",
                "--allow-target",
                "127.0.0.1/32",
                "--log",
                "error",
            ])
            .args(["--retry-schedule", "0s,100ms,1s,1s,1s,1s,1s,1s,1s,1s"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// SIGKILL, of a process that is at work.
    fn kill(&mut self) {
        assert!(
            self.0.try_wait().unwrap().is_none(),
            "it has ended by itself"
        );
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_though_dispatchers_on_one_sqlite_file_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("applications.db");
    let store = SqliteStore::open(&file).unwrap();
    let address = format!("sqlite:{}", file.display());
    campaign(store, &address, &mut Random::new("sqlite")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_though_dispatchers_on_one_postgresql_are_killed() {
    let address = server::server().url_of_new_schema().await;
    let store = PostgresStore::connect(&address).await.unwrap();
    campaign(store, &address, &mut Random::new("postgres")).await;
}

/// The paths of the webhooks, and whose they are.
const WEBHOOKS: [(&str, &str); 3] = [("/one", OURS), ("/two", OURS), ("/three", THEIRS)];
const OURS: &str = "example-university";
const THEIRS: &str = "another-university";

async fn campaign<S: Outbox>(store: S, address: &str, random: &mut Random) {
    let kills = std::env::var("KILLS").map_or(KILLS, |it| it.parse().unwrap());
    let secrets = WEBHOOKS.map(|(path, _)| (path, Secret::generate().unwrap()));
    let receiver = Receiver::start(secrets.clone());
    for ((path, institution), (_, secret)) in WEBHOOKS.into_iter().zip(secrets) {
        let url = format!("http://127.0.0.1:{}{path}", receiver.port);
        let endpoint = Endpoint::new(url.parse().unwrap(), secret);
        let institution = InstitutionId::new(institution).unwrap();
        let webhook = Webhook::new(Uuid::new_v4(), institution, endpoint, SystemClock.now());
        assert!(store.add_webhook(webhook).await.unwrap());
    }
    let mut running = [Dispatcher::start(address), Dispatcher::start(address)];
    let load = tokio::spawn(load(Engine::new(store.clone())));
    let mut cut_off = Vec::new();
    for kill in 0..kills {
        let pause = Duration::from_millis(100 + random.below(500));
        tokio::time::sleep(pause).await;
        let which = &mut running[kill as usize % 2];
        which.kill();
        *which = Dispatcher::start(address);
        if kill % 3 == 0 {
            // And both, while there is a request that one of them waits for.
            receiver.hold();
            running.iter_mut().for_each(Dispatcher::kill);
            cut_off.extend(receiver.release());
            running = [Dispatcher::start(address), Dispatcher::start(address)];
        }
    }
    load.abort();
    assert!(
        load.await.is_err_and(|it| it.is_cancelled()),
        "the load has failed"
    );
    // What is left is delivered by those that are left.
    let start = Instant::now();
    while store
        .backlog(None)
        .await
        .unwrap()
        .iter()
        .any(|it| it.pending > 0)
    {
        assert!(start.elapsed() < REST, "something is pending for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(running);
    check(&store, &receiver, &cut_off).await;
}

/// Applications that are submitted, taken into processing, and approved.
async fn load<S: Store>(engine: Engine<S>) {
    let (john, jane) = (
        Actor::customer("john").unwrap(),
        Actor::administrator("jane").unwrap(),
    );
    let worker = Actor::system("worker").unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8_u64 {
        let engine = engine.clone();
        let institution = if task % 4 == 3 { THEIRS } else { OURS };
        let institution = InstitutionId::new(institution).unwrap();
        let (john, jane, worker) = (john.clone(), jane.clone(), worker.clone());
        tasks.spawn(async move {
            for number in 1.. {
                let details = ApplicationDetails::new(
                    ApplicationId::new(task * 1_000_000 + number).unwrap(),
                    Uuid::new_v4(),
                    CertificateTitle::new("Certificate of Achievement").unwrap(),
                    ApplicantEmail::new("john@example.com").unwrap(),
                );
                let uuid = details.uuid();
                engine
                    .scope(&institution, &john)
                    .submit(details)
                    .await
                    .unwrap();
                engine
                    .scope(&institution, &jane)
                    .begin_processing(uuid)
                    .await
                    .unwrap();
                engine
                    .scope(&institution, &worker)
                    .approve(uuid)
                    .await
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// All that was recorded has arrived at the webhooks of its institution, in order and signed; and
/// what a kill has cut off has arrived again.
async fn check<S: Outbox>(store: &S, receiver: &Receiver, cut_off: &[Arrival]) {
    let mut events = BTreeMap::new();
    let mut cursor = Cursor::START;
    loop {
        let page = store.feed(cursor, 1000).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        events.extend(page.into_iter().map(|it| (it.event.id(), it)));
    }
    assert!(events.len() > 100, "{} events are no load", events.len());
    assert_eq!(receiver.forged(), [""; 0]);
    let (mut again, mut last) = (0, BTreeMap::<(String, Uuid), u64>::new());
    let mut times = BTreeMap::<Arrival, u64>::new();
    for (path, event) in receiver.taken() {
        let RecordedEvent {
            institution, event, ..
        } = &events[&event];
        let is_its = WEBHOOKS.contains(&(path.as_str(), institution.as_str()));
        assert!(is_its, "{institution:?} at {path}");
        *times.entry((path.clone(), event.id())).or_default() += 1;
        let (uuid, version) = (event.uuid(), event.version());
        let last = last.entry((path, uuid)).or_default();
        assert!(
            version <= *last + 1,
            "{uuid}: version {version} after {last}"
        );
        again += u64::from(version <= *last);
        *last = version.max(*last);
    }
    let arrived: u64 = last.values().sum();
    let expected = events.values().map(|it| match it.institution.as_str() {
        OURS => 2,
        _ => 1,
    });
    assert_eq!(arrived, expected.sum::<u64>());
    assert!(!cut_off.is_empty() && again > 0);
    for arrival in cut_off {
        assert!(times[arrival] > 1, "{arrival:?} has arrived once");
    }
    let dead = store.backlog(None).await.unwrap();
    assert!(dead.iter().all(|it| it.dead == 0), "{dead:?}");
    println!(
        "{} events, {arrived} arrived, {again} of them again, {} of them surely cut off",
        events.len(),
        cut_off.len()
    );
}
