//! Connections that send one request after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    token: String,
}

impl Connection {
    /// To a server at this address, with this token.
    pub async fn open(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let token = format!("Bearer {token}");
        Self { sender, token }
    }

    /// The answer to a request, its body unread.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<hyper::body::Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1")
            .header("authorization", &self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::from(body.to_owned());
        self.sender.ready().await.unwrap();
        self.sender
            .send_request(request.body(body).unwrap())
            .await
            .unwrap()
    }

    /// The same, read to its end.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Bytes) {
        let response = self.send(method, path, headers, body).await;
        let status = response.status().as_u16();
        (
            status,
            response.into_body().collect().await.unwrap().to_bytes(),
        )
    }
}

/// The requests a second that so many connections send, until the time is over or `next` has no
/// more paths. Each has to be answered with a status of success.
pub async fn rate(
    address: &str,
    token: &str,
    connections: usize,
    time: Duration,
    method: &Method,
    next: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> f64 {
    let (next, count) = (Arc::new(next), Arc::new(AtomicU64::new(0)));
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address, token).await);
    }
    let began = Instant::now();
    let tasks = opened.into_iter().map(|mut connection| {
        let (next, count, method) = (Arc::clone(&next), Arc::clone(&count), method.clone());
        tokio::spawn(async move {
            while began.elapsed() < time
                && let Some(path) = next()
            {
                let (status, body) = connection.ask(method.clone(), &path, &[], "").await;
                assert!((200..300).contains(&status), "{status}: {body:?}");
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let requests = count.load(Ordering::Relaxed) as f64;
    requests / began.elapsed().as_secs_f64()
}
