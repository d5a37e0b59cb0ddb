//! Clients that are slow, silent or many.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Limits, serve_until};

type Body = UnsyncBoxBody<Bytes, Infallible>;

const LIMITS: Limits = Limits {
    connections: 3,
    idle: Duration::from_millis(600),
    stalled: Duration::from_millis(600),
    streams: 100,
    is_kept: true,
};

/// `/` is answered at once, `/stream` never ends, `/flood` sends without end.
async fn respond(request: Request<Incoming>) -> Response<Body> {
    let piece = |size| Ok(Frame::data(Bytes::from(vec![b'x'; size])));
    Response::new(match request.uri().path() {
        "/stream" => {
            let once = futures_util::stream::once(async move { piece(1) });
            let never = futures_util::stream::pending();
            let stream = futures_util::StreamExt::chain(once, never);
            http_body_util::StreamBody::new(stream).boxed_unsync()
        }
        "/flood" => {
            let stream = futures_util::stream::repeat_with(move || piece(64 << 10));
            http_body_util::StreamBody::new(stream).boxed_unsync()
        }
        _ => Full::from("done").boxed_unsync(),
    })
}

struct Server {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

async fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve_until(listener, None, LIMITS, respond, shutdown));
    Server {
        address,
        stop,
        task,
    }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

const STREAM: &str = "GET /stream HTTP/1.1\r\nhost: a\r\n\r\n";

/// How long it takes until the connection is closed.
async fn closed(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    start.elapsed()
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_and_one_with_a_stream_is_not() {
    let server = start().await;
    let mut streaming = server.send(STREAM).await;
    for begun in ["", "GET / HTTP/1.1\r\nhost:", "PRI * HT"] {
        let took = closed(&mut server.send(begun).await).await;
        assert!(took + Duration::from_millis(100) >= LIMITS.idle, "{begun}");
        assert!(took < Duration::from_secs(20), "{begun}");
    }
    let mut answered = server.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(closed(&mut answered).await + Duration::from_millis(100) >= LIMITS.idle);
    let mut head = [0; 12];
    streaming.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let still = tokio::time::timeout(Duration::from_millis(300), closed(&mut streaming)).await;
    assert!(still.is_err(), "it is open");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_left() {
    let server = start().await;
    let mut stream = server.send("GET /flood HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::sleep(4 * LIMITS.stalled).await;
    // What was on its way comes, and then the end, although the body has none
    let took = tokio::time::timeout(Duration::from_secs(30), closed(&mut stream)).await;
    assert!(took.is_ok());
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_an_idle_one_and_of_no_other() {
    let server = start().await;
    let mut streaming = server.send(STREAM).await;
    let mut also = server.send(STREAM).await;
    let _idle = server.send("").await;
    let mut new = server
        .send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    let mut text = String::new();
    new.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("done"), "{text}");
    for stream in [&mut streaming, &mut also] {
        let still = tokio::time::timeout(Duration::from_millis(100), closed(stream)).await;
        assert!(still.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_off_after_a_while() {
    let server = start().await;
    let mut streaming = server.send(STREAM).await;
    let mut head = [0; 12];
    streaming.read_exact(&mut head).await.unwrap();
    let Server { stop, task, .. } = server;
    stop.send(()).unwrap();
    assert_eq!(task.await.unwrap(), 1);
    closed(&mut streaming).await;
}
