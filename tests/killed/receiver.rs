//! A receiver that verifies and notes what it takes, and refuses some of it at first.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::webhook::{Secret, Verifier};
use uuid::Uuid;

use crate::http_request::HttpRequest;

/// How long a request may be held, and be waited for. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The path of a webhook and an event that was sent there.
pub type Arrival = (String, Uuid);

#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    /// By the path of the webhook.
    verifiers: Arc<HashMap<&'static str, Verifier>>,
    noted: Arc<Mutex<Noted>>,
    changed: Arc<Condvar>,
}

#[derive(Default)]
struct Noted {
    /// In the order in which they were taken.
    taken: Vec<Arrival>,
    refused: HashSet<Arrival>,
    /// What did not verify, and why.
    forged: Vec<String>,
    /// Whether what is taken gets no answer for now.
    is_holding: bool,
    /// Taken, and not answered yet.
    held: Vec<Arrival>,
}

impl Receiver {
    /// For webhooks with these paths and secrets.
    pub fn start(webhooks: impl IntoIterator<Item = (&'static str, Secret)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let verifiers = webhooks
            .into_iter()
            .map(|(path, secret)| (path, Verifier::new([secret])));
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            verifiers: Arc::new(verifiers.collect()),
            noted: Arc::default(),
            changed: Arc::default(),
        };
        let serving = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                // A sender that is killed leaves half a request behind.
                std::thread::spawn(move || drop(serving.serve(stream.unwrap())));
            }
        });
        receiver
    }

    pub fn taken(&self) -> Vec<Arrival> {
        self.noted.lock().unwrap().taken.clone()
    }

    pub fn forged(&self) -> Vec<String> {
        self.noted.lock().unwrap().forged.clone()
    }

    /// Answers nothing any more, and returns as soon as there is a request that waits for its
    /// answer.
    pub fn hold(&self) {
        let mut noted = self.noted.lock().unwrap();
        noted.is_holding = true;
        let waiting = self
            .changed
            .wait_timeout_while(noted, PATIENCE, |noted| noted.held.is_empty());
        let (noted, waiting) = waiting.unwrap();
        let forged = noted.forged.first();
        assert!(
            !waiting.timed_out(),
            "nothing is taken any more: {forged:?}"
        );
    }

    /// Answers again; what has waited for its answer until now.
    pub fn release(&self) -> Vec<Arrival> {
        let mut noted = self.noted.lock().unwrap();
        noted.is_holding = false;
        self.changed.notify_all();
        std::mem::take(&mut noted.held)
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(request) = HttpRequest::read(&mut reader)? {
            let status = self.take(request.path, &request.headers, &request.body);
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    fn take(&self, path: String, headers: &[(String, String)], body: &[u8]) -> &'static str {
        let lines = headers.iter().map(|(name, value)| (name, value));
        let verified = self.verifiers[path.as_str()].verify(lines, body, SystemClock.now());
        let mut noted = self.noted.lock().unwrap();
        let event = match verified.map(|it| it.event_id) {
            Ok(Some(event)) => event,
            other => {
                noted.forged.push(format!("{path}: {other:?}"));
                return "401 Unauthorized";
            }
        };
        let arrival = (path, event);
        // One in sixteen is refused the first time.
        if event.as_bytes()[0] < 16 && noted.refused.insert(arrival.clone()) {
            return "500 Internal Server Error";
        }
        noted.taken.push(arrival.clone());
        if noted.is_holding {
            noted.held.push(arrival);
            self.changed.notify_all();
            let released = self
                .changed
                .wait_timeout_while(noted, PATIENCE, |it| it.is_holding);
            drop(released.unwrap());
        }
        "204 No Content"
    }
}
