//! What works beside the API.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::{Serving, UPLOAD, answer, head, token};
use crate::Scratch;
use crate::deliver::{FREELY, Receiver, register, statuses};
use crate::doctor::sql;

#[test]
fn what_the_api_takes_is_processed_and_delivered() {
    for store in [Scratch::new(), Scratch::on_postgres()] {
        let token = token(&store);
        let receiver = Receiver::answering(204, Duration::ZERO);
        register(&store, &format!("http://{}/", receiver.address));
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let metrics = port.local_addr().unwrap().to_string();
        drop(port);
        let more = [
            &FREELY[..],
            &["--metrics", &metrics, "--deliver", "--process", "true"],
        ];
        let serving = Serving::start(&store, &more.concat());
        let (status, body) = serving.ask(&token, "POST /v1/applications", UPLOAD);
        assert_eq!(status, 201, "{body}");
        for _ in 0..600 {
            if statuses(&store) == [0, 2, 0] {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(statuses(&store), [0, 2, 0]);
        let mut stream = TcpStream::connect(&metrics).unwrap();
        write!(stream, "{}", head("", "GET /metrics", 0)).unwrap();
        let page = answer(&mut stream);
        assert!(
            page.1.contains("certlife_http_requests_total"),
            "{}",
            page.1
        );
        serving.signal("TERM");
        let (code, log) = serving.ends();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("certlife: 2 delivered, 0 failed attempts, 0 dead\n"));
        assert!(log.contains("certlife: 1 approved, 0 failed, 0 attempts made again\n"));
    }
}

#[test]
fn an_application_that_is_worked_on_is_given_back() {
    let store = Scratch::new();
    let token = token(&store);
    let more = [
        "--process-grace",
        "100ms",
        "--process",
        "sh",
        "-c",
        "touch begun; sleep 60",
    ];
    let serving = Serving::start(&store, &more);
    assert_eq!(serving.ask(&token, "POST /v1/applications", UPLOAD).0, 201);
    while !store.path("begun").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    serving.signal("TERM");
    assert_eq!(serving.ends().0, Some(0));
    // Its lease does not stand in the way of the next one
    let once = store.run(&["process", "--once", "--json", "--exec", "true"], "");
    assert!(once.stdout.contains("\"approved\":1"), "{once:?}");
}

#[test]
fn it_ends_when_one_part_cannot_go_on() {
    let store = Scratch::on_postgres();
    let token = token(&store);
    let serving = Serving::start(&store, &[&FREELY[..], &["--deliver"]].concat());
    sql(
        &store.store,
        "ALTER TABLE certlife_delivery RENAME TO elsewhere",
    );
    // The dispatcher looks at the table when something has happened; it may have looked before, and
    // then the server may end before it answers.
    if let Ok(mut stream) = TcpStream::connect(&serving.address) {
        let head = head(&token, "POST /v1/applications", UPLOAD.len());
        let _ = write!(stream, "{head}{UPLOAD}");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let (code, log) = serving.ends();
    assert_eq!(code, Some(2), "{log}");
    let why = log.split("finishing what is under way, since ").nth(1);
    let why = why.unwrap().lines().next().unwrap();
    assert_eq!(log.lines().last().unwrap(), format!("certlife: {why}"));
    assert!(why.contains("certlife_delivery"), "{why}");
}

#[test]
fn what_is_wrong_with_a_part_is_found_before_anything_is_served() {
    let store = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let _ = token(&store);
    for (args, problem) in [
        (
            &["--process", "no-such-command"][..],
            "no such command in PATH",
        ),
        (&["--metrics", &address], "cannot serve metrics at"),
        (&["--listen", &address], "cannot listen on"),
        (
            &["--store", "sqlite:none.db"],
            "there is no store in none.db",
        ),
        (&["--store", "memory:"], "memory: ends with the command"),
    ] {
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        let args = if args[0] == "--listen" {
            [&["serve"], args].concat()
        } else {
            [&listen[..], args].concat()
        };
        let run = store.run(&args, "");
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(problem), "{}", run.stderr);
        assert!(!run.stderr.contains("serving"), "{}", run.stderr);
    }
}
