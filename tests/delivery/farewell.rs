//! HTTP/2 servers that say goodbye, to a connection or to a request.

use std::sync::Arc;

use certificate_lifecycle::delivery::{DispatcherOptions, HttpTransport};
use certificate_lifecycle::store::Outbox;
use certificate_lifecycle::webhook::{CustomHeaders, Endpoint, RetrySchedule, Secret};
use chrono::TimeDelta;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::{self, Identity};
use crate::log::Log;
use crate::receiver::Receiver;
use crate::sending::{Answers, options};
use crate::stage::{Stage, status};

/// The kinds of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Why somebody ends something (section 7).
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;

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
        let log = Log::default();
        let logging = tracing::subscriber::set_default(log.subscriber());
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
        drop(logging);
        let [delivery] = &stage.deliveries().await[..] else {
            panic!()
        };
        let [attempt] = &stage.store.attempts(delivery.id).await.unwrap()[..] else {
            panic!()
        };
        let error = attempt.error.clone().unwrap();
        assert!(
            error.contains("the connection was ended by the server: "),
            "{error}"
        );
        let log = log.own_lines();
        assert!(log.contains("was ended by the server"), "{log}");
        for told in [error, delivery.reason.clone().unwrap(), log] {
            for hidden in ["private.person", "Discretion", "certificate_title", TOKEN] {
                assert!(!told.contains(hidden), "{hidden}: {told}");
            }
        }
    }
}
