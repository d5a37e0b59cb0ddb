//! Servers that are silent or endless within TLS: each request ends with its deadline, and its
//! place is free for the next.

use std::sync::Arc;
use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::{DeliveryStatus, Outbox};
use certificate_lifecycle::webhook::{Endpoint, RetrySchedule, Secret};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{self, Identity};
use crate::receiver::{Receiver, closed, read_request};
use crate::sending::{Answers, PATIENT, SHORT, options};
use crate::stage::{Stage, status};

/// Time for a handshake, and for some bytes more.
const DEADLINE: Duration = SHORT.saturating_mul(2);

const NAME: &str = "hooks.example.com";

/// A server that says this over TLS one byte at a time, and then repeats that for ever.
async fn trickling(first: &'static [u8], then: &'static [u8]) -> Receiver {
    let config = certificates::server(Identity::Of(NAME), &[]);
    Receiver::start(move |connection, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let mut connection = acceptor.accept(connection).await.unwrap();
            read_request(&mut connection).await.unwrap();
            for byte in first.iter().chain(then.iter().cycle()) {
                let written = connection.write_all(&[*byte]).await;
                if written.is_err() || connection.flush().await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await
}

/// Sends two events to the server and two to another one, all through one place, in which each of
/// the server's requests ends with this error.
async fn ends_each_request(
    server: &Receiver,
    transport: HttpOptions,
    timeout: Duration,
    error: &str,
) {
    let other = Receiver::answering(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let stage = Stage::new(|_, _| status(500));
    let register = |url: String| {
        let secret = Secret::from_key(&[7; 32]).unwrap();
        stage.register(Endpoint::new(url.parse().unwrap(), secret))
    };
    let webhook = register(server.url_of("https", NAME)).await;
    register(other.url_of("http", NAME)).await;
    for _ in 0..2 {
        stage.submit().await;
    }
    let answers = Answers::new([&["127.0.0.1"]]);
    let transport = HttpTransport::with_resolver(transport, answers).unwrap();
    // With a margin longer than the test may take: it is the transport that keeps its deadline.
    let options = DispatcherOptions::default()
        .with_concurrency(1)
        .with_schedule(RetrySchedule::new(vec![Duration::ZERO]).unwrap())
        .with_timeout(timeout)
        .with_margin(PATIENT * 10);
    let dispatcher = stage.dispatcher_with(options, transport.clone());
    let running = dispatcher.run_until_idle(std::future::pending());
    let summary = tokio::time::timeout(PATIENT * 2, running).await;
    let summary = summary.expect("no request keeps its place").unwrap();
    assert_eq!((summary.delivered, summary.dead), (2, 2));
    for delivery in stage.deliveries().await {
        let attempts = stage
            .store
            .attempts(&stage.institution, delivery.id)
            .await
            .unwrap();
        let [attempt] = &attempts[..] else {
            panic!("{attempts:?}")
        };
        if delivery.webhook != webhook {
            assert_eq!(delivery.status, DeliveryStatus::Delivered);
            continue;
        }
        assert_eq!(delivery.status, DeliveryStatus::Dead);
        assert_eq!(attempt.error.as_deref(), Some(error));
        let least = u64::try_from(SHORT.as_millis()).unwrap();
        assert!(attempt.milliseconds >= least, "{attempt:?}");
    }
    assert_eq!(server.connections(), 2);
    // Not because the transport has gone.
    server.all_ended().await;
    drop(transport);
}

#[tokio::test]
async fn a_response_that_trickles_in_for_ever_ends_with_the_deadline() {
    let ends = async |first, then, error: &str| {
        let server = trickling(first, then).await;
        ends_each_request(&server, options(), DEADLINE, error).await;
    };
    let sized = b"HTTP/1.1 500 Away\r\nContent-Length: 1000000\r\n\r\n";
    let chunked = b"HTTP/1.1 500 Away\r\nTransfer-Encoding: chunked\r\n\r\n";
    let headers = b"HTTP/1.1 200 OK\r\nX-Slow: ";
    tokio::join!(
        ends(sized, b"a", "status 500"),
        ends(chunked, b"1\r\na\r\n", "status 500"),
        ends(
            headers,
            b"a",
            "no response within the deadline, while waiting for the response"
        ),
    );
}

#[tokio::test]
async fn a_server_that_never_answers_the_greeting_ends_with_the_time_to_connect() {
    let server = Receiver::start(|mut connection, _| async move {
        closed(&mut connection).await;
    })
    .await;
    let options = options().with_connect_timeout(SHORT);
    let error = "no response within the deadline, while connecting";
    ends_each_request(&server, options, PATIENT, error).await;
}

#[tokio::test]
async fn a_server_that_never_answers_the_greeting_ends_with_the_deadline_of_the_request() {
    let server = Receiver::start(|mut connection, _| async move {
        closed(&mut connection).await;
    })
    .await;
    let options = options().with_connect_timeout(DEADLINE * 2);
    let error = "no response within the deadline, while waiting for the response";
    ends_each_request(&server, options, SHORT, error).await;
}
