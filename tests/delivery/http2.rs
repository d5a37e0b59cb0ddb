//! Servers that speak HTTP/2, well or badly.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use certificate_lifecycle::delivery::{HttpOptions, HttpTransport, Response};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{self, Identity};
use crate::receiver::Receiver;
use crate::sending::{
    Answers, BODY_WAIT, Hasty, PATIENT, SHORT, answered, broken, options, outgoing, send,
    send_all_of,
};

pub type Answer = http::Response<Either<Full<Bytes>, Endless>>;

/// A body that never ends.
#[derive(Debug)]
pub enum Endless {
    Fast,
    Silent,
    /// After so many bytes.
    SilentAfter(usize),
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match *self {
            Self::Fast => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'a'; 1024]))))),
            Self::Silent | Self::SilentAfter(0) => Poll::Pending,
            Self::SilentAfter(bytes) => {
                *self = Self::Silent;
                Poll::Ready(Some(Ok(Frame::data(vec![b'a'; bytes].into()))))
            }
        }
    }
}

/// A server that answers every request so, over HTTP/2.
pub async fn server(answer: fn(http::request::Parts, Bytes) -> Answer) -> Receiver {
    let config = certificates::server(Identity::Of("hooks.example.com"), &["h2", "http/1.1"]);
    Receiver::start(move |connection, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let connection = acceptor.accept(connection).await.unwrap();
            assert_eq!(connection.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let serve = service_fn(move |request: http::Request<Incoming>| async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok::<_, hyper::Error>(answer(head, body))
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let connection = TokioIo::new(connection);
            let _ = server.serve_connection(connection, serve).await;
        }
    })
    .await
}

pub fn with(body: impl Into<Bytes>) -> Answer {
    http::Response::new(Either::Left(Full::new(body.into())))
}

pub fn transport_with(options: HttpOptions) -> HttpTransport {
    HttpTransport::with_resolver(options, Answers::new([&["127.0.0.1"]])).unwrap()
}

