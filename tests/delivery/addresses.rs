//! Names with several addresses, some of which are silent.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use certificate_lifecycle::delivery::{HttpOptions, HttpTransport, Resolve, Resolving, SendError};
use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::receiver::Receiver;
use crate::sending::{Answers, SHORT, answered, options, send, unconnected};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// How long an address may be silent before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// An address whose queue of connections is full: who connects to it hears nothing.
struct Silent {
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Silent {
    async fn at(address: Ipv4Addr, port: u16) -> Self {
        let address = SocketAddr::new(IpAddr::V4(address), port);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(0).unwrap();
        let mut queue = Vec::new();
        while let Ok(connected) = timeout(HEAD_START, TcpStream::connect(address)).await {
            queue.push(connected.unwrap());
            assert!(queue.len() < 100, "its queue is never full");
        }
        Self {
            _listener: listener,
            _queue: queue,
        }
    }
}

fn transport(addresses: &[&str], options: HttpOptions) -> HttpTransport {
    HttpTransport::with_resolver(options, Answers::new([addresses])).unwrap()
}

#[tokio::test]
async fn beside_an_address_that_is_silent_the_next_one_is_tried_soon() {
    let server = Receiver::answering(OK).await;
    let port = server.address.port();
    let _silent = Silent::at(Ipv4Addr::new(127, 0, 0, 2), port).await;
    let url = server.url_of("http", "hooks.example.com");
    let transport = transport(&["127.0.0.2", "127.0.0.1"], options());
    let start = Instant::now();
    assert_eq!(answered(&transport, &url).await.excerpt, b"ok");
    let took = start.elapsed();
    assert!(took >= HEAD_START, "{took:?}");
    // Of the 20 seconds, the silent one has not had its half.
    assert!(took < Duration::from_secs(5), "{took:?}");
    // The connection is kept, and no name is asked for again.
    assert_eq!(answered(&transport, &url).await.excerpt, b"ok");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn silent_addresses_end_with_the_time_to_connect() {
    let server = Receiver::answering(OK).await;
    let port = server.address.port();
    let silent = [3, 4, 5].map(|last| Silent::at(Ipv4Addr::new(127, 0, 0, last), port));
    let [first, second, third] = silent;
    let _silent = tokio::join!(first, second, third);
    let url = server.url_of("http", "hooks.example.com");
    // Another one that refuses changes nothing.
    for addresses in [
        &["127.0.0.3", "127.0.0.4", "127.0.0.5"][..],
        &["127.0.0.3", "127.0.0.6"],
    ] {
        let options = options().with_connect_timeout(SHORT);
        let start = Instant::now();
        let error = send(&transport(addresses, options), &url)
            .await
            .unwrap_err();
        assert_eq!(error, SendError::Timeout("connecting"));
        let took = start.elapsed();
        assert!((SHORT..SHORT * 5).contains(&took), "{took:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn of_addresses_that_all_refuse_the_last_one_is_reported() {
    let server = Receiver::answering(OK).await;
    let port = server.address.port();
    let url = server.url_of("http", "hooks.example.com");
    let transport = transport(&["127.0.0.7", "127.0.0.8"], options());
    let start = Instant::now();
    let message = unconnected(&transport, &url).await;
    let expected = format!("hooks.example.com at 127.0.0.8:{port}: ");
    assert!(message.starts_with(&expected), "{message}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// A resolver on a machine that may open no more files.
#[derive(Debug)]
struct Exhausted;

impl Resolve for Exhausted {
    fn resolve(&self, _: &str) -> Resolving {
        Box::pin(async { Err(io::Error::from_raw_os_error(24)) })
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_lacking_here_is_no_failure_of_the_receiver() {
    let transport = HttpTransport::with_resolver(options(), Exhausted).unwrap();
    let error = send(&transport, "http://hooks.example.com/").await;
    let error = error.unwrap_err();
    assert!(matches!(error, SendError::Local(_)), "{error}");
    let reported = error.to_string();
    let expected = "this machine has run out of files that this process may open (";
    assert!(reported.starts_with(expected), "{reported}");
}

/// A resolver that answers only when it may.
#[derive(Debug, Clone)]
struct Held {
    asked: Arc<AtomicUsize>,
    may_answer: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        Self {
            asked: Arc::default(),
            may_answer: Arc::new(Semaphore::new(0)),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Held {
    fn resolve(&self, _: &str) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let may_answer = Arc::clone(&self.may_answer);
        Box::pin(async move {
            let _turn = may_answer.acquire().await;
            Ok(vec!["127.0.0.1".parse().unwrap()])
        })
    }
}

/// One that gives up soon without an answer.
fn held() -> (Held, HttpTransport) {
    let held = Held::new();
    let options = options().with_connect_timeout(SHORT);
    let transport = HttpTransport::with_resolver(options, held.clone());
    (held, transport.unwrap())
}

#[tokio::test]
async fn a_name_is_looked_up_once_at_a_time_however_many_wait() {
    let server = Receiver::answering("HTTP/1.1 204 x\r\n\r\n").await;
    let held = Held::new();
    let transport = HttpTransport::with_resolver(options(), held.clone()).unwrap();
    let url = server.url_of("http", "hooks.example.com");
    let sending = join_all((0..50).map(|_| send(&transport, &url)));
    let answering = async {
        while held.asked() == 0 {
            tokio::task::yield_now().await;
        }
        held.may_answer.add_permits(1);
    };
    let (answers, ()) = tokio::join!(sending, answering);
    for answer in answers {
        assert_eq!(answer.unwrap().status, 204);
    }
    assert_eq!(held.asked(), 1);
}

#[tokio::test]
async fn a_name_without_an_answer_is_asked_for_once_and_again_when_it_was_answered() {
    let server = Receiver::answering("HTTP/1.1 204 x\r\nConnection: close\r\n\r\n").await;
    let (held, transport) = held();
    let url = server.url_of("http", "hooks.example.com");
    for _ in 0..3 {
        let error = send(&transport, &url).await.unwrap_err();
        assert_eq!(error, SendError::Timeout("connecting"));
    }
    assert_eq!(held.asked(), 1);
    held.may_answer.add_permits(1);
    // Those who come next may wait for the first lookup still, and only those.
    for _ in 0..2 {
        assert_eq!(answered(&transport, &url).await.status, 204);
    }
    assert!((2..=3).contains(&held.asked()), "{}", held.asked());
}

#[tokio::test]
async fn a_silent_name_server_is_not_asked_for_all_names_at_once() {
    let server = Receiver::answering("HTTP/1.1 204 x\r\n\r\n").await;
    let (held, transport) = held();
    let urls = (0..100).map(|number| server.url_of("http", &format!("{number}.example.com")));
    let sending = urls.map(|url| {
        let transport = transport.clone();
        async move { send(&transport, &url).await }
    });
    for answer in join_all(sending).await {
        assert_eq!(answer.unwrap_err(), SendError::Timeout("connecting"));
    }
    assert_eq!(held.asked(), 64);
    held.may_answer.add_permits(1);
    let url = server.url_of("http", "hooks.example.com");
    assert_eq!(answered(&transport, &url).await.status, 204);
    // Nothing waits any more for those that had no place.
    assert_eq!(held.asked(), 65);
}
