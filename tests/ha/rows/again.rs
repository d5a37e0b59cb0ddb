//! Row 5: the same key again while the first try waits for the standby.

use std::time::Duration;

use certificate_lifecycle::store::ExecuteError;

use super::{World, given, in_time, submission};
use crate::process::options;
use crate::work::request;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_first_try_is_under_way_has_an_unknown_outcome() {
    // Given a command that waits for a standby that is away
    let world = World::synchronous().await;
    let engine = world.engine().await;
    let impatient = options()
        // Of rows that other stores lock, 200 times as long.
        .with_lock_timeout(Duration::from_millis(5))
        .with_answer_timeout(Duration::from_secs(10))
        .with_patience(Some(Duration::from_secs(1)));
    let other = world.engine_with(impatient).await;
    given(other.clone(), submission(0)).await;
    world.pair.standby_away();
    let first = tokio::spawn(given(engine, submission(1)));
    world.pair.sessions_wait(1).await;
    // When it is given again, with less patience
    let again = in_time(other.execute(request(&submission(1)))).await;
    // Then its outcome is unknown
    let Err(ExecuteError::Store(error)) = &again else {
        panic!("{again:?}, while the standby is away");
    };
    assert_eq!(error.code(), "unknown_outcome", "{error}");
    // And it is there when the standby is back
    world.pair.standby_back().await;
    let first = in_time(first).await.unwrap();
    let again = in_time(given(other, submission(1))).await;
    assert_eq!((again.replayed, again.event), (true, first.event));
}
