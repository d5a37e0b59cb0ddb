//! Server-sent events, read as the standard says (WHATWG HTML, 9.2.6).

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use serde_json::Value;

use super::ask::{Ask, get};
use super::world::World;

/// An event as a page in a browser gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub name: String,
    pub data: String,
}

impl Message {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

/// What a client has read of a stream, over as many connections as it took.
#[derive(Debug, Default)]
pub struct EventSource {
    /// The line that is not yet at its end.
    line: Vec<u8>,
    is_after_cr: bool,
    name: String,
    data: String,
    /// The buffer of the standard: it counts only once an empty line has come.
    id: String,
    /// What a client that connects again sends as `Last-Event-ID`.
    pub last_id: String,
    pub retry: Option<u64>,
    pub comments: usize,
    /// How often an id came without data.
    pub passed_over: usize,
    pub messages: Vec<Message>,
}

impl EventSource {
    /// The connection has ended: what is not complete does not count.
    pub fn cut(&mut self) {
        self.line.clear();
        self.is_after_cr = false;
        self.name.clear();
        self.data.clear();
        self.id.clone_from(&self.last_id);
    }

    pub fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let is_second = byte == b'\n' && self.is_after_cr;
            self.is_after_cr = byte == b'\r';
            match byte {
                b'\n' if is_second => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    self.line(&String::from_utf8_lossy(&line));
                }
                _ => self.line.push(byte),
            }
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data += value;
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" => self.retry = value.parse().ok(),
            _ => panic!("the standard has no field {field:?}"),
        }
    }

    fn dispatch(&mut self) {
        let is_passed_over = self.data.is_empty() && self.id != self.last_id;
        self.passed_over += usize::from(is_passed_over);
        self.last_id.clone_from(&self.id);
        let (name, data) = (
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.data),
        );
        if let Some(data) = data.strip_suffix('\n') {
            self.messages.push(Message {
                id: self.last_id.clone(),
                name,
                data: data.to_owned(),
            });
        }
    }
}

/// The request for the stream of events.
pub fn stream(path: &str) -> Ask {
    get(path).header("Accept", "text/event-stream")
}

/// A stream that is open.
pub struct Following {
    pub head: http::response::Parts,
    body: BodyDataStream,
    pub source: EventSource,
    /// All that has come.
    pub text: Vec<u8>,
}

impl World {
    pub async fn follow(&self, ask: Ask) -> Following {
        let response = self.open(ask, Body::empty()).await;
        let (head, body) = response.into_parts();
        let body = body.into_data_stream();
        let (source, text) = (EventSource::default(), Vec::new());
        let following = Following {
            head,
            body,
            source,
            text,
        };
        assert_eq!(following.head.status, 200);
        following
    }
}

impl Following {
    /// Reads until so many events have come.
    pub async fn until(&mut self, number: usize) -> &[Message] {
        while self.source.messages.len() < number {
            assert!(self.more().await, "it has ended: {}", self.text());
        }
        &self.source.messages
    }

    /// Reads what comes next; whether the stream goes on.
    pub async fn more(&mut self) -> bool {
        let next = tokio::time::timeout(Duration::from_secs(60), self.body.next());
        let Some(bytes) = next.await.expect("nothing comes") else {
            return false;
        };
        let bytes = bytes.unwrap();
        self.source.take(&bytes);
        self.text.extend_from_slice(&bytes);
        true
    }

    /// Whether anything comes within this time.
    pub async fn is_silent(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.body.next()).await.is_err()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}
