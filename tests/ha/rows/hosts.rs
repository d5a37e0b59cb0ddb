//! Row 3: hosts that do not answer, or not well, keep no client from the primary.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Cursor, ExecuteError, PostgresStore, StoreError};
use futures_util::future::BoxFuture;
use tokio::net::{TcpSocket, TcpStream};

use super::{World, heard, in_time, submission};
use crate::pair::{resume, url_of};
use crate::process::options;
use crate::server::{Server, in_schema};
use crate::work::request;

/// 3 s are promised. What is more here is for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(10);

/// A host that is no help.
enum Host {
    /// It accepts connections and never answers.
    Mute(TcpListener),
    /// It refuses connections.
    Refusing(u16),
    /// It drops what asks for a connection: its queue of connections is full.
    BlackHole {
        port: u16,
        _queue: Vec<TcpStream>,
        _listener: tokio::net::TcpListener,
    },
}

impl Host {
    fn mute() -> Self {
        Self::Mute(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn refusing() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::Refusing(listener.local_addr().unwrap().port())
    }

    async fn black_hole() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut queue = Vec::new();
        loop {
            let connecting = TcpStream::connect(("127.0.0.1", port));
            match tokio::time::timeout(Duration::from_millis(300), connecting).await {
                Ok(connected) => queue.push(connected.unwrap()),
                Err(_) => {
                    return Self::BlackHole {
                        port,
                        _queue: queue,
                        _listener: listener,
                    };
                }
            }
            assert!(queue.len() < 10, "this system takes any number");
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Mute(listener) => listener.local_addr().unwrap().port(),
            Self::Refusing(port) | Self::BlackHole { port, .. } => *port,
        }
    }
}

/// A server on loopback, for the tests here that need no standby.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start_on_loopback("alone", ""))
}

/// The hosts of a URL, with a new schema of the server.
async fn with_new_schema(hosts: &str) -> String {
    let url = server().url_of_new_schema().await;
    let (_, options) = url.split_once('?').unwrap();
    format!("postgres://tests@{hosts}/postgres?{options}")
}

/// The host first, and then the server.
async fn behind(host: &Host) -> String {
    let (first, second) = (host.port(), server().port());
    with_new_schema(&format!("127.0.0.1:{first},127.0.0.1:{second}")).await
}

/// Does something that is to be done soon, and prints how long it took.
async fn soon<T>(what: &str, doing: BoxFuture<'_, T>) -> T {
    let start = Instant::now();
    let done = in_time(doing).await;
    let time = start.elapsed();
    println!("{what}: {time:?}");
    assert!(time < SOON, "{what}: {time:?}");
    done
}

async fn open(url: &str) -> Engine<PostgresStore> {
    let store = soon("opening", Box::pin(PostgresStore::connect(url))).await;
    Engine::new(store.unwrap())
}

async fn give(engine: &Engine<PostgresStore>, number: u32) {
    let key = submission(number);
    let receipt = soon("a command", Box::pin(engine.execute(request(&key)))).await;
    assert!(!receipt.unwrap().replayed);
}

