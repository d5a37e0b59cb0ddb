//! What is answered, shown or sent while the standby is away, and whether a store notices that it
//! is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Claim, Clock, Cursor, Outbox, Outcome, PostgresOptions, PostgresStore, Request, Settlement,
    SystemClock, Webhook,
};
use certificate_lifecycle::webhook::{Endpoint, Secret};
use uuid::Uuid;

use super::{World, given, in_time, submission};
use crate::pair::Pair;
use crate::process::options;
use crate::server::in_schema;
use crate::work::{institution, key, request};

pub(super) fn short() -> PostgresOptions {
    options()
        .with_answer_timeout(Duration::from_secs(1))
        .with_patience(Some(Duration::from_secs(2)))
}

async fn sleep(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Whether the feed tells something within this time.
pub(super) async fn tells(engine: &Engine<PostgresStore>, limit: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        match engine.feed(Cursor::START, 100).await {
            Ok(page) => return !page.is_empty(),
            Err(error) => println!("{:?}: {error}", start.elapsed()),
        }
        sleep(250).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_gave_up_waiting_tells_when_the_standby_is_back() {
    let world = World::synchronous().await;
    given(world.engine().await, submission(0)).await;
    let reader = world.engine_with(short()).await;
    world.pair.standby_away();
    let error = reader.feed(Cursor::START, 100).await.unwrap_err();
    println!("{error}");
    world.pair.standby_back().await;
    assert!(tells(&reader, Duration::from_secs(15)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_whose_wait_was_cancelled_tells_when_the_standby_is_back() {
    let world = World::synchronous().await;
    given(world.engine().await, submission(0)).await;
    let reader = world.engine().await;
    world.pair.standby_away();
    let asking = tokio::spawn({
        let reader = reader.clone();
        async move { reader.feed(Cursor::START, 100).await }
    });
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    println!("{:?}", in_time(asking).await.unwrap().map(|it| it.len()));
    world.pair.standby_back().await;
    assert!(tells(&reader, Duration::from_secs(15)).await);
}

/// A webhook that no store has yet.
fn unregistered() -> Webhook {
    let endpoint = Endpoint::new(
        "https://example.com/".parse().unwrap(),
        Secret::generate().unwrap(),
    );
    Webhook::new(
        Uuid::from_u128(7),
        institution(),
        endpoint,
        SystemClock.now(),
    )
}

pub(super) async fn webhook(store: &PostgresStore) -> Webhook {
    let webhook = unregistered();
    assert!(store.add_webhook(webhook.clone()).await.unwrap());
    webhook
}

fn claim(of: &Webhook) -> Claim {
    Claim::new(
        SystemClock.now(),
        Duration::from_secs(30),
        vec![(of.id, 100)],
    )
}

/// A transaction that began before one that was claimed, and is committed on no standby.
async fn an_older_transaction(check: &str) {
    let world = World::synchronous().await;
    let one = world.engine().await;
    let other = world.engine().await;
    let dispatcher = world.engine_with(short()).await;
    let hook = webhook(dispatcher.store()).await;
    given(one.clone(), submission(0)).await;
    // It has its number, and waits for a lock
    let raw = crate::server::client(&in_schema(&world.pair.primary().url(), &world.schema)).await;
    raw.batch_execute("BEGIN; SELECT FROM certlife_application FOR UPDATE")
        .await
        .unwrap();
    let older = tokio::spawn(given(one, key("row", 0, "begin")));
    sleep(1000).await;
    // A later one is committed, on the standby, and claimed and settled
    given(other, submission(1)).await;
    let batch = dispatcher.store().claim(claim(&hook)).await.unwrap();
    assert_eq!(batch.deliveries.len(), 2);
    let settlements = batch
        .deliveries
        .iter()
        .map(|it| Settlement::new(it.id, it.token, Outcome::Delivered));
    let settled = dispatcher
        .store()
        .settle(SystemClock.now(), settlements.collect(), Vec::new())
        .await;
    assert_eq!(settled.unwrap(), [true, true]);
    world.pair.standby_away();
    raw.batch_execute("ROLLBACK").await.unwrap();
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    sleep(300).await;
    let early = if check == "claim" {
        let claimed = dispatcher.store().claim(claim(&hook)).await;
        println!("{claimed:?}");
        claimed.is_ok_and(|it| !it.deliveries.is_empty())
    } else {
        let page = dispatcher.feed(Cursor::START, 100).await;
        println!("{:?}", page.as_ref().map(Vec::len));
        page.is_ok_and(|it| it.len() == 3)
    };
    assert!(!older.is_finished());
    world.pair.standby_back().await;
    in_time(older).await.unwrap();
    assert!(!early, "reported when no standby had it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_transaction_is_not_sent_before_the_standby_has_it() {
    an_older_transaction("claim").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_transaction_is_not_reported_before_the_standby_has_it() {
    an_older_transaction("feed").await;
}

/// The same submission without its key: refused.
pub(super) fn without_key(number: u32) -> Request {
    let mut again = request(&submission(number));
    again.idempotency_key = None;
    again
}

async fn mixed(is_replay_first: bool) -> (String, String) {
    let world = World::synchronous().await;
    let first = world.engine().await;
    let second = world.engine_with(short()).await;
    given(first.clone(), submission(1)).await;
    world.pair.standby_away();
    let command = tokio::spawn(given(first, submission(0)));
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    sleep(300).await;
    let mut batch = vec![request(&submission(0)), without_key(1)];
    if !is_replay_first {
        batch.reverse();
    }
    let mut answers = second.execute_many(batch).await;
    if !is_replay_first {
        answers.reverse();
    }
    let texts: Vec<_> = answers.iter().map(|it| format!("{it:?}")).collect();
    println!("{texts:#?}");
    world.pair.standby_back().await;
    in_time(command).await.unwrap();
    (texts[0].clone(), texts[1].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_beside_a_refusal_is_unknown() {
    let (replay, _) = mixed(true).await;
    assert!(replay.contains("UnknownOutcome"), "{replay}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_beside_a_replay_is_not_unknown() {
    let (_, refusal) = mixed(false).await;
    assert!(!refusal.contains("UnknownOutcome"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_does_not_make_commands_hasty() {
    let world = World::synchronous().await;
    let engine = world.engine().await;
    given(engine.clone(), submission(0)).await;
    world
        .pair
        .primary()
        .configure("postgresql.conf", "synchronous_commit = local");
    world.pair.primary().control(&["reload"]);
    sleep(500).await;
    world.pair.standby_away();
    let command = tokio::spawn(given(engine, submission(1)));
    sleep(3000).await;
    let early = command.is_finished();
    world.pair.standby_back().await;
    in_time(command).await.unwrap();
    assert!(!early, "acknowledged when no standby had it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_there_already_is_on_the_standby() {
    let world = World::synchronous().await;
    let engine = world.engine().await;
    let webhook = unregistered();
    world.pair.standby_away();
    let adding = tokio::spawn({
        let (engine, webhook) = (engine.clone(), webhook.clone());
        async move { engine.store().add_webhook(webhook).await }
    });
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    println!("first: {:?}", adding.await.unwrap());
    let again = engine.store().add_webhook(webhook);
    let again = tokio::time::timeout(Duration::from_secs(3), again).await;
    println!("again: {again:?}");
    assert!(
        !matches!(again, Ok(Ok(_))),
        "answered when no standby had it"
    );
}

/// A primary that another has taken the place of, and that goes on: does a store that reads all the
/// time notice?
async fn notices(pause: u64) -> bool {
    let world = World::on(Pair::start_asynchronous().await).await;
    let engine = world.engine().await;
    given(engine.clone(), submission(0)).await;
    world.pair.standby_has_all().await;
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..4 {
        let (engine, stop) = (engine.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let _ = engine.feed(Cursor::START, 100).await;
                if pause > 0 {
                    sleep(pause).await;
                }
            }
        });
    }
    sleep(1000).await;
    world.pair.promote().await;
    given(world.on_the_primary().await, submission(1)).await;
    let start = Instant::now();
    let mut seen = false;
    while !seen && start.elapsed() < Duration::from_secs(15) {
        seen = engine
            .feed(Cursor::START, 100)
            .await
            .is_ok_and(|it| it.len() == 2);
        sleep(100).await;
    }
    println!("seen: {seen} after {:?}", start.elapsed());
    stop.store(true, Ordering::Relaxed);
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_use_from_time_to_time_notices_a_new_primary() {
    assert!(notices(400).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_store_notices_a_new_primary() {
    assert!(notices(0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_end_with_the_store() {
    let world = World::synchronous().await;
    let engine = world.engine().await;
    given(engine.clone(), submission(0)).await;
    let _ = engine.feed(Cursor::START, 10).await;
    let wake = {
        use certificate_lifecycle::store::Store;
        engine.store().commits()
    };
    sleep(1000).await;
    let client = world.pair.primary().client().await;
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'certificate-lifecycle'";
    let before: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    sleep(5000).await;
    let idle: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    drop((engine, wake));
    sleep(3000).await;
    let after: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    println!("{before} {idle} {after}");
    assert_eq!((idle, after), (before, 0));
}

/// A caller that gives up while connecting leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_that_is_given_up_leaves_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (count, mut all) = (Arc::clone(&open), 0);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let count = Arc::clone(&count);
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while matches!(
                    tokio::io::AsyncReadExt::read(&mut socket, &mut buffer).await,
                    Ok(read) if read > 0
                ) {}
                count.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    let url = format!("postgres://tests@127.0.0.1:{port},localhost:{port}/postgres");
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    for _ in 0..50 {
        let connecting = PostgresStore::connect_with(&url, options());
        assert!(
            tokio::time::timeout(Duration::from_millis(300), connecting)
                .await
                .is_err()
        );
        all += 1;
    }
    sleep(1500).await;
    let left = open.load(Ordering::Relaxed);
    println!("{all} {left} tasks {before} {}", metrics.num_alive_tasks());
    assert_eq!(left, 0);
    assert!(metrics.num_alive_tasks() <= before + 1);
}

/// The same of commands, whose connections are made by the store's own workers: the store goes on,
/// and ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_store_ends_while_its_servers_hang() {
    let world = World::synchronous().await;
    let engine = world.engine_with(short()).await;
    given(engine.clone(), submission(0)).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let suspended = [world.pair.primary().suspend(), world.pair.other().suspend()];
    for number in 1..5 {
        let engine = engine.clone();
        let _ = tokio::time::timeout(Duration::from_millis(100), async move {
            engine.execute(request(&submission(number))).await
        })
        .await;
    }
    let before = metrics.num_alive_tasks();
    drop(engine);
    sleep(15_000).await;
    let after = metrics.num_alive_tasks();
    for it in &suspended {
        crate::pair::resume(it);
    }
    println!("tasks {before} {after}");
    assert_eq!(after, 0);
}
