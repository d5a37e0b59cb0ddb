//! Row 4: what is given up while the standby is away takes no more and more of the server's
//! connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, ExecuteError, PostgresStore, StoreError};

use super::{FOREVER, World, given, in_time, submission};
use crate::pair::Pair;
use crate::process::options;
use crate::work::request;

const NAME: &str = "bounded";

/// How long commands are given while the standby is away, and by how many callers.
const AWAY: Duration = Duration::from_secs(6);
const CALLERS: u32 = 6;

/// What a store has beside its writers and readers, where it neither delivers nor listens: as many
/// as it writes with whose commits were given up, and one or two that are about to end.
const OTHERS: i64 = 4;

/// How many backends of the store the primary has.
async fn backends(pair: &Pair) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    let client = pair.primary().client().await;
    client.query_one(sql, &[&NAME]).await.unwrap().get(0)
}

/// Gives commands until it is time to stop, each once; the keys, and how many were answered so.
async fn commands(
    engine: Engine<PostgresStore>,
    caller: u32,
    stop: Arc<AtomicBool>,
) -> (Vec<String>, BTreeMap<&'static str, u32>) {
    let (mut keys, mut answers) = (Vec::new(), BTreeMap::new());
    let numbers = (1 + caller..).step_by(CALLERS as usize);
    for number in numbers.take_while(|_| !stop.load(Ordering::Relaxed)) {
        let key = submission(number);
        let mut request = request(&key);
        if number.is_multiple_of(2) {
            // It is not repeated by the store.
            request.idempotency_key = None;
        } else {
            keys.push(key);
        }
        let answer = match in_time(engine.execute(request)).await {
            Ok(_) => "acknowledged",
            Err(ExecuteError::Store(StoreError::Unavailable { .. })) => "unavailable",
            Err(ExecuteError::Store(StoreError::UnknownOutcome { .. })) => "unknown_outcome",
            Err(error) => panic!("{error}"),
        };
        *answers.entry(answer).or_default() += 1;
    }
    (keys, answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_without_the_standby_leave_a_bounded_number_of_backends() {
    // Given a store that waits half a second for an answer, and its standby away
    let world = World::synchronous().await;
    let impatient = options()
        .with_answer_timeout(Duration::from_millis(500))
        .with_patience(Some(Duration::from_millis(500)));
    let bound = i64::try_from(impatient.writers + impatient.readers).unwrap() + OTHERS;
    let url = format!("{}&application_name={NAME}", world.url());
    let store = PostgresStore::connect_with(&url, impatient).await.unwrap();
    let engine = Engine::new(store);
    given(engine.clone(), submission(0)).await;
    world.pair.standby_away();
    // When commands are given all the time
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(commands(engine.clone(), caller, Arc::clone(&stop))))
        .collect();
    let (start, mut most) = (Instant::now(), 0);
    while start.elapsed() < AWAY {
        most = most.max(backends(&world.pair).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    // Then none is acknowledged
    let mut keys = vec![submission(0)];
    for caller in callers {
        let (of_caller, answers) = in_time(caller).await.unwrap();
        println!("{answers:?}");
        assert!(!answers.contains_key("acknowledged"));
        assert!(answers.contains_key("unknown_outcome") || answers.contains_key("unavailable"));
        keys.extend(of_caller);
    }
    // And the server keeps its connections
    println!("at most {most} backends; {} keys", keys.len());
    assert!(most <= bound, "{most} backends, more than {bound}");
    // When the standby is back, each key is decided once
    world.pair.standby_back().await;
    let back = Instant::now();
    for key in &keys {
        given(engine.clone(), key.clone()).await;
    }
    println!("all are decided after {:?}", back.elapsed());
    each_once(&engine, &keys).await;
    let left = Instant::now();
    while backends(&world.pair).await > bound - OTHERS {
        assert!(left.elapsed() < FOREVER, "they do not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Each key has its event, and no application has two.
async fn each_once(engine: &Engine<PostgresStore>, keys: &[String]) {
    let feed = engine.feed(Cursor::START, 10_000).await.unwrap();
    let mut events: BTreeMap<_, u32> = BTreeMap::new();
    for recorded in &feed {
        *events.entry(recorded.event.uuid()).or_default() += 1;
    }
    assert!(events.values().all(|it| *it == 1), "{events:?}");
    for key in keys {
        let receipt = given(engine.clone(), key.clone()).await;
        assert!(receipt.replayed);
        assert_eq!(events.get(&receipt.event.uuid()), Some(&1), "{key}");
    }
}
