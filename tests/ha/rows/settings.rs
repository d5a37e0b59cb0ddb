//! What holds whatever a server has for settings, and whatever other clients there are.

use std::time::{Duration, Instant};

use certificate_lifecycle::store::{Clock, Cursor, Outbox, SystemClock};

use super::promises::{short, tells, webhook, without_key};
use super::{World, given, in_time, submission};
use crate::pair::Pair;
use crate::server::in_schema;
use crate::work::institution;

/// An asynchronous standby may have what the synchronous one has not: several hosts are for a
/// failover, and not for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_a_standby_is_read_and_tells_no_feed() {
    let world = World::on(Pair::start_asynchronous().await).await;
    given(world.engine().await, submission(0)).await;
    world.pair.standby_has_all().await;
    let options = short().with_setup(certificate_lifecycle::store::Setup::Keep);
    let engine = world.engine_with(options).await;
    assert_eq!(engine.feed(Cursor::START, 10).await.unwrap().len(), 1);
    // When only the standby is left
    world.pair.primary().stop("fast");
    let start = Instant::now();
    let mut is_read = false;
    while start.elapsed() < Duration::from_secs(10) && !is_read {
        is_read = engine.institutions().await.is_ok_and(|it| it.len() == 1);
    }
    assert!(is_read);
    for _ in 0..3 {
        let reported = engine.feed(Cursor::START, 10).await;
        assert!(reported.is_err(), "{:?}", reported.map(|it| it.len()));
        assert!(engine.feed_end().await.is_err());
    }
    // And when it is promoted, all goes on
    world.pair.promote().await;
    assert!(tells(&engine, Duration::from_secs(10)).await);
}

/// Whatever a role or a database has for `client_min_messages`, the server's warning of a wait is
/// heard; and other warnings are not taken for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_of_a_wait_are_heard_and_no_others() {
    let world = World::synchronous().await;
    let client = world.pair.primary().client().await;
    client
        .batch_execute(
            "ALTER DATABASE postgres SET client_min_messages = 'error'; \
             UPDATE pg_database SET datcollversion = '1' WHERE datname = 'postgres'",
        )
        .await
        .unwrap();
    // Every connection begins with a warning of the server now
    let engine = world.engine_with(short()).await;
    given(engine.clone(), submission(0)).await;
    assert_eq!(engine.feed(Cursor::START, 10).await.unwrap().len(), 1);
    world.pair.standby_away();
    let command = tokio::spawn(async move { engine.execute(without_key(1)).await });
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    let error = in_time(command).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "unknown_outcome", "{error}");
}

/// A new history begins although the standby is away, and it holds no command up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_history_holds_up_no_reader() {
    let world = World::synchronous().await;
    given(world.engine().await, submission(0)).await;
    let reader = world.engine_with(short()).await;
    assert_eq!(reader.feed(Cursor::START, 10).await.unwrap().len(), 1);
    let raw = crate::server::client(&in_schema(&world.pair.primary().url(), &world.schema)).await;
    raw.batch_execute("UPDATE certlife_feed SET history = '1/1'")
        .await
        .unwrap();
    world.pair.standby_away();
    let writer = world.engine_with(short()).await;
    let command = tokio::spawn(given(writer, submission(1)));
    world.pair.sessions_wait(1).await;
    for _ in 0..5 {
        let start = Instant::now();
        let engine = world.engine_with(short()).await;
        assert!(engine.institutions().await.is_ok());
        assert_eq!(reader.feed(Cursor::START, 10).await.unwrap().len(), 1);
        println!("{:?}", start.elapsed());
    }
    world.pair.standby_back().await;
    in_time(command).await.unwrap();
}

/// What is done already is answered when the standby has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_as_wanted_is_on_the_standby() {
    let world = World::synchronous().await;
    let engine = world.engine_with(short()).await;
    let mut wanted = webhook(engine.store()).await;
    world.pair.standby_away();
    wanted.endpoint.disabled = Some(
        certificate_lifecycle::webhook::Disabled::new(
            certificate_lifecycle::webhook::DisabledReason::Manual,
            SystemClock.now(),
        )
        .with_detail(certificate_lifecycle::webhook::Description::default()),
    );
    let putting = tokio::spawn({
        let (engine, wanted) = (engine.clone(), wanted.clone());
        async move { engine.store().put_webhook(wanted).await }
    });
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    assert!(putting.await.unwrap().is_err());
    // Then neither what is there now nor that it is gone is said
    assert!(
        engine
            .store()
            .webhook(&institution(), wanted.id)
            .await
            .is_err()
    );
    assert!(engine.store().put_webhook(wanted.clone()).await.is_err());
    world.pair.standby_back().await;
    let found = engine.store().webhook(&institution(), wanted.id).await;
    assert!(!found.unwrap().unwrap().endpoint.is_enabled());
}
