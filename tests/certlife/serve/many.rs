//! Many streams at a time: idle ones beside requests that are answered, those of one connection of
//! HTTP/2, and how the server ends while all of them are open.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::ended::reads_until;
use super::{Serving, UPLOAD, head, token};
use crate::Scratch;

/// How many event streams are idle.
const STREAMS: u64 = 2000;

/// The most memory that each may take, in bytes.
const EACH: u64 = 40 << 10;

fn follow(serving: &Serving, token: &str) -> TcpStream {
    let mut stream = serving.connect();
    write!(
        stream,
        "GET /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\n\r\n"
    )
    .unwrap();
    stream
}

#[test]
fn idle_event_streams_take_little_and_end_with_the_server() {
    let store = Scratch::new();
    let token = token(&store);
    let mut serving = Serving::start(&store, &["--log", "warn"]);
    assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
    let before = serving.memory();
    let mut idle: Vec<_> = (0..STREAMS).map(|_| follow(&serving, &token)).collect();
    for stream in &mut idle {
        reads_until(stream, "retry: 2000\n\n");
    }
    let each = serving.memory().saturating_sub(before) / STREAMS;
    println!("{} KiB for each idle stream", each >> 10);
    assert!(each <= EACH, "{each} bytes for each stream");
    // Others are answered meanwhile
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    // An event comes to all of them
    assert_eq!(serving.ask(&token, "POST /v1/applications", UPLOAD).0, 201);
    for stream in &mut idle {
        reads_until(stream, "john@example.com");
    }
    // It ends, beside a client that never reads, half a head and half a body
    let unread = follow(&serving, &token);
    let mut half_head = serving.connect();
    write!(half_head, "GET /v1/counts HTTP/1.1\r\nhost:").unwrap();
    let start = Instant::now();
    serving.signal("TERM");
    serving.hears("finishing what is under way");
    for stream in &mut idle {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    }
    let (code, log) = serving.ends();
    assert_eq!(code, Some(0), "{log}");
    assert!(start.elapsed() < Duration::from_secs(20), "{log}");
    drop((unread, half_head));
}

#[test]
fn a_body_that_never_comes_does_not_keep_the_server() {
    let store = Scratch::new();
    let token = token(&store);
    let mut serving = Serving::start(&store, &["--log", "warn"]);
    let mut half = serving.connect();
    write!(half, "{}{{", head(&token, "POST /v1/applications", 99)).unwrap();
    // Lines that come on and on, too
    let mut endless = serving.connect();
    let ndjson = head(&token, "POST /v1/commands", 1 << 40);
    let ndjson = ndjson.replace("application/json", "application/x-ndjson");
    write!(endless, "{ndjson}{}", super::sockets::lines(1, 100)).unwrap();
    reads_until(&mut endless, "\"line\":100");
    let start = Instant::now();
    serving.signal("TERM");
    serving.hears("finishing what is under way");
    let (code, log) = serving.ends();
    let took = start.elapsed().as_secs();
    // docs/serving.md: 25 s at most
    assert!(took < 30, "{took} s");
    assert_eq!(code, Some(0), "{log}");
    println!("{took} s: {log}");
    let mut rest = String::new();
    let _ = endless.read_to_string(&mut rest);
    assert_eq!(
        store
            .run(&["list", "--limit", "1000", "--json"], "")
            .stdout
            .lines()
            .count(),
        100
    );
}

type Client = SendRequest<Full<Bytes>>;

fn asked(token: &str, method: &str, path: &str, body: &'static str) -> http::Request<Full<Bytes>> {
    let request = http::Request::builder().method(method);
    let request = request.uri(format!("http://localhost{path}"));
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json");
    let accept = if path == "/v1/events" {
        "text/event-stream"
    } else {
        "application/json"
    };
    let body = Full::new(Bytes::from_static(body.as_bytes()));
    request.header("accept", accept).body(body).unwrap()
}

async fn http2(serving: &Serving) -> Client {
    let stream = tokio::net::TcpStream::connect(&serving.address).await;
    let io = TokioIo::new(stream.unwrap());
    let shake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
    let (client, connection) = shake.await.unwrap();
    tokio::spawn(connection);
    client
}

async fn until(body: &mut Incoming, what: &str) {
    let mut text = String::new();
    while !text.contains(what) {
        let frame = body.frame().await.expect("it has ended").unwrap();
        text += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_of_one_http2_connection_are_answered() {
    let store = Scratch::new();
    let token = token(&store);
    let mut serving = Serving::start(&store, &["--log", "warn"]);
    let client = http2(&serving).await;
    let send = |method: &str, path: &str, body| {
        let (mut client, request) = (client.clone(), asked(&token, method, path, body));
        async move {
            client.ready().await.unwrap();
            client.send_request(request).await.unwrap()
        }
    };
    // Half of what one connection may have are event streams
    let mut streams = Vec::new();
    for _ in 0..50 {
        let response = send("GET", "/v1/events", "").await;
        assert_eq!(response.status(), 200);
        streams.push(response.into_body());
    }
    for stream in &mut streams {
        until(stream, "retry:").await;
    }
    // And many more requests than there is room for
    let requests = (0..400).map(|number| match number % 4 {
        0 => send("POST", "/v1/applications", UPLOAD),
        1 => send("GET", "/v1/nothing", ""),
        _ => send("GET", "/v1/counts", ""),
    });
    let answers = futures_util::future::join_all(requests);
    let answers = tokio::time::timeout(Duration::from_secs(60), answers).await;
    for (number, answer) in answers.unwrap().into_iter().enumerate() {
        let expected = [201, 404, 200, 200][number % 4];
        assert_eq!(answer.status(), expected);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.is_empty());
    }
    for stream in &mut streams {
        until(stream, "john@example.com").await;
    }
    // One that is not read does not keep the others
    let _unread = streams.pop();
    let (status, _) = serving.ask(&token, "POST /v1/applications", UPLOAD);
    assert_eq!(status, 201);
    let start = Instant::now();
    serving.signal("TERM");
    serving.hears("finishing what is under way");
    for mut stream in streams {
        while let Some(frame) = stream.frame().await {
            frame.unwrap();
        }
    }
    let (code, log) = serving.ends();
    assert_eq!(code, Some(0), "{log}");
    assert!(start.elapsed() < Duration::from_secs(20), "{log}");
}
