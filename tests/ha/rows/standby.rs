//! Row 8: the feed on a standby.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::{World, given, submission};
use crate::server::in_schema;

/// How long the follower is watched.
const WHILE: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_of_a_standby_shows_what_comes_and_asks_for_nothing_it_cannot_have() {
    // Given a follower on a standby
    let world = World::synchronous().await;
    let engine = world.engine().await;
    given(engine.clone(), submission(0)).await;
    world.pair.standby_has_all().await;
    let url = in_schema(&world.pair.other().url(), &world.schema);
    let mut child = Command::new(env!("CARGO_BIN_EXE_certlife"))
        .args(["events", "--follow", "--json", "--store", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (seen, seeing) = channel();
    std::thread::spawn(move || lines.for_each(|it| drop(seen.send(it.unwrap()))));
    // When events are committed on the primary
    for number in 1..5 {
        given(engine.clone(), submission(number)).await;
    }
    // Then it shows them
    let first: Vec<_> = (0..5)
        .map_while(|_| seeing.recv_timeout(WHILE).ok())
        .collect();
    // And stays, and shows what comes later
    tokio::time::sleep(WHILE).await;
    given(engine, submission(5)).await;
    let last = seeing.recv_timeout(WHILE);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(first.len(), 5, "{complaints}");
    assert!(last.is_ok(), "{complaints}");
    assert_eq!(complaints, "");
    // Without an error a second
    let log = world.pair.other().log();
    let errors: Vec<_> = log.lines().filter(|it| it.contains("ERROR")).collect();
    assert!(errors.len() <= 1, "{errors:#?}");
}
