//! The example with a table of its own (`examples/orders.rs`), killed between every two of its
//! steps, and at moments of chance while two processes work on the same orders: each approval has
//! one serial number, without gaps, and no other application has one.

#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../../examples/orders.rs"]
mod example;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use certificate_lifecycle::Status;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    AnyStore, Cursor, InstitutionId, ListQuery, RecordedEvent, StoreAddress,
};
use uuid::Uuid;

use crate::driver::{quiet, runtime};
use crate::random::Random;
use crate::server::{self, Server};

/// The environment variables that make this program the example.
const URL: &str = "CRASH_ORDERS_URL";
const FIRST: &str = "CRASH_ORDERS_FIRST";
const LAST: &str = "CRASH_ORDERS_LAST";
/// At which step it kills itself.
const STOP_AT: &str = "CRASH_ORDERS_STOP_AT";

/// The orders of a process that is killed at a step, and of those that are killed at some moment.
const FEW: u64 = 2;
const MANY: u64 = 12;

/// What is done for an order, in this sequence.
const STEPS: [&str; 6] = [
    "submitted",
    "accepted",
    "begun",
    "approved",
    "numbered",
    "committed",
];

/// How long the feed may be held up. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process that is killed.
pub struct Process {
    address: StoreAddress,
    orders: RangeInclusive<u64>,
    stop_at: Option<u64>,
}

impl Process {
    pub fn from_environment() -> Option<Self> {
        let number = |name| Some(std::env::var(name).ok()?.parse().unwrap());
        Some(Self {
            address: std::env::var(URL).ok()?.parse().unwrap(),
            orders: number(FIRST)?..=number(LAST)?,
            stop_at: number(STOP_AT),
        })
    }

    pub fn run(self) {
        let steps = AtomicU64::new(0);
        let report = |step: &str| {
            let number = steps.fetch_add(1, Ordering::SeqCst);
            if self.stop_at == Some(number) {
                println!("{step}");
                server::signal("KILL", &[std::process::id()]);
                std::thread::sleep(PATIENCE);
            }
        };
        let run = example::run(&self.address, self.orders, &report);
        runtime().block_on(run).unwrap();
    }

    /// Works on the newest orders up to this one, of which the older may be finished.
    fn start(url: &str, last: u64, stop_at: Option<u64>) -> Child {
        let first = last.saturating_sub(2 * MANY) + 1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(URL, url);
        command.env(FIRST, first.to_string());
        command.env(LAST, last.to_string());
        if let Some(step) = stop_at {
            command.env(STOP_AT, step.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs to the end, and returns the serial numbers that it printed, by order.
    fn finish(url: &str, last: u64) -> Vec<String> {
        let output = Self::start(url, last, None).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.lines().map(str::to_owned).collect()
    }
}

/// Where the data is.
pub enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(&'static Server),
}

impl Place {
    /// The address of a store without tables.
    fn fresh(&self) -> String {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join(format!("{}.db", Uuid::new_v4()));
                format!("sqlite:{}", path.display())
            }
            Self::Postgres(server) => runtime().block_on(server.url_of_new_schema()),
        }
    }

    /// Waits until nothing is under way of processes that were killed.
    fn wait(&self) {
        if let Self::Postgres(server) = self {
            runtime().block_on(quiet(server));
        }
    }
}

pub fn sqlite(rounds: u32, random: &mut Random) {
    campaign(&Place::Sqlite(tempfile::tempdir().unwrap()), rounds, random);
}

pub fn postgres(rounds: u32, random: &mut Random) {
    campaign(&Place::Postgres(server::server()), rounds, random);
}

fn campaign(place: &Place, rounds: u32, random: &mut Random) {
    killed_at_each_step(place);
    killed_at_some_moment(place, rounds, random);
}

fn killed_at_each_step(place: &Place) {
    let orders = usize::try_from(FEW).unwrap();
    let steps = STEPS.iter().cycle().take(STEPS.len() * orders);
    for (number, expected) in (0..).zip(steps) {
        // Given a process that was killed at this step
        let url = place.fresh();
        let killed = Process::start(&url, FEW, Some(number));
        let output = killed.wait_with_output().unwrap();
        assert_eq!(output.status.code(), None, "{}", output.status);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.lines().last(), Some(*expected), "{printed}");
        // Then the table and the approvals agree
        place.wait();
        let committed = check(&url);
        let finished = number / 6 + u64::from(*expected == "committed");
        assert_eq!(committed, finished, "after step {number} ({expected})");
        // And once it was started again, each order has its certificate, and keeps it
        let printed = Process::finish(&url, FEW);
        assert_eq!(check(&url), FEW);
        assert_eq!(Process::finish(&url, FEW), printed);
        assert_eq!(check(&url), FEW);
    }
}

