//! A receiver that costs as little as can be: it reads requests and answers 204, on one thread.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

/// What arrives is counted, by the last segment of its path.
#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    pub counts: Arc<Vec<AtomicU64>>,
    /// When the first bytes of an application's event came, while a benchmark wants to know.
    pub arrivals: Arc<Mutex<BTreeMap<Uuid, Instant>>>,
    pub notes_arrivals: Arc<AtomicBool>,
}

impl Receiver {
    /// Listens on loopback, on a thread of its own, for this many webhooks.
    pub fn start(webhooks: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            counts: Arc::new((0..webhooks).map(|_| AtomicU64::new(0)).collect()),
            arrivals: Arc::default(),
            notes_arrivals: Arc::default(),
        };
        let serving = receiver.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    tokio::spawn(serving.clone().serve(stream));
                }
            });
        });
        receiver
    }

    pub fn url(&self, webhook: usize) -> String {
        format!("http://127.0.0.1:{}/{webhook}", self.port)
    }

    async fn serve(self, mut stream: tokio::net::TcpStream) {
        let mut buffer = Vec::with_capacity(8192);
        loop {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            while let Some((length, webhook)) = request(&buffer) {
                if self.notes_arrivals.load(Ordering::Relaxed) {
                    self.note(&buffer[..length]);
                }
                self.counts[webhook].fetch_add(1, Ordering::Relaxed);
                buffer.drain(..length);
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    }

    fn note(&self, request: &[u8]) {
        let now = Instant::now();
        let text = String::from_utf8_lossy(request);
        let uuid = text.split("\"uuid\":\"").nth(1).unwrap();
        let uuid = uuid.split('"').next().unwrap().parse().unwrap();
        self.arrivals.lock().unwrap().entry(uuid).or_insert(now);
    }
}

/// The length of the first request in the buffer, and the webhook that it is for; none where it is
/// not complete.
fn request(buffer: &[u8]) -> Option<(usize, usize)> {
    let head = buffer.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap();
    let mut body = 0;
    for line in text.split("\r\n") {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body = value.trim().parse().unwrap();
        }
    }
    let path = text.split(' ').nth(1).unwrap();
    let webhook = path.rsplit('/').next().unwrap().parse().unwrap();
    (buffer.len() >= head + body).then_some((head + body, webhook))
}

/// A server that takes connections and never answers.
pub fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming() {
            held.extend(stream);
        }
    });
    format!("http://127.0.0.1:{port}/0")
}

/// Whether the receiver works at all.
pub fn try_out(receiver: &Receiver) {
    let mut stream = TcpStream::connect(("127.0.0.1", receiver.port)).unwrap();
    let request = "POST /0 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");
}