pub fn url_of(server: &Receiver) -> String {
    server.url_of("https", "hooks.example.com")
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    let server = server(|head, body| {
        assert_eq!(head.version, http::Version::HTTP_2);
        assert_eq!(head.method, http::Method::POST);
        assert_eq!(head.uri.path(), "/secret-path");
        assert_eq!(head.headers["content-length"], body.len().to_string());
        assert_eq!(head.headers["content-type"], "application/json");
        assert!(!head.headers.contains_key("accept-encoding"));
        with(body)
    })
    .await;
    let transport = transport_with(options());
    let request = outgoing(&url_of(&server));
    // The first connection tells that it can be shared.
    answered(&transport, &url_of(&server)).await;
    let sending = (0..50).map(|_| {
        let (transport, request) = (transport.clone(), request.clone());
        tokio::spawn(async move { send_all_of(&transport, request).await.unwrap() })
    });
    for response in sending.collect::<Vec<_>>() {
        assert_eq!(response.await.unwrap().excerpt, request.body);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_connection_is_kept_where_none_may_be_and_none_ends_while_it_is_used() {
    let transport = transport_with(options().with_idle_total(0));
    let server = server(|_, body| with(body)).await;
    let request = outgoing(&url_of(&server));
    for _ in 0..3 {
        let sending = (0..20).map(|_| send_all_of(&transport, request.clone()));
        for response in futures_util::future::join_all(sending).await {
            assert_eq!(response.unwrap().excerpt, request.body);
        }
        server.all_ended().await;
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_read_to_the_limit_and_leaves_its_connection_in_use() {
    let server = server(|_, _| http::Response::new(Either::Right(Endless::Fast))).await;
    let transport = transport_with(options());
    let url = url_of(&server);
    // So that there is a connection for those that begin together.
    assert_eq!(answered(&transport, &url).await.status, 200);
    // More than the allowance of a server that goes on after a reset, which this one does not do.
    for _ in 0..500 {
        let some = (0..4).map(|_| answered(&transport, &url));
        for response in futures_util::future::join_all(some).await {
            assert_eq!(response.excerpt, [b'a'; Response::EXCERPT]);
        }
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_costs_its_excerpt_and_ends_its_connection() {
    let server = server(|_, _| {
        let mut response = http::Response::new(Either::Right(Endless::Silent));
        *response.status_mut() = http::StatusCode::GONE;
        response
    })
    .await;
    let transport = transport_with(options());
    let response = answered(&transport, &url_of(&server)).await;
    assert_eq!((response.status, &*response.excerpt), (410, &b""[..]));
    server.all_ended().await;
}

#[tokio::test]
async fn of_a_body_that_stops_on_its_way_16_kib_are_waited_for_and_no_more() {
    const LIMIT: usize = 16 << 10;
    fn stopping(after: usize) -> Answer {
        http::Response::new(Either::Right(Endless::SilentAfter(after)))
    }
    let server_of_more = server(|_, _| stopping(LIMIT + 1)).await;
    let server_of_less = server(|_, _| stopping(LIMIT)).await;
    let transport = transport_with(options());
    for (server, waits) in [(server_of_more, false), (server_of_less, true)] {
        let start = Instant::now();
        let response = answered(&transport, &url_of(&server)).await;
        assert_eq!(response.excerpt, [b'a'; Response::EXCERPT]);
        assert_eq!(start.elapsed() >= BODY_WAIT, waits);
    }
}

#[tokio::test]
async fn many_short_headers_are_as_many_bytes() {
    let server = server(|_, _| {
        let mut response = with("");
        let short = http::HeaderValue::from_static("a");
        for _ in 0..101 {
            response.headers_mut().append("x-short", short.clone());
        }
        response
    })
    .await;
    let response = answered(&transport_with(options()), &url_of(&server)).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn headers_are_read_up_to_a_limit() {
    let server = server(|_, _| {
        let mut response = with("");
        let long = http::HeaderValue::from_bytes(&[b'a'; 10_000]).unwrap();
        for _ in 0..20 {
            response.headers_mut().append("x-long", long.clone());
        }
        response
    })
    .await;
    broken(&transport_with(options()), &url_of(&server)).await;
}

#[tokio::test]
async fn a_redirect_is_a_response() {
    let server = server(|_, _| {
        let mut response = with("");
        *response.status_mut() = http::StatusCode::FOUND;
        let headers = response.headers_mut();
        headers.insert(
            "location",
            http::HeaderValue::from_static("http://127.0.0.1/"),
        );
        headers.insert("retry-after", http::HeaderValue::from_static("1e30"));
        response
    })
    .await;
    let response = answered(&transport_with(options()), &url_of(&server)).await;
    assert_eq!((response.status, response.retry_after), (302, None));
}

/// A server that agrees on HTTP/2, and then says this and nothing more.
async fn saying(bytes: &'static [u8]) -> Receiver {
    let config = certificates::server(Identity::Of("hooks.example.com"), &["h2"]);
    Receiver::start(move |connection, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let mut connection = acceptor.accept(connection).await.unwrap();
            connection.write_all(bytes).await.unwrap();
            connection.flush().await.unwrap();
            let mut ignored = vec![0; 4096];
            while connection.read(&mut ignored).await.is_ok_and(|it| it > 0) {}
        }
    })
    .await
}

#[tokio::test]
async fn what_is_no_http_2_is_no_response() {
    let transport = transport_with(options());
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..],
        // A frame of 16 MB.
        b"\xff\xff\xff\x04\x00\x00\x00\x00\x00",
        // Settings, and then an answer to what was not asked.
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01\x04\x00\x00\x00\x63\x88",
    ] {
        let server = saying(bytes).await;
        broken(&transport, &url_of(&server)).await;
        server.all_ended().await;
    }
}

#[tokio::test]
async fn a_server_that_has_fallen_silent_loses_its_connection() {
    // It has said its settings, so that the connection can be used.
    let server = saying(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00").await;
    let transport = Hasty(transport_with(
        options()
            .with_connect_timeout(SHORT)
            .with_stall_timeout(SHORT),
    ));
    let waiting = async {
        // A connection that is not given up would take every request there is.
        while server.connections() < 2 {
            send(&transport, &url_of(&server)).await.unwrap_err();
        }
    };
    tokio::time::timeout(PATIENT, waiting).await.unwrap();
}