fn killed_at_some_moment(place: &Place, rounds: u32, random: &mut Random) {
    let url = place.fresh();
    let mut last = 0;
    let mut unfinished = 0;
    for _ in 0..rounds {
        // Given two processes that work on the same orders, some of which are finished
        last += MANY;
        let mut processes = [(); 2].map(|()| Process::start(&url, last, None));
        // When they are killed, after some certificates and in the middle of another one
        let heard = BufReader::new(processes[0].stdout.take().unwrap());
        let mut heard = heard.lines();
        let finished = MANY.min(last - MANY);
        let before = usize::try_from(finished + 1 + random.below(MANY - 1)).unwrap();
        assert_eq!(heard.by_ref().take(before).count(), before);
        std::thread::sleep(Duration::from_micros(random.below(3_000)));
        for process in &mut processes {
            process.kill().unwrap();
            // Killed, or at the end already.
            let status = process.wait().unwrap();
            assert!(matches!(status.code(), None | Some(0)), "{status}");
        }
        // Then the table and the approvals agree
        place.wait();
        let committed = check(&url);
        assert!(committed > last - MANY, "{committed} of {last}");
        unfinished += u32::from(committed < last);
        // And one that is started again does the rest
        Process::finish(&url, last);
        assert_eq!(check(&url), last);
    }
    assert!(rounds < 10 || unfinished > 0, "they were killed too late");
}

/// Checks that the lists, the feed and the table have the same approvals; how many they are.
fn check(url: &str) -> u64 {
    runtime().block_on(async {
        let address = url.parse().unwrap();
        let engine = Engine::new(AnyStore::open(&address).await.unwrap());
        let numbers = numbers(&address).await;
        let serials: Vec<_> = numbers.iter().map(|(serial, _)| *serial).collect();
        let count = u64::try_from(numbers.len()).unwrap();
        let without_gaps: Vec<_> = (1..).take(numbers.len()).collect();
        assert_eq!(serials, without_gaps);
        let numbered: BTreeSet<_> = numbers.into_iter().map(|(_, uuid)| uuid).collect();
        assert_eq!(
            numbered.len(),
            serials.len(),
            "two numbers for one application"
        );
        let (approved, events) = listed(&engine).await;
        assert_eq!(approved, numbered);
        let feed = whole_feed(&engine, events).await;
        let mut approvals = BTreeMap::new();
        for recorded in feed {
            let event = recorded.event;
            if event.kind().status() == Status::Approved {
                *approvals.entry(event.uuid()).or_insert(0) += 1;
            }
        }
        assert!(approvals.values().all(|times| *times == 1), "{approvals:?}");
        assert_eq!(approvals.into_keys().collect::<BTreeSet<_>>(), approved);
        count
    })
}

/// The table of the example: serial numbers in their order, with their applications.
async fn numbers(address: &StoreAddress) -> Vec<(i64, Uuid)> {
    let sql = "SELECT serial, application FROM certificate ORDER BY serial";
    let rows: Vec<(i64, String)> = match address {
        StoreAddress::Sqlite(path) => {
            let connection = rusqlite::Connection::open(path).unwrap();
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.unwrap().map(Result::unwrap).collect()
        }
        StoreAddress::Postgres(url) => {
            let rows = server::client(url).await.query(sql, &[]).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        }
        _ => unreachable!(),
    };
    let uuid = |(serial, text): (i64, String)| (serial, text.parse().unwrap());
    rows.into_iter().map(uuid).collect()
}

/// The applications that are approved, and how many events there are of all.
async fn listed(engine: &Engine<AnyStore>) -> (BTreeSet<Uuid>, u64) {
    let institution = InstitutionId::new("example-university").unwrap();
    let (mut approved, mut events) = (BTreeSet::new(), 0);
    let mut query = ListQuery::new(institution).limit(100);
    loop {
        let page = engine.list(query.clone()).await.unwrap();
        for application in page.applications {
            events += application.version();
            if application.status() == Status::Approved {
                approved.insert(application.uuid());
            }
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => return (approved, events),
        }
    }
}

/// The feed, once it has so many events: another transaction of the server may hold it up.
async fn whole_feed(engine: &Engine<AnyStore>, events: u64) -> Vec<RecordedEvent> {
    let events = usize::try_from(events).unwrap();
    let (start, mut feed) = (Instant::now(), Vec::<RecordedEvent>::new());
    loop {
        let cursor = feed.last().map_or(Cursor::START, |it| it.cursor);
        let page = engine.feed(cursor, 1_000).await.unwrap();
        if page.is_empty() && feed.len() >= events {
            assert_eq!(feed.len(), events);
            return feed;
        }
        if page.is_empty() {
            assert!(start.elapsed() < PATIENCE, "{} of {events}", feed.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        feed.extend(page);
    }
}
