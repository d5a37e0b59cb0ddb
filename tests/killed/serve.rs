//! A server of the API that is killed while clients ask: what was answered is there, and a request
//! that is repeated with its key is answered with the same bytes, and happens once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::*;
use uuid::Uuid;

use crate::random::Random;
use crate::server;

/// How often the server is killed, unless KILLS says otherwise.
const KILLS: u32 = 12;

const CLIENTS: u64 = 6;

/// How long a client goes on until it is answered. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of `certlife serve`.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(store: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_certlife"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error"])
            .args(["--store", store])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving the API at ") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it has ended");
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let (_, url) = line.split_once("://").unwrap();
        let address = url.split(';').next().unwrap().to_owned();
        Self { child, address }
    }

    /// SIGKILL, of a process that is at work.
    fn kill(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it has ended by itself: {ended:?}");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request, without what each of them has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ask {
    path: String,
    actor: &'static str,
    body: String,
    key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    is_replayed: bool,
}

/// Where the server is now, and what it knows the clients by.
#[derive(Clone)]
struct Site {
    address: Arc<Mutex<String>>,
    token: String,
    is_over: Arc<AtomicBool>,
}

impl Site {
    /// The whole answer, if there is one.
    fn ask(&self, ask: &Ask) -> Option<Answer> {
        let address = self.address.lock().unwrap().clone();
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let method = if ask.body.is_empty() { "GET" } else { "POST" };
        let mut head = format!(
            "{method} {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nconnection: close\r\ncertlife-actor: {}\r\n",
            ask.path, self.token, ask.actor
        );
        if let Some(key) = &ask.key {
            let _ = write!(head, "idempotency-key: {key}\r\nx-request-id: {key}\r\n");
        }
        write!(
            stream,
            "{head}content-length: {}\r\n\r\n{}",
            ask.body.len(),
            ask.body
        )
        .ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        whole(&bytes)
    }

