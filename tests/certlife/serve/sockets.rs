//! Clients that are slow, that never end, that never read, and that are many: each is answered or
//! let go in the time of the documentation, and the memory of the process is bounded.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::{Serving, UPLOAD, answer, head, token};
use crate::Scratch;

const MIB: u64 = 1 << 20;

impl Serving {
    /// The memory that the process has, in bytes.
    pub(super) fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() << 10
    }
}

/// A head that leaves the connection open, of a body in chunks.
fn chunked(token: &str, path: &str, media_type: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
}

fn follow(token: &str) -> String {
    format!(
        "GET /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\n\r\n"
    )
}

/// Lines that upload applications, from this number on.
pub(super) fn lines(from: u64, count: u64) -> String {
    let mut lines = String::new();
    for number in from..from + count {
        let uuid = uuid::Uuid::from_u128(u128::from(number));
        let _ = writeln!(
            lines,
            r#"{{"command":"upload","trigger_context":"bulk_upload","application_id":42,"certificate_title":"A title","applicant_email":"john@example.com","uuid":"{uuid}"}}"#
        );
    }
    lines
}

/// The answer to the next request of a connection that stays open: its head and its body.
pub(super) fn next_answer(stream: &mut impl Read) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

/// Sends bytes one by one until the connection ends or has an answer: what has come, and after how
/// long.
fn byte_by_byte(mut stream: TcpStream, first: &str, pause: Duration) -> (String, Duration) {
    let start = Instant::now();
    stream.write_all(first.as_bytes()).unwrap();
    stream.set_read_timeout(Some(pause)).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while start.elapsed() < Duration::from_secs(120) {
        // Whether it can be written is for the reading to say.
        let _ = stream.write_all(b"a");
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => seen.extend_from_slice(&buffer[..length]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => break,
        }
    }
    (String::from_utf8(seen).unwrap(), start.elapsed())
}

#[test]
fn slow_clients_are_let_go_in_time() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &[]);
    let body = head(&token, "POST /v1/applications", 100_000);
    let slow_head = "GET /v1/counts HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
    let pause = Duration::from_millis(500);
    let (of_head, of_body) = std::thread::scope(|scope| {
        let of_head = scope.spawn(|| byte_by_byte(serving.connect(), slow_head, pause));
        let of_body = scope.spawn(|| byte_by_byte(serving.connect(), &body, pause));
        // Others are served meanwhile, and a connection is kept between requests.
        let mut kept = serving.connect();
        let request = head(&token, "GET /v1/counts", 0).replace("connection: close\r\n", "");
        for _ in 0..2 {
            kept.write_all(request.as_bytes()).unwrap();
            assert!(next_answer(&mut kept).0.starts_with("http/1.1 200"));
            for _ in 0..30 {
                assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
                std::thread::sleep(Duration::from_millis(1100));
            }
        }
        kept.write_all(request.as_bytes()).unwrap();
        assert!(next_answer(&mut kept).0.starts_with("http/1.1 200"));
        (of_head.join().unwrap(), of_body.join().unwrap())
    });
    // docs/serving.md: 75 s; docs/api.md: 30 s
    assert_eq!(of_head.0, "");
    let (head, body) = (of_head.1.as_secs(), of_body.1.as_secs());
    assert!((74..90).contains(&head), "{head} s");
    let text = of_body.0;
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains("request_timeout"), "{text}");
    assert!((29..45).contains(&body), "{body} s");
}

#[test]
fn a_body_without_end_is_not_read_on() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &[]);
    let before = serving.memory();
    let in_chunks = chunked(&token, "/v1/applications", "application/json");
    let with_length = head(&token, "POST /v1/applications", 1 << 40);
    for (head, chunk) in [
        (
            in_chunks,
            [b"10000\r\n", &*vec![b' '; 1 << 16], b"\r\n"].concat(),
        ),
        (with_length, vec![b' '; 1 << 16]),
    ] {
        let mut stream = serving.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let mut written = 0;
        while stream.write_all(&chunk).is_ok() {
            written += chunk.len() as u64;
            assert!(written < 64 * MIB, "it reads on");
        }
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            text.extend_from_slice(&buffer[..length]);
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
        assert!(text.contains("too_large"), "{text}");
    }
    let grown = serving.memory().saturating_sub(before) / MIB;
    assert!(grown < 24, "{grown} MiB");
    assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
}

