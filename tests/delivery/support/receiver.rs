//! A server that does to a connection whatever a test wants.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::sending::PATIENT;

/// Listens on loopback until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

impl Receiver {
    /// Does this to each connection, called with its number, from 1.
    pub async fn start<F>(behave: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self::start_on(listener, behave)
    }

    pub fn start_on<F>(
        listener: TcpListener,
        behave: impl Fn(TcpStream, usize) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicUsize::new(0));
        let (counted, done) = (Arc::clone(&connections), Arc::clone(&ended));
        let listening = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                let (behaving, done) = (behave(connection, number), Arc::clone(&done));
                tokio::spawn(async move {
                    behaving.await;
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            connections,
            ended,
            listening,
        }
    }

    /// Answers every request on every connection with these bytes.
    pub async fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = Arc::new(response.into());
        Self::start(move |mut connection, _| {
            let response = Arc::clone(&response);
            async move {
                while read_request(&mut connection).await.is_some() {
                    if connection.write_all(&response).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until nothing is left to do to any connection.
    pub async fn all_ended(&self) {
        let waiting = async {
            while self.ended.load(Ordering::SeqCst) < self.connections() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENT, waiting).await;
        in_time.expect("every connection ends");
    }

    /// A URL here, by address, with something in it that no error may repeat.
    pub fn url(&self) -> String {
        self.url_of("http", &self.address.ip().to_string())
    }

    /// The same by another name.
    pub fn url_of(&self, scheme: &str, host: &str) -> String {
        let port = self.address.port();
        format!("{scheme}://{host}:{port}/secret-path?secret-query=1")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// A request as it came over HTTP/1.1.
#[derive(Debug)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        let headers = lines.filter_map(|line| line.split_once(": "));
        let wanted = headers.filter(|(it, _)| it.eq_ignore_ascii_case(name));
        wanted.map(|(_, value)| value).collect()
    }
}

/// The head of the next request; `None` when the connection has ended.
pub async fn read_head(connection: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// The next request; `None` when the connection has ended.
pub async fn read_request(connection: &mut (impl AsyncRead + Unpin)) -> Option<Received> {
    let head = read_head(connection).await?;
    let mut received = Received {
        head,
        body: Vec::new(),
    };
    let length = received.header("content-length")[0].parse().unwrap();
    received.body.resize(length, 0);
    connection.read_exact(&mut received.body).await.ok()?;
    Some(received)
}

/// Waits until the client has closed the connection.
pub async fn closed(connection: &mut TcpStream) {
    let mut bytes = vec![0; 64 << 10];
    while connection.read(&mut bytes).await.is_ok_and(|it| it > 0) {}
}
