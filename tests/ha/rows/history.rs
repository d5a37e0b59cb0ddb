//! Row 2: a standby that is behind is promoted, and what it did not have is lost.

use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, PostgresStore, RecordedEvent, StoreError};

use super::{FOREVER, World, given, in_time, submission};

/// Events on both, on the old primary alone, and on the new one alone.
const BOTH: u32 = 5;
const LOST: u32 = 41;
const NEW: u32 = 30;

/// A pair whose standby is away, and has the first events only; the cursor after the last event.
async fn behind() -> (World, Cursor) {
    let world = World::asynchronous().await;
    let engine = world.engine().await;
    for number in 0..BOTH {
        given(engine.clone(), submission(number)).await;
    }
    world.pair.standby_has_all().await;
    world.pair.standby_away();
    for number in BOTH..BOTH + LOST {
        given(engine.clone(), submission(number)).await;
    }
    let feed = whole_feed(&engine).await;
    assert_eq!(feed.len() as u64, u64::from(BOTH + LOST));
    let last = feed.last().unwrap().cursor;
    (world, last)
}

async fn whole_feed(engine: &Engine<PostgresStore>) -> Vec<RecordedEvent> {
    rest(engine, Cursor::START).await
}

async fn rest(engine: &Engine<PostgresStore>, after: Cursor) -> Vec<RecordedEvent> {
    let start = Instant::now();
    loop {
        match engine.feed(after, 1000).await {
            Ok(page) => return page,
            Err(error) => {
                assert!(start.elapsed() < FOREVER && may_pass(&error), "{error}");
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A connection of before the failover, or a lost place before the new history has begun.
fn may_pass(error: &StoreError) -> bool {
    !error.is_lasting() || error.code() == "cursor_beyond_end"
}

/// Gives commands to the new primary; their events, in order.
async fn new_events(engine: &Engine<PostgresStore>) -> Vec<certificate_lifecycle::Event> {
    let mut events = Vec::new();
    for number in 1000..1000 + NEW {
        events.push(given(engine.clone(), submission(number)).await.event);
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lost_place_come_all_events_of_the_new_history() {
    // Given a cursor of a place that is lost
    let (world, lost) = behind().await;
    world.fail_over_without_the_rest().await;
    // When the new primary goes on, for a process that starts anew and for one of before
    let engine = world.engine().await;
    let events = new_events(&engine).await;
    // Then nothing new is skipped
    let after: Vec<_> = rest(&engine, lost)
        .await
        .into_iter()
        .map(|it| it.event)
        .collect();
    assert_eq!(after.len(), events.len(), "of {NEW} new events");
    assert_eq!(after, events);
    // And the whole feed ascends
    let feed = whole_feed(&engine).await;
    assert_eq!(feed.len() as u64, u64::from(BOTH + NEW));
    assert!(feed.is_sorted_by(|one, next| one.cursor < next.cursor));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_followed_all_the_time_sees_all_events_of_the_new_history() {
    let (world, lost) = behind().await;
    let engine = world.engine().await;
    let mut following = engine.follow(lost);
    let following = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < NEW as usize {
            match following.next().await {
                Ok(recorded) => seen.push(recorded.event),
                Err(error) => assert!(may_pass(&error), "{error}"),
            }
        }
        seen
    });
    world.fail_over_without_the_rest().await;
    let events = new_events(&engine).await;
    let seen = tokio::time::timeout(FOREVER / 3, following).await;
    assert_eq!(seen.expect("events are skipped").unwrap(), events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_second_failover_places_still_ascend() {
    let (world, lost) = behind().await;
    world.fail_over_without_the_rest().await;
    world.pair.come_back(crate::pair::Return::Rewound).await;
    // Nothing is written between the two
    world.pair.primary().stop("fast");
    world.pair.promote().await;
    let engine = world.engine().await;
    let events = new_events(&engine).await;
    let after: Vec<_> = rest(&engine, lost)
        .await
        .into_iter()
        .map(|it| it.event)
        .collect();
    assert_eq!(after, events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_beyond_the_end_is_an_error_of_its_own() {
    let world = World::asynchronous().await;
    let engine = world.engine().await;
    given(engine.clone(), submission(0)).await;
    let end = engine.feed_end().await.unwrap();
    // That is no error
    assert_eq!(in_time(engine.feed(end, 10)).await.unwrap(), []);
    let beyond = Cursor::new(end.transaction() + (1 << 50), 0);
    let error = in_time(engine.feed(beyond, 10)).await.unwrap_err();
    assert_eq!(error.code(), "cursor_beyond_end");
}