#[test]
fn deep_json_is_refused() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &[]);
    for opening in ["[", r#"{"a":"#, r#"{"command":["#] {
        let deep = opening.repeat((1 << 20) / opening.len() - 1);
        for path in [
            "/v1/applications",
            "/v1/webhooks",
            "/v1/deliveries/redeliver",
            "/v1/tokens",
        ] {
            let (status, body) = serving.ask(&token, &format!("POST {path}"), &deep);
            assert!([400, 422].contains(&status), "{path}: {status} {body}");
            assert!(body.len() < 4096, "{path}: {}", body.len());
        }
        let ndjson = head(&token, "POST /v1/commands", deep.len());
        let ndjson = ndjson.replace("application/json", "application/x-ndjson");
        let mut stream = serving.connect();
        write!(stream, "{ndjson}{deep}").unwrap();
        let (status, body) = answer(&mut stream);
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(r#""problem""#) && body.len() < 4096, "{body}");
    }
    assert_eq!(serving.ask(&token, "GET /v1/counts", "").0, 200);
}

/// How many short requests come on one connection.
const REQUESTS: usize = 100_000;

#[test]
fn many_short_requests_on_one_connection_take_no_memory() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &["--log", "error"]);
    let mut stream = serving.connect();
    let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
    let mut after_some = 0;
    for batch in 0..REQUESTS / 100 {
        let mut requests = String::new();
        for number in 0..100 {
            // One in ten is refused.
            let with = if number % 10 == 0 { "clt_none" } else { &token };
            let _ = write!(
                requests,
                "GET /v1/counts HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {with}\r\n\
                 x-request-id: {batch}-{number}\r\n\r\n"
            );
        }
        stream.write_all(requests.as_bytes()).unwrap();
        for number in 0..100 {
            let (head, _) = next_answer(&mut reader);
            let status = if number % 10 == 0 { "401" } else { "200" };
            assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
            let id = format!("x-request-id: {batch}-{number}\r\n");
            assert!(head.contains(&id), "{head}");
        }
        if batch == 50 {
            after_some = serving.memory();
        }
    }
    let grown = serving.memory().saturating_sub(after_some) / MIB;
    assert!(grown < 8, "{grown} MiB");
}

#[test]
fn half_closed_connections_and_pipelined_requests_are_answered() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &[]);
    // The client has said all that it will
    for (request, body) in [("POST /v1/applications", UPLOAD), ("GET /v1/counts", "")] {
        let mut stream = serving.connect();
        write!(stream, "{}{body}", head(&token, request, body.len())).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let (status, text) = answer(&mut stream);
        assert!(status < 300, "{text}");
    }
    // Half a request, and no more of it
    let mut stream = serving.connect();
    write!(stream, "{}{{", head(&token, "POST /v1/applications", 99)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let rest = String::from_utf8(rest).unwrap();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 400"),
        "{rest}"
    );
    // An event stream to a client that sends nothing any more
    let mut events = serving.connect();
    write!(events, "{}", follow(&token)).unwrap();
    events.shutdown(Shutdown::Write).unwrap();
    super::ended::reads_until(&mut events, "john@example.com");
    // All kinds of requests in one go; answers in order
    let mut stream = serving.connect();
    let mut all = String::new();
    let keep = |text: String| text.replace("connection: close\r\n", "");
    for number in 0..30 {
        let (request, body) = match number % 3 {
            0 => ("POST /v1/applications", UPLOAD),
            1 => ("GET /v1/nothing", ""),
            _ => ("POST /v1/webhooks", "[]"),
        };
        let head = keep(head(&token, request, body.len()));
        let id = format!("x-request-id: {number}\r\n\r\n");
        all += &head.replace("\r\n\r\n", &format!("\r\n{id}"));
        all += body;
    }
    stream.write_all(all.as_bytes()).unwrap();
    for number in 0..30 {
        let (head, body) = next_answer(&mut stream);
        let status = ["201", "404", "422"][number % 3];
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{head} {body:?}"
        );
        assert!(
            head.contains(&format!("x-request-id: {number}\r\n")),
            "{head}"
        );
    }
}

#[test]
fn a_request_of_http_1_1_needs_its_host() {
    let store = Scratch::new();
    let token = token(&store);
    let serving = Serving::start(&store, &[]);
    for (version, hosts, status) in [
        ("1.1", "", "400"),
        ("1.1", "host: a\r\nhost: b\r\n", "400"),
        ("1.1", "host: a\r\n", "200"),
        ("1.0", "", "200"),
    ] {
        let mut stream = serving.connect();
        let request = format!(
            "GET /v1/counts HTTP/{version}\r\n{hosts}authorization: Bearer {token}\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let got = answer.split(' ').nth(1).unwrap();
        assert_eq!(got, status, "{version} {hosts:?}: {answer}");
    }
}
