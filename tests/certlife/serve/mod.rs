//! `certlife serve`, over real sockets.

mod beside;
mod configured;
mod ended;
#[cfg(target_os = "linux")]
mod many;
mod secured;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(target_os = "linux")]
mod unread;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Scratch;

/// A server that runs.
struct Serving {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Serving {
    fn start(store: &Scratch, more: &[&str]) -> Self {
        Self::with(&mut store.certlife(&[&["serve", "--listen", "127.0.0.1:0"], more].concat()))
    }

    fn with(certlife: &mut Command) -> Self {
        let mut child = certlife
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut serving = Self {
            child,
            stderr,
            address: String::new(),
        };
        let line = serving.hears("serving the API at ");
        let (_, url) = line.split_once("://").unwrap();
        let (address, _) = url.split_once(';').unwrap();
        address.clone_into(&mut serving.address);
        serving
    }

    /// The next line of the log that has this in it.
    fn hears(&mut self, what: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let count = self.stderr.read_line(&mut line).unwrap();
            assert!(count > 0, "{what:?} is not in {all}");
            if line.contains(what) {
                return line;
            }
            all += &line;
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// The status and the body of a response.
    fn ask(&self, token: &str, request: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        write!(stream, "{}{body}", head(token, request, body.len())).unwrap();
        answer(&mut stream)
    }

    fn signal(&self, signal: &str) {
        let kill = ["-c", "kill -$1 $0", &self.child.id().to_string(), signal];
        assert!(Command::new("bash").args(kill).status().unwrap().success());
    }

    /// Its exit status, and what is left of its log.
    fn ends(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Most have ended by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn head(token: &str, request: &str, length: usize) -> String {
    format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

fn answer(stream: &mut impl Read) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A token for all that an administrator may do, and for following events.
fn token(store: &Scratch) -> String {
    let create = [
        "token",
        "create",
        "--name",
        "test",
        "--actor",
        "administrator:jane",
        "--role",
        "administrator",
        "--institution",
        "default",
    ];
    let run = store.run(&create, "");
    assert_eq!(run.code, Some(0), "{run:?}");
    run.stdout.trim_end().to_owned()
}

const UPLOAD: &str = r#"{"command":"upload","application_id":42,"certificate_title":"A title","applicant_email":"john@example.com","trigger_context":"single_upload"}"#;

#[test]
fn requests_are_answered_and_each_is_a_line_of_the_log_without_anything_personal() {
    for store in [Scratch::new(), Scratch::on_postgres()] {
        let token = token(&store);
        let mut serving = Serving::start(&store, &[]);
        let (status, body) = serving.ask("", "GET /openapi.json", "");
        let document: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &document["openapi"]), (200, &Value::from("3.1.0")));
        let (status, body) = serving.ask(&token, "POST /v1/applications", UPLOAD);
        assert_eq!(status, 201, "{body}");
        let (status, _) = serving.ask("clt_none", "GET /v1/counts?email=john@example.com", "");
        assert_eq!(status, 401);
        let line = serving.hears("POST");
        assert!(line.contains("/v1/applications") && line.contains("status=201"));
        serving.signal("TERM");
        let (code, rest) = serving.ends();
        assert_eq!(code, Some(0), "{rest}");
        let log = line + &rest;
        assert!(log.contains("status=401"), "{log}");
        let secret = token.rsplit('_').next().unwrap();
        for personal in ["john", "A title", secret, "clt_none"] {
            assert!(!log.contains(personal), "{log}");
        }
        assert_eq!(store.run(&["list"], "").code, Some(0));
    }
}

#[test]
fn commands_may_have_to_say_which_version_they_are_meant_for() {
    let store = Scratch::new();
    let token = token(&store);
    let uploaded = |serving: &Serving| {
        let (status, body) = serving.ask(&token, "POST /v1/applications", UPLOAD);
        assert_eq!(status, 201, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["application"]["uuid"].as_str().unwrap().to_owned()
    };
    for (more, expected) in [(&["--require-if-match"][..], 428), (&[], 409)] {
        let serving = Serving::start(&store, more);
        let reject = format!("POST /v1/applications/{}/reject", uploaded(&serving));
        let (status, body) = serving.ask(&token, &reject, r#"{"rejection_reason":"no"}"#);
        assert_eq!(status, expected, "{body}");
    }
}

#[test]
fn the_log_says_as_much_as_it_was_asked_to() {
    let store = Scratch::new();
    let _ = token(&store);
    let serving = Serving::start(&store, &["--log", "warn"]);
    assert_eq!(serving.ask("", "GET /openapi.json", "").0, 200);
    serving.signal("INT");
    let (code, rest) = serving.ends();
    assert_eq!(code, Some(0));
    assert_eq!(
        rest,
        "certlife: finishing what is under way; once more ends it at once\n"
    );
}
