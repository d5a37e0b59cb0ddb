//! Both sides of HTTP: a client, and a receiver of webhooks.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

#[allow(dead_code, reason = "the body says all")]
#[path = "../support/http_request.rs"]
mod http_request;

use http_request::HttpRequest;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

impl Reply {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// One request, on a connection of its own.
pub fn ask(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let mut stream = TcpStream::connect(host).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let body = match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        body => {
            head += "content-type: application/json\r\n";
            body.to_string()
        }
    };
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    Reply { status, body }
}

/// Takes every delivery, and notes what was approved.
pub struct Receiver {
    pub url: String,
    approved: Arc<Mutex<HashSet<String>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let approved = Arc::new(Mutex::new(HashSet::new()));
        let noted = Arc::clone(&approved);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, noted) = (stream.unwrap(), Arc::clone(&noted));
                std::thread::spawn(move || take(stream, &noted));
            }
        });
        Self { url, approved }
    }

    /// Waits until the approval of each of these has arrived.
    pub fn wait_for_approvals(&self, uuids: &[String]) {
        for _ in 0..1200 {
            let approved = self.approved.lock().unwrap();
            if uuids.iter().all(|it| approved.contains(it)) {
                return;
            }
            drop(approved);
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not every approval has arrived");
    }
}

/// A sender that is killed leaves half a request behind.
fn take(mut stream: TcpStream, noted: &Mutex<HashSet<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Ok(Some(request)) = HttpRequest::read(&mut reader) {
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        if event["event"] == "certificate_application.approved" {
            let uuid = event["uuid"].as_str().unwrap().to_owned();
            noted.lock().unwrap().insert(uuid);
        }
        if stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .is_err()
        {
            return;
        }
    }
}