    /// Asks until there is an answer; how often there was none.
    fn insist(&self, ask: &Ask) -> (Answer, u64) {
        let (start, mut lost) = (Instant::now(), 0);
        loop {
            if let Some(answer) = self.ask(ask) {
                return (answer, lost);
            }
            lost += 1;
            assert!(start.elapsed() < PATIENCE, "no answer to {ask:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// An answer that has all its bytes.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end])
        .unwrap()
        .to_ascii_lowercase();
    let body = &bytes[end + 4..];
    let length = head.split("content-length: ").nth(1)?;
    let length: usize = length.split("\r\n").next()?.parse().unwrap();
    (body.len() == length).then(|| Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: body.to_vec(),
        is_replayed: head.contains("idempotent-replayed: true"),
    })
}

/// What a client has seen.
#[derive(Debug, Default)]
struct Seen {
    answered: BTreeMap<Ask, Answer>,
    /// Without a key, and answered.
    unkeyed: Vec<String>,
    lost: u64,
    /// Carried out, although the answer was lost.
    found: u64,
}

fn uuid(client: u64, number: u64) -> String {
    Uuid::from_u128(u128::from(client * 1_000_000 + number + 1)).to_string()
}

/// Submits applications and moves them on, each request with a key, until it is over.
fn client(site: &Site, client: u64, mut random: Random) -> Seen {
    let mut seen = Seen::default();
    for number in (0..).step_by(2) {
        let (of, other) = (uuid(client, number), uuid(client, number + 1));
        let act = |action: &str, actor, body: &str| Ask {
            path: format!("/v1/applications/{of}/{action}"),
            actor,
            body: body.to_owned(),
            key: Some(format!("{of}-{action}")),
        };
        let submit = Ask {
            path: "/v1/applications".to_owned(),
            actor: "customer:john",
            body: submission(&of),
            key: Some(format!("{of}-submit")),
        };
        let end = match random.below(3) {
            0 => act("approve", "system:worker", "{}"),
            1 => act("fail", "system:worker", r#"{"error":"no template"}"#),
            // It is refused each time, also by its key.
            _ => act("retry", "administrator:jane", "{}"),
        };
        let begin = act("begin-processing", "administrator:jane", "{}");
        for ask in [submit, begin, end] {
            if site.is_over.load(Ordering::Relaxed) {
                return seen;
            }
            let (answer, lost) = site.insist(&ask);
            seen.lost += lost;
            seen.found += u64::from(answer.is_replayed);
            assert!(lost > 0 || !answer.is_replayed, "{ask:?} {answer:?}");
            let is_refused = ask.path.ends_with("retry");
            assert_eq!(answer.status >= 300, is_refused, "{ask:?} {answer:?}");
            seen.answered.insert(ask, answer);
        }
        // Once more, something from before
        let place = random.below(seen.answered.len() as u64);
        let (ask, first) = seen
            .answered
            .iter()
            .nth(usize::try_from(place).unwrap())
            .unwrap();
        repeated(first, &site.insist(ask).0, ask);
        let unkeyed = Ask {
            path: "/v1/applications".to_owned(),
            actor: "customer:john",
            body: submission(&other),
            key: None,
        };
        if let Some(answer) = site.ask(&unkeyed) {
            assert_eq!(answer.status, 201, "{answer:?}");
            seen.unkeyed.push(other);
        }
    }
    seen
}

fn submission(uuid: &str) -> String {
    format!(
        r#"{{"command":"submit","application_id":42,"certificate_title":"Certificate of Achievement","applicant_email":"john@example.com","uuid":"{uuid}"}}"#
    )
}

#[track_caller]
fn repeated(first: &Answer, again: &Answer, ask: &Ask) {
    assert!(again.is_replayed, "{ask:?} {again:?}");
    let (was, is) = (&first.body, &again.body);
    assert_eq!((first.status, was), (again.status, is), "{ask:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_though_the_server_of_one_sqlite_file_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("applications.db");
    let store = SqliteStore::open(&file).unwrap();
    let address = format!("sqlite:{}", file.display());
    campaign(store, &address, Random::new("serve on sqlite")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_though_the_server_of_one_postgresql_is_killed() {
    let address = server::server().url_of_new_schema().await;
    let store = PostgresStore::connect(&address).await.unwrap();
    campaign(store, &address, Random::new("serve on postgres")).await;
}

/// A token that may act for all.
async fn token<S: Tokens>(store: &S) -> String {
    let (id, secret) = TokenSecret::generate().unwrap();
    let institution = Some(InstitutionId::new("example-university").unwrap());
    let (name, jane) = (
        TokenName::new("of a test").unwrap(),
        Actor::administrator("jane").unwrap(),
    );
    let token = Token::new(
        id,
        secret.hash(),
        name,
        institution,
        jane,
        SystemClock.now(),
    );
    assert!(
        store
            .add_token(token.with_scopes(Scopes::all()))
            .await
            .unwrap()
    );
    secret.bearer(id)
}

async fn campaign<S: Store + Tokens>(store: S, address: &str, mut random: Random) {
    let kills = std::env::var("KILLS").map_or(KILLS, |it| it.parse().unwrap());
    let mut server = Server::start(address);
    let site = Site {
        address: Arc::new(Mutex::new(server.address.clone())),
        token: token(&store).await,
        is_over: Arc::default(),
    };
    let clients = (0..CLIENTS).map(|number| {
        let (site, random) = (site.clone(), Random::from_seed(random.next()));
        std::thread::spawn(move || client(&site, number, random))
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(100 + random.below(500))).await;
        server.kill();
        server = Server::start(address);
        site.address.lock().unwrap().clone_from(&server.address);
    }
    site.is_over.store(true, Ordering::Relaxed);
    let seen: Vec<_> = clients.into_iter().map(|it| it.join().unwrap()).collect();
    server.kill();
    let server = Server::start(address);
    site.address.lock().unwrap().clone_from(&server.address);
    check(&store, &site, &seen).await;
}

async fn check<S: Store>(store: &S, site: &Site, seen: &[Seen]) {
    let (mut keys, mut there, mut cursor) = (BTreeMap::new(), 0, Cursor::START);
    loop {
        let page = store.feed(cursor, 1000).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        for recorded in page {
            there += 1;
            if let Some(key) = recorded.idempotency_key {
                *keys.entry(key.as_str().to_owned()).or_insert(0_u32) += 1;
            }
        }
    }
    assert!(keys.values().all(|&it| it == 1), "{keys:?}");
    let (mut asked, mut lost, mut found) = (0, 0, 0);
    for seen in seen {
        for (ask, first) in &seen.answered {
            let key = ask.key.as_ref().unwrap();
            assert_eq!(keys.contains_key(key), first.status < 300, "{ask:?}");
            repeated(first, &site.ask(ask).unwrap(), ask);
        }
        for uuid in &seen.unkeyed {
            let get = Ask {
                path: format!("/v1/applications/{uuid}"),
                actor: "administrator:jane",
                body: String::new(),
                key: None,
            };
            assert_eq!(site.ask(&get).unwrap().status, 200, "{uuid}");
        }
        asked += seen.answered.len() + seen.unkeyed.len();
        lost += seen.lost;
        found += seen.found;
    }
    println!("{asked} answered, {there} events, {lost} answers lost, {found} of them found");
    assert!(asked > 100 && lost > 0, "{asked} and {lost} are no load");
}
