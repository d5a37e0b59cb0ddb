//! Clients that do not read: their memory is bounded, and others are served.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::sockets::lines;
use super::{Serving, head, token};
use crate::Scratch;

const MIB: u64 = 1 << 20;

/// How many events come, unless EVENTS says otherwise.
const EVENTS: u64 = 100_000;

/// A POST of lines, answered as a whole.
fn apply(serving: &Serving, token: &str, lines: &str) {
    let ndjson = head(token, "POST /v1/commands", lines.len());
    let ndjson = ndjson.replace("application/json", "application/x-ndjson");
    let mut stream = serving.connect();
    let mut writing = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || write!(writing, "{ndjson}{lines}").unwrap());
        let (status, body) = super::answer(&mut stream);
        assert_eq!(status, 200);
        assert!(!body.contains("problem"), "{body}");
    });
}

#[test]
fn a_client_that_never_reads_its_events_takes_no_memory() {
    let events = std::env::var("EVENTS").map_or(EVENTS, |it| it.parse().unwrap());
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &["--log", "error"]);
    let follow = format!(
        "GET /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    apply(&serving, &token, &lines(1, 5000));
    let before = serving.memory();
    let unread: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = serving.connect();
            write!(stream, "{follow}").unwrap();
            stream
        })
        .collect();
    let mut most = before;
    for from in (5001..=events).step_by(5000) {
        apply(&serving, &token, &lines(from, 5000));
        most = most.max(serving.memory());
        let start = Instant::now();
        assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    // What SQLite keeps of the file in memory has a limit of its own.
    let file = std::fs::metadata(store.path("test.db")).unwrap().len();
    let grown = most.saturating_sub(before + file) / MIB;
    println!("{} MiB, then {grown} MiB more", before / MIB);
    // Twenty streams, and the batches of commands that are under way. What they have not read is
    // some 50 MB for each of them, 1 GB in all.
    assert!(grown < 64, "{grown} MiB more than {} MiB", before / MIB);
    // Each is let go after 30 s without progress; what it reads until then is whole
    drop(unread);
}

#[test]
fn a_client_that_never_reads_its_answers_is_not_read_on() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &["--log", "error"]);
    let before = serving.memory();
    let mut stream = serving.connect();
    let ndjson = head(&token, "POST /v1/commands", 1 << 40);
    let ndjson = ndjson.replace("application/json", "application/x-ndjson");
    write!(stream, "{ndjson}").unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(8)))
        .unwrap();
    let (mut written, mut from, mut most) = (0, 1, before);
    // It is written to as long as it reads
    let stopped = loop {
        let lines = lines(from, 1000);
        match stream.write_all(lines.as_bytes()) {
            Ok(()) => written += lines.len() as u64,
            Err(error) => break error,
        }
        from += 1000;
        most = most.max(serving.memory());
        assert!(written < 512 * MIB, "it reads on");
    };
    let is_full = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&stopped.kind());
    assert!(is_full, "{stopped}");
    let start = Instant::now();
    assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
    assert!(start.elapsed() < Duration::from_secs(10));
    let grown = most.max(serving.memory()).saturating_sub(before) / MIB;
    println!("{} MiB written, {grown} MiB more", written / MIB);
    assert!(grown < 64, "{grown} MiB");
    // After 30 s without progress it is let go
    std::thread::sleep(Duration::from_secs(27));
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{ended:?}");
    assert!(rest.starts_with(b"HTTP/1.1 200"));
}
