//! How it ends.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{Serving, UPLOAD, answer, head, token};
use crate::Scratch;

pub(super) fn reads_until(stream: &mut impl Read, what: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.contains(what) {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    text
}

#[test]
fn event_streams_and_idle_connections_do_not_keep_it() {
    let store = Scratch::new();
    let token = token(&store);
    let mut serving = Serving::start(&store, &[]);
    // An event stream, a long poll, a connection without a request, and one with half a head
    let mut events = serving.connect();
    let follow = format!(
        "GET /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    write!(events, "{follow}").unwrap();
    reads_until(&mut events, "retry:");
    assert_eq!(serving.ask(&token, "POST /v1/applications", UPLOAD).0, 201);
    let seen = reads_until(&mut events, "john@example.com");
    assert!(seen.contains("event:"), "{seen}");
    let mut poll = serving.connect();
    let after = seen.split("id: ").nth(1).unwrap();
    let after = after.split('\n').next().unwrap();
    let wait = format!("GET /v1/events?after={after}&wait=20");
    write!(poll, "{}", head(&token, &wait, 0)).unwrap();
    let mut silent = serving.connect();
    let mut half = serving.connect();
    write!(half, "GET /openapi.json HTTP/1.1\r\nhost:").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    // When it is to end
    let start = Instant::now();
    serving.signal("TERM");
    serving.hears("finishing what is under way");
    // Then the stream has an end, the poll has its answer, and the others are closed
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(answer(&mut poll).0, 200);
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    let (code, log) = serving.ends();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_request_under_way_is_answered_and_none_is_taken_after_it() {
    let store = Scratch::new();
    let token = token(&store);
    let mut serving = Serving::start(&store, &[]);
    let mut stream = serving.connect();
    let (begin, end) = UPLOAD.split_at(40);
    let kept = head(&token, "POST /v1/applications", UPLOAD.len());
    let kept = kept.replace("connection: close\r\n", "");
    write!(stream, "{kept}{begin}").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    serving.signal("TERM");
    serving.hears("finishing what is under way");
    // No further connection is taken
    let refused = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        std::net::TcpStream::connect(&serving.address).is_err()
    });
    assert!(refused);
    write!(stream, "{end}").unwrap();
    let (status, body) = answer(&mut stream);
    assert_eq!(status, 201, "{body}");
    assert_eq!(serving.ends().0, Some(0));
    assert_eq!(store.run(&["list", "--json"], "").stdout.lines().count(), 1);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let store = Scratch::new();
    let token = token(&store);
    let mut serving = Serving::start(&store, &[]);
    let mut stream = serving.connect();
    write!(stream, "{}{{", head(&token, "POST /v1/applications", 99)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    serving.signal("TERM");
    serving.hears("once more ends it at once");
    serving.signal("TERM");
    assert_eq!(serving.ends().0, Some(143));
    assert!(start.elapsed() < Duration::from_secs(10));
}
