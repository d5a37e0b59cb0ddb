//! Row 1: a command waits for the standby, and its wait ends otherwise.

use std::time::Duration;

use certificate_lifecycle::store::Cursor;
use tokio::task::JoinHandle;

use super::{World, given, in_time, submission};

/// How long the standby stays away while waits are ended.
const AWAY: Duration = Duration::from_secs(3);

/// How a wait is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Cancelled,
    Terminated,
    Recovered,
}

impl End {
    /// Ends every wait, for as long as the standby stays away.
    async fn carry_out(self, world: &World) {
        world.pair.sessions_wait(1).await;
        let function = match self {
            Self::Cancelled => "pg_cancel_backend",
            Self::Terminated => "pg_terminate_backend",
            Self::Recovered => {
                world.pair.kill_a_waiting_session().await;
                tokio::time::sleep(AWAY).await;
                return;
            }
        };
        for _ in 0..AWAY.as_millis() / 100 {
            world.pair.end_waits(function).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// It is not acknowledged while the standby is away; and when it is, the event is on the new
/// primary.
async fn is_acknowledged_when_the_standby_has_it(end: End) {
    // Given a primary whose standby is away, and a command that waits for it
    let world = World::synchronous().await;
    let engine = world.engine().await;
    given(engine.clone(), submission(0)).await;
    world.pair.standby_away();
    let command = tokio::spawn(given(engine, submission(1)));
    // When the wait ends otherwise
    end.carry_out(&world).await;
    // Then it is not acknowledged
    let early = command.is_finished();
    // And after a failover it is, and its event is there
    world.fail_over_without_the_rest().await;
    let receipt = in_time(command).await.unwrap();
    is_there(&world, &receipt.event).await;
    assert!(!early, "acknowledged when no standby had it");
}

async fn is_there(world: &World, event: &certificate_lifecycle::Event) {
    let feed = world.on_the_primary().await;
    let feed = feed.feed(Cursor::START, 100).await.unwrap();
    let there = feed.iter().any(|it| it.event == *event);
    assert!(there, "{event:?} was acknowledged, and is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_wait_for_the_standby_is_no_acknowledgement() {
    is_acknowledged_when_the_standby_has_it(End::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_wait_for_the_standby_is_no_acknowledgement() {
    is_acknowledged_when_the_standby_has_it(End::Terminated).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_recovers_without_its_standby_acknowledges_nothing() {
    is_acknowledged_when_the_standby_has_it(End::Recovered).await;
}

/// A command whose wait was cancelled once: it is committed, and on no standby.
async fn committed_on_no_standby(
    world: &World,
) -> JoinHandle<certificate_lifecycle::store::Receipt> {
    let engine = world.engine().await;
    world.pair.standby_away();
    let first = tokio::spawn(given(engine, submission(0)));
    world.pair.sessions_wait(1).await;
    assert!(world.pair.end_waits("pg_cancel_backend").await > 0);
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_repeats_the_key_waits_for_the_standby_too() {
    // Given a command that is committed, and on no standby
    let world = World::synchronous().await;
    let other = world.engine().await;
    let first = committed_on_no_standby(&world).await;
    // When another process gives it again
    let second = tokio::spawn(given(other, submission(0)));
    tokio::time::sleep(AWAY).await;
    // Then it is not acknowledged
    let early = second.is_finished();
    // Until the standby has it
    world.pair.standby_back().await;
    let [first, second] = [
        in_time(first).await.unwrap(),
        in_time(second).await.unwrap(),
    ];
    assert_eq!(first.event, second.event);
    is_there(&world, &second.event).await;
    assert!(!early, "acknowledged when no standby had it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_repeats_the_key_survives_a_failover() {
    let world = World::synchronous().await;
    let other = world.engine().await;
    let first = committed_on_no_standby(&world).await;
    let second = tokio::spawn(given(other, submission(0)));
    tokio::time::sleep(AWAY).await;
    // What only the old primary had is lost, so it is carried out again
    world.fail_over_without_the_rest().await;
    for receipt in [first, second] {
        is_there(&world, &in_time(receipt).await.unwrap().event).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_does_not_report_what_is_on_no_standby() {
    let world = World::synchronous().await;
    let reader = world.engine().await;
    let first = committed_on_no_standby(&world).await;
    // Whatever it is answered while the standby is away
    let feed = tokio::time::timeout(AWAY, reader.feed(Cursor::START, 100)).await;
    let early = matches!(&feed, Ok(Ok(page)) if !page.is_empty());
    world.pair.standby_back().await;
    let receipt = in_time(first).await.unwrap();
    is_there(&world, &receipt.event).await;
    assert!(!early, "reported when no standby had it");
}
