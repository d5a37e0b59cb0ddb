//! HTTP/2 servers that say goodbye, to a connection or to a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use certificate_lifecycle::delivery::{DispatcherOptions, HttpTransport};
use certificate_lifecycle::store::Outbox;
use certificate_lifecycle::webhook::{CustomHeaders, Endpoint, RetrySchedule, Secret};
use chrono::TimeDelta;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::{self, Identity};
use crate::log;
use crate::receiver::Receiver;
use crate::sending::{Answers, answered, broken, options, outgoing, send_all_of};
use crate::stage::{Stage, status};

/// The kinds of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Why somebody ends something (section 7).
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;

/// What the first data of a response or request may say: that they are the last.
const END_STREAM: u8 = 1;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self {
            kind,
            flags,
            stream,
            payload,
        }
    }

    fn goodbye(last: u32, reason: u32, text: &[u8]) -> Self {
        let payload = [&last.to_be_bytes()[..], &reason.to_be_bytes(), text].concat();
        Self::new(GOAWAY, 0, 0, payload)
    }

    /// Status 204, by its place in the static table (RFC 7541, appendix A), and nothing more.
    fn response(stream: u32) -> Self {
        Self::new(HEADERS, 4 | END_STREAM, stream, [0x89])
    }

    fn is_last(&self) -> bool {
        self.kind == DATA && self.flags & END_STREAM != 0
    }

    async fn read(connection: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        connection.read_exact(&mut payload).await.ok()?;
        Some(Self::new(kind, flags, u32::from_be_bytes(stream), payload))
    }

    async fn write(&self, connection: &mut TlsStream<TcpStream>) {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [
            &length[1..],
            &[self.kind, self.flags],
            &self.stream.to_be_bytes(),
        ]
        .concat();
        // Whoever is told goodbye may go before all of it was said.
        let _ = connection.write_all(&head).await;
        let _ = connection.write_all(&self.payload).await;
        let _ = connection.flush().await;
    }
}

/// A server that answers each frame with these, until the client has gone.
async fn server<B>(behavior: impl Fn(usize) -> B + Send + 'static) -> Receiver
where
    B: FnMut(Frame) -> Vec<Frame> + Send + 'static,
{
    let config = certificates::server(Identity::Of("hooks.example.com"), &["h2"]);
    Receiver::start(move |connection, number| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        let mut behave = behavior(number);
        async move {
            // A connection that lost the race for a request is not even begun.
            let Ok(mut connection) = acceptor.accept(connection).await else {
                return;
            };
            let mut preface = [0; 24];
            if connection.read_exact(&mut preface).await.is_err() {
                return;
            }
            Frame::new(SETTINGS, 0, 0, []).write(&mut connection).await;
            while let Some(frame) = Frame::read(&mut connection).await {
                for answer in behave(frame) {
                    answer.write(&mut connection).await;
                }
            }
        }
    })
    .await
}

fn transport() -> HttpTransport {
    HttpTransport::with_resolver(options(), Answers::new([&["127.0.0.1"]])).unwrap()
}

fn url_of(server: &Receiver) -> String {
    server.url_of("https", "hooks.example.com")
}

