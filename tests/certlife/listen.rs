//! `certlife listen`, over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use certificate_lifecycle::{AnyApplication, Command as Act, Event};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::verify::{SECRET, attempt, submitted};
use crate::{certlife, run};

pub(crate) fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

/// A receiver that runs.
pub(crate) struct Listener {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    pub(crate) address: String,
}

impl Listener {
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::spawn(&[&["--json"], more].concat(), |line| {
            let reported: Value = serde_json::from_str(line).unwrap();
            reported["url"].as_str().unwrap().to_owned()
        })
    }

    fn spawn(more: &[&str], url_of: impl Fn(&str) -> String) -> Self {
        let mut child = certlife(&[&["listen", "--port", "0"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let url = url_of(&line);
        let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        Self {
            address: address.to_owned(),
            child,
            stdout,
            stderr,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Sends bytes as they are, and reads until the connection closes.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }

    /// Sends a delivery, and returns the status.
    fn post(&self, headers: &[(&str, String)], body: &str) -> u16 {
        let response = self.raw(&request(headers, body));
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn deliver(&self, event: &Event) -> u16 {
        let (headers, body) = attempt(event, now());
        self.post(&headers, &body)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn shown(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// How much memory it has, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Ends it with Ctrl-C; what it printed since, and its last words.
    pub(crate) fn interrupt(mut self) -> (String, String) {
        let kill = Command::new("bash")
            .args(["-c", "kill -INT \"$0\"", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let (mut printed, mut reported) = (String::new(), String::new());
        self.stdout.read_to_string(&mut printed).unwrap();
        self.stderr.read_to_string(&mut reported).unwrap();
        (printed, reported)
    }
}

pub(crate) fn request(headers: &[(&str, String)], body: &str) -> Vec<u8> {
    let mut request = format!(
        "POST /any HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request += &[name, ": ", value, "\r\n"].concat();
    }
    request += "connection: close\r\n\r\n";
    (request + body).into_bytes()
}

/// Submitted, taken into processing, approved.
fn life() -> Vec<Event> {
    let at: DateTime<Utc> = "2026-06-04T10:30:00Z".parse().unwrap();
    let first = submitted(1);
    let mut application = first.application();
    let mut events = vec![first];
    for command in [Act::BeginProcessing, Act::Approve] {
        let next = AnyApplication::apply(application, command, at).unwrap();
        events.push(next.event);
        application = next.application;
    }
    events
}

#[test]
fn what_arrives_is_verified_followed_and_summed_up() {
    let mut listener = Listener::start(&["--secret", SECRET, "--accept-platform-signature"]);
    let events = life();
    // When events come late and twice
    for (at, news, version) in [
        (0, "newest", 1),
        (2, "newest", 3),
        (1, "late", 3),
        (2, "duplicate", 3),
    ] {
        assert_eq!(listener.deliver(&events[at]), 204);
        let shown = listener.shown();
        assert_eq!(shown["event"], events[at].kind().name());
        assert_eq!(shown["uuid"], events[at].uuid().to_string());
        assert_eq!(shown["event_id"], events[at].id().to_string());
        assert_eq!(shown["verified"], true);
        assert_eq!(shown["signature"], "webhook-signature");
        assert_eq!(
            (&shown["news"], &shown["version"]),
            (&news.into(), &version.into())
        );
        assert_eq!(shown["status"], 204);
        assert_eq!(shown["payload"]["application_id"], 1);
        assert!(shown["headers"].is_null());
    }
    // And the platform's signature alone, which tells no duplicates
    let (headers, body) = attempt(&events[0], now());
    let platform: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-"))
        .cloned()
        .collect();
    assert_eq!(listener.post(&platform, &body), 204);
    let shown = listener.shown();
    assert_eq!(shown["signature"], "x-webhook-signature");
    assert!(shown["news"].is_null() && shown["sent_at"].is_string());
    // And what is not to be trusted
    let forged = body.replace("john", "jane");
    let response = listener.raw(&request(&headers, &forged));
    assert!(
        response.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{response}"
    );
    assert!(
        response.contains("the webhook-signature header fits none"),
        "{response}"
    );
    let shown = listener.shown();
    assert_eq!(
        (&shown["verified"], &shown["status"]),
        (&false.into(), &401.into())
    );
    assert!(shown["error"].as_str().unwrap().contains("fits none"));
    assert!(shown["news"].is_null());
    // Then the numbers say so
    let (_, reported) = listener.interrupt();
    assert_eq!(
        reported,
        "{\"received\":6,\"verified\":5,\"refused\":1,\"duplicates\":1,\"as_asked\":0}\n"
    );
}

#[test]
fn a_signature_without_a_time_is_not_enough_unless_it_is_to_be() {
    let mut listener = Listener::start(&["--secret", SECRET]);
    let (headers, body) = attempt(&life()[0], now());
    let platform: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-"))
        .cloned()
        .collect();
    assert_eq!(listener.post(&platform, &body), 401);
    let shown = listener.shown();
    assert_eq!(shown["verified"], false);
    let error = shown["error"].as_str().unwrap();
    assert!(
        error.ends_with("trusted by --accept-platform-signature"),
        "{error}"
    );
    let (_, reported) = listener.interrupt();
    assert!(reported.contains("\"refused\":1"), "{reported}");
}

#[test]
fn people_see_a_block_for_each_delivery() {
    let url = |line: &str| {
        let url = line.strip_prefix("certlife: listening on ").unwrap();
        url.split(';').next().unwrap().to_owned()
    };
    let listener = Listener::spawn(&["--secret", SECRET, "--headers"], url);
    let address = listener.address.clone();
    let events = life();
    listener.deliver(&events[1]);
    listener.deliver(&events[1]);
    listener.post(&[("x-evil", "\u{202e}evil".to_owned())], "nonsense");
    let (printed, reported) = listener.interrupt();
    for words in [
        "event                certificate_application.processing\n",
        "application          00000000-0000-0000-0000-000000000001\n",
        "title                Certificate of Achievement\n",
        "verified             by webhook-signature\n",
        "news                 newest: the application is at version 2; not here yet: 1\n",
        "news                 duplicate: it came before; not here yet: 1\n",
        "answered             204\n",
        "x-webhook-event      certificate_application.processing\n",
        "verified        no: the request has neither a webhook-signature",
        "event           none, but 8 bytes\n",
        "answered        401\n",
        "x-evil          \\u{202e}evil\n",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    assert!(!printed.contains('\u{202e}'));
    assert_eq!(
        printed.matches("\n\n").count(),
        3,
        "an empty line after each"
    );
    assert_eq!(
        reported,
        format!(
            "certlife: register it with: certlife webhook add http://{address}/ --allow-http \
             --allow-target 127.0.0.1/32 --secret SECRET\n\
             certlife: 3 received, 2 verified, 1 refused, 1 duplicate\n"
        )
    );
}

#[test]
fn without_a_secret_it_takes_deliveries_at_their_word_and_says_so() {
    let mut listener = Listener::start(&["--headers"]);
    let event = submitted(7);
    let (headers, body) = attempt(&event, "2026-06-04T10:30:00Z".parse().unwrap());
    assert_eq!(listener.post(&headers, &body), 204);
    let shown = listener.shown();
    assert!(shown["verified"].is_null() && shown["signature"].is_null());
    assert_eq!(
        (&shown["news"], &shown["sent_at"]),
        (&"newest".into(), &"2026-06-04T10:30:00Z".into())
    );
    let headers = shown["headers"].as_array().unwrap();
    assert!(headers.contains(&serde_json::json!(["host", "x"])));
    assert_eq!(listener.post(&[], "{}"), 400);
    assert!(
        listener.shown()["error"]
            .as_str()
            .unwrap()
            .contains("it is no event")
    );
    let (_, reported) = listener.interrupt();
    assert_eq!(
        reported,
        "{\"received\":2,\"verified\":0,\"refused\":1,\"duplicates\":0,\"as_asked\":0}\n"
    );
    let mut listener = Listener::spawn(&[], |line| {
        let url = line.strip_prefix("certlife: listening on ").unwrap();
        url.split(';').next().unwrap().to_owned()
    });
    listener.deliver(&event);
    while !listener
        .line()
        .starts_with("verified     not verified: no secret is given")
    {}
    let (_, reported) = listener.interrupt();
    assert!(reported.contains("certlife: without --secret, nothing is verified\n"));
}

#[test]
fn a_share_fails_evenly_and_what_failed_is_not_taken() {
    let mut listener = Listener::start(&["--secret", SECRET, "--fail", "30%"]);
    let event = submitted(1);
    let statuses: Vec<_> = (0..10).map(|_| listener.deliver(&event)).collect();
    assert_eq!(statuses, [204, 204, 204, 500, 204, 204, 500, 204, 204, 500]);
    let news: Vec<_> = (0..10).map(|_| listener.shown()["news"].clone()).collect();
    assert_eq!(
        (&news[0], &news[1]),
        (&"newest".into(), &"duplicate".into())
    );
    assert!(news[3].is_null() && news[6].is_null() && news[9].is_null());
    let mut listener = Listener::start(&["--fail", "100"]);
    assert_eq!([(); 3].map(|()| listener.deliver(&event)), [500; 3]);
    assert!(listener.shown()["news"].is_null());
}

#[test]
fn a_status_is_always_answered_after_the_delay() {
    let listener = Listener::start(&["--status", "503", "--delay", "400ms", "--secret", SECRET]);
    let start = std::time::Instant::now();
    assert_eq!(listener.deliver(&submitted(1)), 503);
    assert!(start.elapsed() >= std::time::Duration::from_millis(400));
    assert_eq!(listener.post(&[], ""), 503);
    let (printed, reported) = listener.interrupt();
    assert_eq!(printed.matches("\"status\":503").count(), 2);
    assert!(reported.contains("\"as_asked\":2"), "{reported}");
}

#[test]
fn nothing_that_is_sent_stops_it() {
    let mut listener = Listener::start(&["--secret", SECRET]);
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(listener.post(&[], &large), 413);
    assert_eq!(listener.shown()["status"], 413);
    // In pieces, so that its length is not known before
    let mut chunked =
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            .to_vec();
    for _ in 0..3 {
        chunked.extend_from_slice(format!("80000\r\n{}\r\n", "y".repeat(0x80000)).as_bytes());
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert!(listener.raw(&chunked).starts_with("HTTP/1.1 413 "));
    let announced = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\nexpect: 100-continue\r\n\r\n";
    assert!(listener.raw(announced).starts_with("HTTP/1.1 413 "));
    assert_eq!(
        listener.post(&[], &large[1..]),
        401,
        "one byte less is read"
    );
    for _ in 0..3 {
        listener.line();
    }
    // What is no delivery is answered, if it is HTTP, and not counted.
    let get = listener.raw(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(
        get.starts_with("HTTP/1.1 405 ") && get.contains("allow: POST"),
        "{get}"
    );
    for nonsense in [
        &b"\xff\x00\r\n\r\n"[..],
        b"",
        b"POST",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        listener.raw(nonsense);
    }
    // Two were deliveries that broke off.
    for _ in 0..2 {
        assert!(listener.line().contains("the body broke off"));
    }
    // Signed by bytes that are no text, and with a body that is none.
    let mut odd = request(
        &[
            ("webhook-id", "\u{e9}".to_owned()),
            ("webhook-signature", "v1,".to_owned()),
        ],
        "",
    );
    odd.truncate(odd.len() - 2);
    odd.extend_from_slice(b"x: \xff\xfe\r\n\r\n");
    assert!(listener.raw(&odd).starts_with("HTTP/1.1 4"));
    listener.line();
    assert_eq!(listener.deliver(&submitted(1)), 204);
    assert_eq!(listener.shown()["verified"], true);
    let (printed, reported) = listener.interrupt();
    assert_eq!(printed, "");
    assert_eq!(
        reported,
        "{\"received\":8,\"verified\":1,\"refused\":7,\"duplicates\":0,\"as_asked\":0}\n"
    );
}

#[test]
fn a_delivery_that_breaks_off_is_shown_and_counted() {
    let mut listener = Listener::start(&["--secret", SECRET]);
    for (rest, reported) in [
        (
            "content-length: 10\r\n\r\nabc",
            "the body broke off after 3 bytes: ",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n",
            "the body broke off after 2 bytes: ",
        ),
    ] {
        listener.raw(format!("POST / HTTP/1.1\r\nhost: x\r\n{rest}").as_bytes());
        let shown = listener.shown();
        assert!(
            shown["error"].as_str().unwrap().starts_with(reported),
            "{shown}"
        );
        assert_eq!(
            (&shown["verified"], &shown["status"]),
            (&false.into(), &400.into())
        );
    }
    let (_, reported) = listener.interrupt();
    assert!(
        reported.contains("\"received\":2,\"verified\":0,\"refused\":2"),
        "{reported}"
    );
}

#[test]
fn what_is_unknown_to_its_application_says_why() {
    let mut listener = Listener::start(&[]);
    let (mut headers, body) = attempt(&submitted(7), now());
    for (name, value) in &mut headers {
        if *name == "webhook-id" {
            *value = "a1b2c3d4-e5f6-7890-abcd-ef1234567890".to_owned();
        }
    }
    assert_eq!(listener.post(&headers, &body), 204);
    let shown = listener.shown();
    assert!(shown["news"].is_null());
    let why = shown["unknown"].as_str().unwrap();
    assert!(why.contains("is not one of application"), "{why}");
}

#[test]
fn a_connection_serves_many_deliveries() {
    let mut listener = Listener::start(&["--secret", SECRET]);
    let mut stream = listener.connect();
    for number in 1..=50 {
        let (headers, body) = attempt(&submitted(number), now());
        let request = String::from_utf8(request(&headers, &body)).unwrap();
        stream
            .write_all(request.replace("connection: close\r\n", "").as_bytes())
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204");
        let mut byte = [0];
        let mut end = Vec::new();
        while !end.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            end.push(byte[0]);
        }
        assert_eq!(listener.shown()["payload"]["application_id"], number);
    }
}

#[test]
fn it_speaks_http_2_with_a_client_that_begins_with_it() {
    use http_body_util::Full;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let mut listener = Listener::start(&["--secret", SECRET]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let statuses = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(&listener.address)
            .await
            .unwrap();
        let io = TokioIo::new(stream);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let mut statuses = Vec::new();
        for number in 1..=3 {
            let (headers, body) = attempt(&submitted(number), now());
            let mut request = http::Request::post(format!("http://{}/", listener.address));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request.body(Full::new(hyper::body::Bytes::from(body)));
            let response = sender.send_request(request.unwrap()).await.unwrap();
            statuses.push(response.status().as_u16());
        }
        statuses
    });
    assert_eq!(statuses, [204; 3]);
    assert_eq!(listener.shown()["signature"], "webhook-signature");
}

#[test]
fn it_ends_when_its_output_is_not_read() {
    let Listener {
        mut child, stdout, ..
    } = Listener::start(&[]);
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_it_cannot_do_it_says_before_it_listens() {
    let listener = Listener::start(&[]);
    let port = listener.address.rsplit(':').next().unwrap();
    for (args, words) in [
        (
            &["--port", port][..],
            "Address already in use (os error 98); --port 0 takes a port that is free",
        ),
        (&["--secret", "hush"], "a secret begins with whsec_"),
        (
            &["--fail", "101%"],
            "expected a share from 0% to 100%, such as 30%",
        ),
        (&["--fail=-1%"], "expected a share from 0% to 100%"),
        (&["--fail", "30%", "--status", "503"], "cannot be used with"),
        (
            &["--status", "100"],
            "expected a status from 200 to 599, such as 503",
        ),
        (
            &["--delay", "2"],
            "expected a duration such as 30m, 2h or 1day",
        ),
        (&["--port", "65536"], "65536 is not in 0..=65535"),
    ] {
        let run = run(&[&["listen"], args].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert!(!run.stderr.contains("hush"));
    }
    listener.interrupt();
}
