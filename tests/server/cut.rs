//! Server-sent events through a proxy that cuts the connection at any byte, while others write: a
//! client that connects again with `Last-Event-ID` gets each event once, in order.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::random::Random;
use crate::support::{EventSource, World, application, get, on_every_store, post, submit};

on_every_store! {
    nothing_is_lost_or_doubled_though_streams_are_cut,
}

/// How many applications each of the writers submits.
const EACH: u64 = 40;
const WRITERS: u64 = 4;

/// What each connection may bring, in bytes; then it is cut.
#[derive(Clone)]
struct Proxy {
    server: std::net::SocketAddr,
    random: Arc<Mutex<Random>>,
}

impl Proxy {
    async fn start(server: std::net::SocketAddr, random: Random) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let random = Arc::new(Mutex::new(random));
        let proxy = Self { server, random };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(proxy.clone().pass_on(client));
            }
        });
        address
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap().below(bound)
    }

    async fn pass_on(self, mut client: TcpStream) -> Option<()> {
        // Mostly within the first events: also in the head, in an id, in a letter
        let bound = if self.below(4) == 0 { 6000 } else { 2500 };
        let mut left = usize::try_from(self.below(bound)).unwrap();
        let mut server = TcpStream::connect(self.server).await.ok()?;
        let (mut request, mut answer) = (vec![0; 4096], vec![0; 4096]);
        loop {
            tokio::select! {
                read = client.read(&mut request) => match read.ok()? {
                    0 => return None,
                    length => server.write_all(&request[..length]).await.ok()?,
                },
                read = server.read(&mut answer) => {
                    let length = read.ok()?;
                    let passed = length.min(left);
                    // In parts that have nothing to do with lines
                    for part in answer[..passed].chunks(1 + usize::try_from(self.below(90)).unwrap()) {
                        client.write_all(part).await.ok()?;
                        client.flush().await.ok()?;
                    }
                    left -= passed;
                    if length == 0 || left == 0 {
                        return None;
                    }
                }
            }
        }
    }
}

/// What a body in chunks brings (RFC 9112, 7.1), as far as it has come.
#[derive(Default)]
struct Chunks {
    head: Vec<u8>,
    is_body: bool,
    size: Vec<u8>,
    /// What is left of this chunk, and of its end.
    left: usize,
}

impl Chunks {
    fn take(&mut self, byte: u8, source: &mut EventSource) {
        if !self.is_body {
            self.head.push(byte);
            self.is_body = self.head.ends_with(b"\r\n\r\n");
            if self.is_body {
                let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
                assert!(head.starts_with("http/1.1 200"), "{head}");
                assert!(head.contains("transfer-encoding: chunked"), "{head}");
            }
        } else if self.left > 2 {
            self.left -= 1;
            source.take(&[byte]);
        } else if self.left > 0 {
            self.left -= 1;
        } else {
            self.size.push(byte);
            if let Some(size) = self.size.strip_suffix(b"\r\n") {
                let size = std::str::from_utf8(size).unwrap();
                self.left = usize::from_str_radix(size, 16).unwrap() + 2;
                self.size.clear();
            }
        }
    }
}

/// Follows the events over as many connections as it takes; how many it took.
async fn follow(proxy: std::net::SocketAddr, token: &str, number: usize) -> (EventSource, u64) {
    let (mut source, mut connections, start) = (EventSource::default(), 0, Instant::now());
    while source.messages.len() < number {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{} of {number} in {connections} connections",
            source.messages.len()
        );
        connections += 1;
        source.cut();
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        let mut request = format!(
            "GET /v1/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\
             authorization: Bearer {token}\r\n"
        );
        if !source.last_id.is_empty() {
            let _ = write!(request, "last-event-id: {}\r\n", source.last_id);
        }
        if stream
            .write_all(format!("{request}\r\n").as_bytes())
            .await
            .is_err()
        {
            continue;
        }
        let (mut chunks, mut bytes) = (Chunks::default(), vec![0; 700]);
        while source.messages.len() < number {
            let Ok(length @ 1..) = stream.read(&mut bytes).await else {
                break;
            };
            for &byte in &bytes[..length] {
                chunks.take(byte, &mut source);
            }
        }
    }
    (source, connections)
}

async fn write(world: Arc<World>, writer: u64) {
    for number in 1..=EACH {
        let number = writer * EACH + number;
        let mut body = submit(number);
        // Letters of two, three and four bytes
        body["certificate_title"] = format!("Prüfung № {number} 🎓").into();
        let token = if writer == 0 {
            &world.theirs
        } else {
            &world.ours
        };
        let ask = post("/v1/applications", &body)
            .by("customer:jörg")
            .with(token);
        assert_eq!(world.send(ask).await.status, 201);
        if number.is_multiple_of(3) {
            let path = format!("/v1/applications/{}/begin-processing", application(number));
            let ask = post(path, &serde_json::json!({})).with(token);
            assert_eq!(world.send(ask).await.status, 200);
        }
        tokio::time::sleep(Duration::from_millis(number % 20)).await;
    }
}

async fn nothing_is_lost_or_doubled_though_streams_are_cut(world: World) {
    let random = Random::new(&format!("cut on {:?}", world.kind));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let router = world.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let proxy = Proxy::start(server, random).await;
    let world = Arc::new(world);
    let writers = (0..WRITERS).map(|it| tokio::spawn(write(Arc::clone(&world), it)));
    let writers: Vec<_> = writers.collect();
    // A third of the applications have two events.
    let of = |from: u64, to: u64| usize::try_from(to - from + to / 3 - from / 3).unwrap();
    let (theirs, ours) = (of(0, EACH), of(EACH, WRITERS * EACH));
    let all = tokio::join!(
        follow(proxy, &world.ours, ours),
        follow(proxy, &world.ours, ours),
        follow(proxy, &world.theirs, theirs),
    );
    for writer in writers {
        writer.await.unwrap();
    }
    for ((source, connections), token) in [
        (all.0, &world.ours),
        (all.1, &world.ours),
        (all.2, &world.theirs),
    ] {
        let seen: Vec<Value> = source.messages.iter().map(|it| it.json()).collect();
        let expected = world.events(token, seen.len() as u64).await;
        for (seen, expected) in seen.iter().zip(expected.as_array().unwrap()) {
            assert_eq!(seen, expected);
        }
        assert!(connections > 3, "{connections} connections are not cut");
        println!("{} events over {connections} connections", seen.len());
    }
    // And nothing comes after them
    let end = get("/v1/events?limit=1000").with(&world.theirs);
    let page = world.send(end).await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), theirs);
}