#[tokio::test]
async fn what_a_server_says_in_its_farewell_is_kept_nowhere() {
    const TOKEN: &str = "t0ken-of-the-receiver";
    for reason in [NO_ERROR, INTERNAL_ERROR, 0xdead_beef] {
        let server = server(move |_| {
            let mut body = Vec::new();
            move |frame: Frame| {
                if frame.kind != DATA {
                    return Vec::new();
                }
                body.extend_from_slice(&frame.payload);
                let mut text = [&body, TOKEN.as_bytes()].concat().repeat(100);
                text.truncate((16 << 10) - 8);
                vec![Frame::goodbye(0, reason, &text)]
            }
        })
        .await;
        log::start();
        let stage = Stage::new(|_, _| status(500));
        let url = url_of(&server).parse().unwrap();
        let mut endpoint = Endpoint::new(url, Secret::from_key(&[7; 32]).unwrap());
        endpoint.headers = CustomHeaders::new([("Authorization", TOKEN)]).unwrap();
        stage.register(endpoint).await;
        stage.submit().await;
        let once = DispatcherOptions {
            schedule: RetrySchedule::new(vec![TimeDelta::zero()]).unwrap(),
            ..DispatcherOptions::default()
        };
        let dispatcher = stage.dispatcher_with(once, transport());
        let summary = dispatcher.run_until_idle(std::future::pending()).await;
        assert_eq!(summary.unwrap().dead, 1);
        let log = log::own_lines(&log::end());
        let [delivery] = &stage.deliveries().await[..] else {
            panic!()
        };
        let [attempt] = &stage
            .store
            .attempts(&stage.institution, delivery.id)
            .await
            .unwrap()[..]
        else {
            panic!()
        };
        let error = attempt.error.clone().unwrap();
        assert!(
            error.contains("the connection was ended by the server: "),
            "{error}"
        );
        assert!(log.contains("was ended by the server"), "{log}");
        for told in [error, delivery.reason.clone().unwrap(), log] {
            for hidden in ["private.person", "Discretion", "certificate_title", TOKEN] {
                assert!(!told.contains(hidden), "{hidden}: {told}");
            }
        }
    }
}

/// A server that takes so many requests over a connection, says so, and looks at no more of them: nginx with its
/// `keepalive_requests`. It answers what it has taken.
async fn taking(most: usize) -> Receiver {
    server(move |_| {
        let mut taken = Vec::new();
        move |frame: Frame| {
            let mut answers = Vec::new();
            if frame.kind == HEADERS && taken.len() < most {
                taken.push(frame.stream);
                if taken.len() == most {
                    answers.push(Frame::goodbye(frame.stream, NO_ERROR, b""));
                }
            }
            if frame.is_last() && taken.contains(&frame.stream) {
                answers.push(Frame::response(frame.stream));
            }
            answers
        }
    })
    .await
}

#[tokio::test]
async fn what_a_server_has_not_come_to_when_it_ends_the_connection_arrives_by_the_next() {
    // With so many in all, no request can meet more ends than it is repeated.
    let server = taking(20).await;
    let transport = transport();
    assert_eq!(answered(&transport, &url_of(&server)).await.status, 204);
    let sending = (0..59).map(|_| send_all_of(&transport, outgoing(&url_of(&server))));
    let answers: Vec<_> = futures_util::stream::iter(sending)
        .buffer_unordered(16)
        .collect()
        .await;
    for answer in answers {
        assert_eq!(answer.unwrap().status, 204);
    }
    assert!(server.connections() >= 3, "{}", server.connections());
}

/// A server that ends the first so many requests for this reason and answers the others; and how many it got.
async fn ending(first: usize, reason: u32) -> (Receiver, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = server(move |_| {
        let counted = Arc::clone(&counted);
        move |frame: Frame| {
            if !frame.is_last() {
                return Vec::new();
            }
            let is_ended = counted.fetch_add(1, Ordering::SeqCst) < first;
            vec![if is_ended {
                Frame::new(RST_STREAM, 0, frame.stream, reason.to_be_bytes())
            } else {
                Frame::response(frame.stream)
            }]
        }
    });
    (server.await, requests)
}

#[tokio::test]
async fn a_request_that_a_server_refuses_unseen_is_sent_again() {
    for refused in 1..=3 {
        let (server, requests) = ending(refused, REFUSED_STREAM).await;
        assert_eq!(answered(&transport(), &url_of(&server)).await.status, 204);
        assert_eq!(requests.load(Ordering::SeqCst), refused + 1);
    }
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_not_asked_without_end() {
    let (server, requests) = ending(usize::MAX, REFUSED_STREAM).await;
    let error = broken(&transport(), &url_of(&server)).await;
    assert!(
        error.contains("the request was ended by the server"),
        "{error}"
    );
    assert_eq!(requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_request_that_may_have_been_processed_is_not_repeated() {
    for reason in [NO_ERROR, INTERNAL_ERROR, CANCEL] {
        let (server, requests) = ending(1, reason).await;
        broken(&transport(), &url_of(&server)).await;
        assert_eq!(requests.load(Ordering::SeqCst), 1, "{reason}");
    }
}