/// Opening, commands, reading, and hearing of the commits of another process.
async fn all_goes_well(url: &str) {
    let engine = open(url).await;
    give(&engine, 0).await;
    let feed = soon("the feed", Box::pin(engine.feed(Cursor::START, 100))).await;
    assert!(feed.is_ok());
    // A follower that does not look by itself
    let listens_alone = options().with_poll(Duration::from_secs(3600));
    let other = Box::pin(PostgresStore::connect_with(url, listens_alone)).await;
    let mut events = Engine::new(other.unwrap()).follow(Cursor::START);
    // (the first may be there when it begins)
    heard(&engine, 1..5, &mut events).await;
    let hearing = heard(&engine, 5..10, &mut events);
    soon("hearing of a commit", Box::pin(hearing)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_never_answers_does_not_hide_the_next() {
    let host = Host::mute();
    all_goes_well(&behind(&host).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_never_answers_does_not_hide_the_next_whatever_the_timeout() {
    let host = Host::mute();
    let url = behind(&host).await;
    all_goes_well(&format!("{url}&connect_timeout=60")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_refuses_does_not_hide_the_next() {
    let host = Host::refusing();
    all_goes_well(&behind(&host).await).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_drops_connections_does_not_hide_the_next() {
    let host = Host::black_hole().await;
    all_goes_well(&behind(&host).await).await;
}

/// Where `localhost` is both `::1` and `127.0.0.1`, nothing listens on the first, and then what
/// never answers. A name with one address is found all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_a_name_without_a_server_does_not_hide_the_next() {
    let port = server().port();
    let addresses = tokio::net::lookup_host(("localhost", port)).await.unwrap();
    println!("localhost: {:?}", addresses.collect::<Vec<_>>());
    let hosts = format!("localhost:{port}");
    all_goes_well(&with_new_schema(&hosts).await).await;
    if let Ok(_mute) = TcpListener::bind(("::1", port)) {
        all_goes_well(&with_new_schema(&hosts).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_host_does_not_hide_the_next() {
    let world = World::asynchronous().await;
    let hosts = url_of(&[world.pair.other().port(), world.pair.primary().port()]);
    let suspended = world.pair.other().suspend();
    all_goes_well(&in_schema(&hosts, &world.schema)).await;
    resume(&suspended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_host_takes_writes_each_says_why() {
    let world = World::asynchronous().await;
    let (mute, refusing) = (Host::mute(), Host::refusing());
    let ports = [mute.port(), refusing.port(), world.pair.other().port()];
    let url = in_schema(&url_of(&ports), &world.schema);
    let impatient = options()
        .with_patience(Some(Duration::from_secs(1)))
        .with_connect_timeout(Duration::from_secs(1));
    // It can be read from the standby
    let store = soon(
        "opening",
        Box::pin(PostgresStore::connect_with(&url, impatient)),
    )
    .await;
    let engine = Engine::new(store.unwrap());
    let key = submission(0);
    let answer = soon("the answer", Box::pin(engine.execute(request(&key)))).await;
    let Err(ExecuteError::Store(error @ StoreError::Unavailable { .. })) = answer else {
        panic!("{answer:?}");
    };
    let message = error.to_string();
    let of = |port: u16| {
        let (_, rest) = message.split_once(&format!("127.0.0.1:{port}: ")).unwrap();
        rest.split("; ").next().unwrap()
    };
    println!("{message}");
    assert!(of(mute.port()).contains("does not answer"), "{message}");
    assert!(of(refusing.port()).contains("refused"), "{message}");
    assert!(of(ports[2]).contains("is a standby"), "{message}");
}

/// Where those who read are sent, with the standby first in the URL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn target_session_attrs_says_where_reading_goes_and_writing_goes_to_the_primary() {
    let world = World::synchronous().await;
    world.pair.standby_has_all().await;
    let (primary, standby) = (world.pair.primary(), world.pair.other());
    let hosts = url_of(&[standby.port(), primary.port()]);
    let reads_on_the_standby = [
        ("any", true),
        ("read-write", false),
        ("primary", false),
        ("read-only", true),
        ("standby", true),
        ("prefer-standby", true),
    ];
    for (number, (attributes, on_the_standby)) in (0..).zip(reads_on_the_standby) {
        let url = in_schema(&hosts, &world.schema);
        let url = format!("{url}&target_session_attrs={attributes}&application_name={attributes}");
        let engine = open(&url).await;
        give(&engine, number).await;
        let (reading, other) = if on_the_standby {
            (standby, primary)
        } else {
            (primary, standby)
        };
        // The server tells of the last statement alone, and a session may have had another since.
        let mut is_read_there = false;
        for _ in 0..10 {
            in_time(engine.institutions()).await.unwrap();
            is_read_there |= queries(reading, attributes, READS).await;
        }
        assert!(is_read_there, "{attributes}");
        assert!(!queries(other, attributes, READS).await, "{attributes}");
    }
}

/// What only a session that reads is asked for.
const READS: &str = "%of_applications%";

/// Whether an idle session with this name has asked last for what has this in it.
async fn queries(server: &Server, name: &str, pattern: &str) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND query LIKE $2)";
    let row = server
        .client()
        .await
        .query_one(sql, &[&name, &pattern])
        .await;
    row.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_from_a_standby_alone_is_refused_where_there_is_none_and_preferring_it_is_not() {
    let url = with_new_schema(&format!("127.0.0.1:{}", server().port())).await;
    all_goes_well(&format!("{url}&target_session_attrs=prefer-standby")).await;
    let opened = PostgresStore::connect(&format!("{url}&target_session_attrs=standby")).await;
    let Err(StoreError::Unavailable { reason, .. }) = opened else {
        panic!("{opened:?}");
    };
    assert!(reason.contains("target_session_attrs"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_target_is_refused() {
    let url = with_new_schema(&format!("127.0.0.1:{}", server().port())).await;
    let opened = PostgresStore::connect(&format!("{url}&target_session_attrs=master")).await;
    let Err(StoreError::Misconfigured { reason, .. }) = opened else {
        panic!("{opened:?}");
    };
    assert!(reason.contains("\"master\""), "{reason}");
    assert!(reason.contains("prefer-standby"), "{reason}");
}
