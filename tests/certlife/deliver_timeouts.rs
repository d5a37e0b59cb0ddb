//! How long `certlife deliver` waits, for whom, and what it keeps; over real sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::{ServerConnection, StreamOwned};
use serde_json::Value;

use crate::Scratch;
use crate::certificates::{self, Identity};
use crate::deliver::{
    Receiver, Running, deliver, deliver_freely, pending, read, register, statuses,
};
use crate::listen::Listener;
use crate::webhook::{SECRET, submits};

/// The attempts of the only delivery, and when each was made.
fn attempts(store: &Scratch) -> Vec<(DateTime<Utc>, Value)> {
    let reported = store.run(&["deliveries", "--attempts", "--json"], "");
    let [delivery] = &reported.events()[..] else {
        panic!("{reported:?}")
    };
    let attempts = delivery["attempted"].as_array().unwrap().iter();
    let at = |it: &Value| it["at"].as_str().unwrap().parse().unwrap();
    attempts.map(|it| (at(it), it.clone())).collect()
}

#[test]
fn a_request_ends_with_its_timeout() {
    let listener = Listener::start(&["--secret", SECRET, "--delay", "2s"]);
    let store = pending(Scratch::new(), &listener.address, 1);
    let run = deliver_freely(&store, &["--timeout", "200ms", "--retry-schedule", "0s"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let error = "no response within the deadline, while waiting for the response";
    assert!(run.stderr.contains(error), "{}", run.stderr);
    let [(_, attempt)] = &attempts(&store)[..] else {
        panic!("one attempt")
    };
    assert_eq!(
        (&attempt["status"], &attempt["error"]),
        (&Value::Null, &error.into())
    );
    // By whichever clock: less than the receiver takes, or it would have answered.
    let took = attempt["milliseconds"].as_u64().unwrap();
    assert!((200..2_000).contains(&took), "{took} ms");
    // With more time, it arrives
    assert_eq!(store.run(&["redeliver", "--all-dead"], "").code, Some(0));
    let run = deliver_freely(&store, &["--timeout", "1m"]);
    assert_eq!((run.code, statuses(&store)), (Some(0), [0, 1, 0]));
}

/// A server on this machine, named `localhost`, that takes everything over TLS.
fn over_tls() -> u16 {
    let config = certificates::server(Identity::Of("localhost"), &[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(tls, stream.unwrap()));
            let mut line = String::new();
            // A client that does not trust it goes away.
            while stream.read_line(&mut line).is_ok_and(|it| it > 2) {
                line.clear();
            }
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            let _ = stream.get_mut().write_all(answer);
        }
    });
    port
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_given() {
    let url = format!("https://localhost:{}/", over_tls());
    let store = Scratch::new();
    register(&store, &url);
    assert_eq!(store.run(&["apply"], &submits(1..=1)).code, Some(0));
    std::fs::write(store.path("ours.pem"), certificates::authority()).unwrap();
    // A name may have an IPv6 address as well, where no server listens.
    let once = [
        "--allow-target",
        "127.0.0.1/32",
        "--allow-target",
        "::1/128",
    ];
    let once = [&once[..], &["--retry-schedule", "0s"]].concat();
    let run = deliver(&store, &once);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("no authority that is trusted here"),
        "{}",
        run.stderr
    );
    assert_eq!(store.run(&["redeliver", "--all-dead"], "").code, Some(0));
    let run = deliver(
        &store,
        &[&once[..], &["--authorities", "ours.pem"]].concat(),
    );
    assert_eq!(
        (run.code, statuses(&store)),
        (Some(0), [0, 1, 0]),
        "{}",
        run.stderr
    );
}

/// A server that is overloaded once, and asks for a second.
fn overloaded_once() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let later = "429 Too Many Requests\r\nretry-after: 1";
        let answers = [later]
            .into_iter()
            .chain(std::iter::repeat("204 No Content"));
        for (stream, answer) in listener.incoming().zip(answers) {
            let mut stream = stream.unwrap();
            read(&mut stream);
            let end = "content-length: 0\r\nconnection: close";
            write!(stream, "HTTP/1.1 {answer}\r\n{end}\r\n\r\n").unwrap();
        }
    });
    address
}

#[test]
fn who_asks_for_time_is_given_it() {
    let store = pending(Scratch::new(), &overloaded_once(), 1);
    let run = deliver_freely(&store, &["--retry-schedule", "0s,10ms,10ms"]);
    assert_eq!(
        (run.code, statuses(&store)),
        (Some(0), [0, 1, 0]),
        "{}",
        run.stderr
    );
    let attempts = attempts(&store);
    let [(first, asked), (second, taken)] = &attempts[..] else {
        panic!("{attempts:?}")
    };
    assert_eq!(
        (&asked["status"], &taken["status"]),
        (&429.into(), &204.into())
    );
    assert!(*second - *first >= TimeDelta::seconds(1), "{attempts:?}");
}

/// How many deliveries are kept.
fn kept(store: &Scratch) -> usize {
    statuses(store).iter().sum()
}

#[test]
fn what_has_arrived_is_kept_for_as_long_as_it_is_asked_to() {
    let receiver = Receiver::answering(204, Duration::ZERO);
    let store = pending(Scratch::new(), &receiver.address, 3);
    for more in [&[][..], &["--retention", "1day"]] {
        assert_eq!(deliver_freely(&store, more).code, Some(0));
        assert_eq!(statuses(&store), [0, 3, 0]);
    }
    // What is past its retention goes while it runs.
    let running = Running::start(&store, &["--retention", "1ms"]);
    let start = Instant::now();
    while kept(&store) > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(2 * 60),
            "nothing is pruned"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(running);
    let events = store.run(&["events", "--json"], "").events();
    assert_eq!(events.len(), 3, "what has happened stays");
}
