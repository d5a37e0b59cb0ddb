//! `certlife deliver` and `certlife webhook test`, over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::listen::Listener;
use crate::webhook::{ID, SECRET, shown, submits};
use crate::{Run, Scratch, file, run};

const OTHER: &str = "00000000-0000-0000-0000-000000000001";

/// What lets a request reach this machine.
pub(crate) const FREELY: [&str; 3] = ["--allow-http", "--allow-target", "127.0.0.1/32"];

/// A receiver that answers as the test asks it to, and counts.
pub(crate) struct Receiver {
    pub(crate) address: String,
    status: Arc<AtomicU16>,
    requests: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) fn answering(status: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap().to_string(),
            status: Arc::new(AtomicU16::new(status)),
            requests: Arc::default(),
        };
        let (status, requests) = (Arc::clone(&receiver.status), Arc::clone(&receiver.requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (status, requests) = (Arc::clone(&status), Arc::clone(&requests));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let body = read(&mut stream);
                    requests.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(delay);
                    let status = status.load(Ordering::SeqCst);
                    let body = if status == 204 { "" } else { &body };
                    // The sender may have gone, as some tests want.
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                });
            }
        });
        receiver
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn wait_for_a_request(&self) {
        while self.requests() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The body of a request.
pub(crate) fn read(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            return String::from_utf8(body).unwrap();
        }
    }
}

/// A store with a webhook that leads to this address, and so many events for it.
pub(crate) fn pending(store: Scratch, address: &str, events: u32) -> Scratch {
    register(&store, &format!("http://{address}/"));
    assert_eq!(store.run(&["apply"], &submits(1..=events)).code, Some(0));
    store
}

pub(crate) fn register(store: &Scratch, url: &str) {
    let header = "Authorization: Bearer hush";
    let add = ["webhook", "add", url, "--id", ID, "--secret", SECRET];
    let added = store.run(&[&add, &FREELY[..], &["--header", header]].concat(), "");
    assert_eq!(added.code, Some(0), "{}", added.stderr);
}

pub(crate) fn deliver(store: &Scratch, more: &[&str]) -> Run {
    store.run(&[&["deliver", "--until-idle"], more].concat(), "")
}

pub(crate) fn deliver_freely(store: &Scratch, more: &[&str]) -> Run {
    deliver(store, &[&FREELY, more].concat())
}

/// How many deliveries are pending, delivered and dead.
pub(crate) fn statuses(store: &Scratch) -> [usize; 3] {
    let lines = store.run(&["deliveries", "--json"], "").events();
    ["pending", "delivered", "dead"]
        .map(|status| lines.iter().filter(|it| it["status"] == status).count())
}

#[test]
fn what_is_pending_arrives_signed_and_in_order() {
    let mut listener = Listener::start(&["--secret", SECRET]);
    let store = Scratch::new();
    register(&store, &format!("http://{}/", listener.address));
    store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    let run = deliver_freely(&store, &["--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        run.stdout,
        "{\"delivered\":21,\"failed_attempts\":0,\"dead\":0,\"pending\":0}\n"
    );
    let mut versions = std::collections::BTreeMap::<String, u64>::new();
    for _ in 0..21 {
        let shown = listener.shown();
        assert_eq!(
            (&shown["verified"], &shown["news"]),
            (&true.into(), &"newest".into())
        );
        assert_eq!(shown["payload"]["webhook_id"], ID);
        let version = versions.entry(shown["uuid"].to_string()).or_default();
        *version += 1;
        assert_eq!(shown["version"], *version, "in order");
    }
    assert_eq!(statuses(&store), [0, 21, 0]);
    // Then there is nothing more to do.
    let run = deliver_freely(&store, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        run.stderr,
        "certlife: 0 delivered, 0 failed attempts, 0 dead\n"
    );
}

#[test]
fn a_receiver_that_is_not_well_gets_everything_once_it_takes_it() {
    let mut listener = Listener::start(&["--secret", SECRET, "--fail", "30%"]);
    let store = pending(Scratch::new(), &listener.address, 40);
    let schedule = format!("0s{}", ",50ms".repeat(20));
    let run = deliver_freely(
        &store,
        &["--json", "--log", "off", "--retry-schedule", &schedule],
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let numbers = &run.events()[0];
    assert_eq!(
        (&numbers["delivered"], &numbers["dead"]),
        (&40.into(), &0.into())
    );
    let failed = numbers["failed_attempts"].as_u64().unwrap();
    assert!(failed >= 12, "30% of at least 40: {failed}");
    let shown: Vec<_> = (0..40 + failed).map(|_| listener.shown()).collect();
    let of = |news: &Value| shown.iter().filter(|it| it["news"] == *news).count();
    assert_eq!(of(&json!("newest")), 40);
    assert_eq!(of(&Value::Null) as u64, failed);
    // One that is overloaded for good
    let mut listener = Listener::start(&["--status", "503"]);
    let store = pending(Scratch::new(), &listener.address, 2);
    let run = deliver_freely(
        &store,
        &["--json", "--log", "off", "--retry-schedule", "0s,50ms"],
    );
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(
        run.stdout,
        "{\"delivered\":0,\"failed_attempts\":4,\"dead\":2,\"pending\":0}\n"
    );
    assert_eq!(listener.shown()["status"], 503);
}

#[test]
fn what_has_failed_too_often_is_dead_until_it_is_redelivered() {
    let receiver = Receiver::answering(500, Duration::ZERO);
    let store = pending(Scratch::new(), &receiver.address, 2);
    let run = deliver_freely(&store, &["--retry-schedule", "0s,100ms,200ms"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    // Each failure names whose it is.
    assert_eq!(run.stderr.matches(" WARN attempt{webhook=").count(), 6);
    assert_eq!(
        run.stderr.matches("number=3}: failed status=500").count(),
        2
    );
    assert_eq!(run.stderr.matches(" ERROR dead delivery=").count(), 2);
    assert!(
        run.stderr.ends_with(
            "certlife: 0 delivered, 6 failed attempts, 2 dead\n\
             certlife: certlife deliveries --status dead --attempts tells why; \
             certlife redeliver --all-dead sends them again\n"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(receiver.requests(), 6);
    let reported = store.run(
        &["deliveries", "--status", "dead", "--attempts", "--json"],
        "",
    );
    for dead in reported.events() {
        assert_eq!(
            dead["reason"],
            "all 3 attempts failed; the last one: status 500"
        );
        let attempted = dead["attempted"].as_array().unwrap();
        assert_eq!(attempted.len(), 3);
        assert!(
            attempted
                .iter()
                .all(|it| it["status"] == 500 && it["error"] == "status 500")
        );
    }
    // What the receiver echoed is kept without what is private.
    assert!(reported.stdout.contains("[redacted]") && !reported.stdout.contains("a@example.com"));
    let dry = store.run(&["redeliver", "--all-dead", "--dry-run"], "");
    assert_eq!(dry.stderr, "certlife: 2 would be redelivered\n");
    assert_eq!(statuses(&store), [0, 0, 2]);
    let again = store.run(&["redeliver", "--all-dead"], "");
    assert_eq!(again.stderr, "certlife: 2 redelivered\n");
    receiver.status.store(204, Ordering::SeqCst);
    let run = deliver_freely(&store, &[]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            Some(0),
            "certlife: 2 delivered, 0 failed attempts, 0 dead\n"
        )
    );
    assert_eq!(statuses(&store), [0, 2, 0]);
}

#[test]
fn a_target_that_is_not_allowed_is_reported_with_what_allows_it() {
    let receiver = Receiver::answering(204, Duration::ZERO);
    for (allowed, remedy) in [
        (&["--allow-target", "127.0.0.1/32"][..], "--allow-http"),
        (&["--allow-http"], "--allow-target 127.0.0.1/32"),
    ] {
        let store = pending(Scratch::new(), &receiver.address, 1);
        let run = deliver(&store, &[allowed, &["--retry-schedule", "0s"]].concat());
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let reported = store
            .run(&["deliveries", "--attempts", "--json"], "")
            .events();
        let attempt = &reported[0]["attempted"][0];
        assert!(attempt["status"].is_null());
        // What is stored says what would be right, and no option: a tenant may read it.
        let error = attempt["error"].as_str().unwrap();
        assert!(error.contains(": expected a "), "{error}");
        let database = std::fs::read(store.path("test.db")).unwrap();
        let database = String::from_utf8_lossy(&database);
        assert!(database.contains(error) && !database.contains("--allow"));
        let shown = store.run(&["deliveries", "--attempts"], "").stdout;
        assert!(!shown.contains("--allow"), "{shown}");
        assert!(run.stderr.contains(remedy), "{}", run.stderr);
        // And a test of the webhook says the same
        let test = store.run(&[&["webhook", "test", ID], allowed].concat(), "");
        assert_eq!((test.code, test.stdout.as_str()), (Some(1), ""));
        assert!(test.stderr.contains(remedy), "{}", test.stderr);
    }
    assert_eq!(receiver.requests(), 0);
}

#[test]
fn an_attempt_that_the_database_refuses_stops_no_other_delivery() {
    let well = Receiver::answering(204, Duration::ZERO);
    let ill = Receiver::answering(500, Duration::ZERO);
    let store = Scratch::new();
    register(&store, &format!("http://{}/", well.address));
    let url = format!("http://{}/", ill.address);
    let add = ["webhook", "add", &url, "--id", OTHER, "--secret", SECRET];
    assert_eq!(store.run(&[&add, &FREELY[..]].concat(), "").code, Some(0));
    assert_eq!(store.run(&["apply"], &submits(1..=5)).code, Some(0));
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    let rule = |table: &str, event: &str, condition: &str| {
        let sql = format!(
            "CREATE TRIGGER {table}_rule BEFORE {event} ON {table} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, 'no'); END"
        );
        connection.execute_batch(&sql).unwrap();
    };
    rule("certlife_attempt", "INSERT", "new.status = 500");
    let delivered = deliver_freely(&store, &["--retry-schedule", "0s,1s"]);
    assert_eq!(delivered.code, Some(1), "{}", delivered.stderr);
    assert_eq!(statuses(&store), [0, 5, 5]);
    let log = &delivered.stderr;
    assert!(log.contains("recorded without its attempt"), "{log}");
    assert_eq!((well.requests(), ill.requests()), (5, 10));
    // And where the delivery cannot be recorded either, the run ends
    rule("certlife_delivery", "UPDATE", "new.state = 3");
    assert_eq!(store.run(&["apply"], &submits(6..=7)).code, Some(0));
    let refused = deliver_freely(&store, &["--retry-schedule", "0s"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let log = &refused.stderr;
    assert!(log.contains("outcome is not recorded"), "{log}");
    assert!(log.contains("the database refuses to keep it"), "{log}");
    assert_eq!(statuses(&store), [2, 7, 5]);
}

/// A dispatcher that runs until it is asked to end.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    pub(crate) fn start(store: &Scratch, more: &[&str]) -> Self {
        let args = [&["deliver"], &FREELY[..], more].concat();
        let mut child = store
            .certlife(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    fn signal(&self, signal: &str) {
        let kill = ["-c", "kill -$1 $0", &self.child.id().to_string(), signal];
        assert!(Command::new("bash").args(kill).status().unwrap().success());
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most have ended by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_signal_ends_it_when_what_is_under_way_has_arrived() {
    for signal in ["TERM", "INT"] {
        let receiver = Receiver::answering(204, Duration::from_millis(400));
        let store = pending(Scratch::new(), &receiver.address, 3);
        let mut running = Running::start(&store, &["--concurrency", "1"]);
        receiver.wait_for_a_request();
        running.signal(signal);
        assert_eq!(
            running.hears(),
            "certlife: finishing what is under way; once more ends it at once\n"
        );
        assert_eq!(
            running.hears(),
            "certlife: 1 delivered, 0 failed attempts, 0 dead\n"
        );
        assert_eq!(running.child.wait().unwrap().code(), Some(0));
        assert_eq!(receiver.requests(), 1);
        assert_eq!(statuses(&store), [2, 1, 0]);
    }
}

#[test]
fn a_wait_for_idle_reports_what_is_left_when_it_is_ended_before() {
    let receiver = Receiver::answering(204, Duration::from_millis(400));
    let store = pending(Scratch::new(), &receiver.address, 3);
    let mut running = Running::start(&store, &["--until-idle", "--concurrency", "1", "--json"]);
    receiver.wait_for_a_request();
    running.signal("TERM");
    assert!(running.hears().contains("finishing"));
    assert_eq!(
        running.hears(),
        "certlife: 2 still pending: the run was stopped before nothing was\n"
    );
    assert_eq!(running.child.wait().unwrap().code(), Some(1));
    let mut numbers = String::new();
    let stdout = running.child.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut numbers).unwrap();
    assert_eq!(
        numbers,
        "{\"delivered\":1,\"failed_attempts\":0,\"dead\":0,\"pending\":2}\n"
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let receiver = Receiver::answering(204, Duration::from_secs(60));
    let store = pending(Scratch::new(), &receiver.address, 1);
    let mut running = Running::start(&store, &["--timeout", "59s"]);
    receiver.wait_for_a_request();
    let start = Instant::now();
    running.signal("TERM");
    assert!(running.hears().contains("once more ends it at once"));
    std::thread::sleep(Duration::from_millis(300));
    running.signal("TERM");
    assert_eq!(running.child.wait().unwrap().code(), Some(143));
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(statuses(&store), [1, 0, 0], "it is sent again");
}

#[test]
fn what_is_committed_while_it_runs_is_sent_by_two_as_by_one() {
    let receiver = Receiver::answering(204, Duration::from_millis(2));
    let store = pending(Scratch::new(), &receiver.address, 150);
    let mut both = [(); 2].map(|()| Running::start(&store, &["--json", "--concurrency", "8"]));
    receiver.wait_for_a_request();
    assert_eq!(store.run(&["apply"], &submits(151..=200)).code, Some(0));
    let start = Instant::now();
    while statuses(&store) != [0, 200, 0] {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{:?}",
            statuses(&store)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut delivered = 0;
    for running in &mut both {
        running.signal("TERM");
        assert!(running.hears().contains("finishing"));
        assert_eq!(running.child.wait().unwrap().code(), Some(0));
        let mut numbers = String::new();
        let stdout = running.child.stdout.as_mut().unwrap();
        stdout.read_to_string(&mut numbers).unwrap();
        let numbers: Value = serde_json::from_str(&numbers).unwrap();
        delivered += numbers["delivered"].as_u64().unwrap();
    }
    assert_eq!((delivered, receiver.requests()), (200, 200), "each once");
}

#[test]
fn the_log_tells_what_it_is_asked_for_and_nothing_personal() {
    let receiver = Receiver::answering(204, Duration::ZERO);
    let summary = "certlife: 3 delivered, 0 failed attempts, 0 dead\n";
    for (level, lines) in [("info", 0), ("debug", 3)] {
        let store = pending(Scratch::new(), &receiver.address, 3);
        let reported = deliver_freely(&store, &["--log", level]).stderr;
        assert!(reported.ends_with(summary), "{reported}");
        assert_eq!(
            reported.matches("number=1}: delivered status=204").count(),
            lines
        );
        assert_eq!(
            reported.lines().count(),
            lines + 1,
            "nothing of libraries: {reported}"
        );
        for private in ["a@example.com", "Diploma", "hush", &SECRET[6..]] {
            assert!(!reported.contains(private), "{private}: {reported}");
        }
    }
    receiver.status.store(500, Ordering::SeqCst);
    for (level, warnings, errors) in [
        ("off", 0, 0),
        ("error", 0, 3),
        ("warn", 3, 3),
        ("debug", 3, 3),
    ] {
        let store = pending(Scratch::new(), &receiver.address, 3);
        let reported = deliver_freely(&store, &["--log", level, "--retry-schedule", "0s"]).stderr;
        let of = |word: &str| reported.matches(word).count();
        assert_eq!(
            (of(" WARN "), of(" ERROR ")),
            (warnings, errors),
            "{reported}"
        );
        for private in ["a@example.com", "Diploma", "hush", &SECRET[6..]] {
            assert!(!reported.contains(private), "{private}: {reported}");
        }
    }
}

#[test]
fn metrics_are_served_to_prometheus_and_have_nothing_personal() {
    let receiver = Receiver::answering(204, Duration::ZERO);
    let store = pending(Scratch::new(), &receiver.address, 3);
    // Taken, so that the first try reports what is in the way.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    let taken = deliver_freely(&store, &["--metrics", &address]);
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(2), ""));
    let words = format!("certlife: cannot serve metrics at {address}: ");
    assert!(taken.stderr.starts_with(&words), "{}", taken.stderr);
    assert!(taken.stderr.contains("--metrics"), "{}", taken.stderr);
    assert_eq!(statuses(&store), [3, 0, 0], "nothing is sent unobserved");
    drop(port);
    let mut running = Running::start(&store, &["--metrics", &address]);
    assert_eq!(
        running.hears(),
        format!("certlife: metrics at http://{address}/metrics\n")
    );
    let start = Instant::now();
    let delivered = "certlife_delivery_attempts_total{outcome=\"delivered\"} 3";
    let metrics = loop {
        let metrics = get(&address, "/metrics", &address);
        if metrics.lines().any(|line| line == delivered) {
            break metrics;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{metrics}");
        std::thread::sleep(Duration::from_millis(20));
    };
    for line in [
        "# TYPE certlife_delivery_attempts_total counter",
        "# TYPE certlife_delivery_attempt_seconds histogram",
        "certlife_delivery_attempt_seconds_count 3",
        "certlife_delivery_latency_seconds_count 3",
        "# TYPE certlife_delivery_pending gauge",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    for private in ["a@example.com", "Diploma", "hush", &SECRET[6..]] {
        assert!(!metrics.contains(private), "{private}: {metrics}");
    }
    running.signal("TERM");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

/// What is answered to a GET.
pub(crate) fn get(address: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_webhook_that_is_gone_waits_until_it_is_resumed() {
    let receiver = Receiver::answering(410, Duration::ZERO);
    let store = pending(Scratch::new(), &receiver.address, 1);
    let run = deliver_freely(&store, &["--retry-schedule", "0s,100ms,100ms"]);
    // It has not arrived.
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.ends_with(&format!(
            "certlife: webhook {ID} is disabled, and 1 pending; certlife webhook show {ID} tells why, \
             certlife webhook enable --resume {ID} goes on\n\
             certlife: 0 delivered, 1 failed attempt, 0 dead\n"
        )),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("webhook disabled"), "{}", run.stderr);
    let disabled = &shown(&store, ID, &[])["disabled"];
    assert_eq!(disabled["reason"], "gone");
    assert_eq!(disabled["detail"], "its server answered with status 410");
    assert_eq!(receiver.requests(), 1);
    receiver.status.store(204, Ordering::SeqCst);
    let enabled = store.run(&["webhook", "enable", ID, "--resume"], "");
    assert_eq!(enabled.code, Some(0), "{}", enabled.stderr);
    let run = deliver_freely(&store, &[]);
    assert_eq!(
        run.stderr,
        "certlife: 1 delivered, 0 failed attempts, 0 dead\n"
    );
}

#[test]
fn a_webhook_is_tested_with_an_event_that_is_kept_nowhere() {
    let mut listener = Listener::start(&["--secret", SECRET]);
    let store = pending(Scratch::new(), &listener.address, 0);
    let test =
        |more: &[&str]| store.run(&[&["webhook", "test", ID], &FREELY[..], more].concat(), "");
    let taken = test(&[]);
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(0), ""));
    assert!(
        taken
            .stderr
            .starts_with("certlife: the test event was taken: status 204, after "),
        "{}",
        taken.stderr
    );
    let shown = listener.shown();
    assert_eq!(
        (&shown["verified"], &shown["news"]),
        (&true.into(), &"newest".into())
    );
    assert_eq!(shown["payload"]["certificate_title"], "Test event");
    // A disabled one is tested as well, and each time it is another application.
    assert_eq!(store.run(&["webhook", "disable", ID], "").code, Some(0));
    let json = test(&["--json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(0), ""));
    let line = &json.events()[0];
    let keys: Vec<_> = line.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["at", "error", "excerpt", "milliseconds", "status"]);
    assert_eq!(
        (&line["status"], &line["error"]),
        (&204.into(), &Value::Null)
    );
    assert_eq!(listener.shown()["news"], "newest");
    assert_eq!(statuses(&store), [0, 0, 0]);
    // Without the right secret, it is not taken.
    store.run(&["webhook", "rotate", ID, "--grace", "0s"], "");
    let refused = test(&[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(
        refused
            .stderr
            .starts_with("certlife: the test event was not taken: status 401; after "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("\ncertlife: the answer: \""),
        "{}",
        refused.stderr
    );
    let json = test(&["--json"]);
    assert_eq!(json.code, Some(1));
    assert_eq!(json.events()[0]["error"], "status 401");
    // Nor where no server listens.
    listener.interrupt();
    let refused = test(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("Connection refused"),
        "{}",
        refused.stderr
    );
}

/// Options that are refused, each with a part of the error.
const REFUSED_OPTIONS: [(&[&str], &str); 18] = [
    (
        &["deliver", "--retry-schedule", "1s,2s"],
        "the first retry delay must be 0 s, since the first attempt is made at once, but is 1 s; \
         delays are separated by commas",
    ),
    (
        &["deliver", "--retry-schedule", "0s,40days"],
        "retry delay 2 is 40 days; the maximum is 30 days; delays are separated by commas",
    ),
    (
        &["deliver", "--retry-schedule", "0s 5s"],
        "at once, but is 5 s; delays are separated by commas",
    ),
    (&["deliver", "--retry-schedule", "500ms,1s"], "but is 0.5 s"),
    (
        &["deliver", "--retry-schedule", "0s,-1s"],
        "delay 2: expected a duration such as 30m, 2h or 1day",
    ),
    (
        &["deliver", "--timeout", "-5s"],
        "'-5s' for '--timeout <DURATION>'",
    ),
    (
        &["deliver", "--retry-schedule", "0s,,1s"],
        "expected a duration such as 30m, 2h or 1day",
    ),
    (&["deliver", "--timeout", "0s"], "expected 10ms to 1h"),
    (&["deliver", "--timeout", "2h"], "expected 10ms to 1h"),
    (&["deliver", "--concurrency", "0"], "0 is not in 1..=10000"),
    (
        &["deliver", "--retention", "long"],
        "expected a duration such as",
    ),
    (
        &["deliver", "--log", "loud"],
        "possible values: off, error, warn, info, debug",
    ),
    (
        &["deliver", "--allow-target", "hier"],
        "expected a network such as 10.0.0.0/8",
    ),
    (
        &["deliver", "--authorities", "none.pem"],
        "cannot read none.pem: No such file",
    ),
    (
        &["deliver", "--metrics", "127.0.0.1:0"],
        "expected an address with its port, such as 127.0.0.1:9464",
    ),
    (
        &["deliver", "--metrics", "9464"],
        "expected an address with its port, such as 127.0.0.1:9464",
    ),
    (&["webhook", "test", "x"], "expected a hyphenated UUID"),
    (
        &["webhook", "test", ID, "--timeout", "0s"],
        "expected 10ms to 1h",
    ),
];

#[test]
fn what_cannot_be_done_is_reported() {
    let store = Scratch::new();
    for args in [&["deliver"][..], &["webhook", "test", ID]] {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(
            run.stderr,
            "certlife: there is no store in test.db; apply, import, webhook add, token create and migrate create it\n"
        );
    }
    register(&store, "https://example.com/");
    let unknown = store.run(&["webhook", "test", OTHER], "");
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        unknown.stderr,
        format!("certlife: institution \"default\" has no webhook {OTHER}\n")
    );
    for (args, words) in REFUSED_OPTIONS {
        let run = run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    // A file that has no authority in it is a mistake, and not an empty list.
    for (content, words) in [
        (
            "nothing",
            "--authorities none.pem: the authorities must be certificates in PEM",
        ),
        (
            "",
            "--authorities none.pem: it is empty, and must have certificates in PEM",
        ),
    ] {
        std::fs::write(store.path("none.pem"), content).unwrap();
        let run = store.run(&["deliver", "--authorities", "none.pem"], "");
        assert!(run.stderr.contains(words), "{}", run.stderr);
        let ended = (run.code, run.stdout.as_str());
        assert_eq!(ended, (Some(2), ""), "{}", run.stderr);
    }
}

#[test]
fn what_is_forgotten_at_once_is_neither_registered_nor_sent() {
    for args in [
        &["webhook", "add", "https://example.com/"][..],
        &["webhook", "rotate", ID],
        &["redeliver", "--all-dead"],
        &["deliver"],
    ] {
        let run = run(&[args, &["--store", "memory:"]].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!(
            run.stderr,
            "certlife: memory: ends with the command, and nothing is kept: give --store sqlite:PATH or \
             postgres://USER@HOST/DATABASE\n"
        );
    }
}

#[test]
fn people_see_what_is_pending_and_whole_lines() {
    let receiver = Receiver::answering(500, Duration::from_millis(50));
    let store = pending(Scratch::new(), &receiver.address, 2);
    let deliver = format!(
        "{} deliver --until-idle --retry-schedule 0s,1500ms --store sqlite:{} {}",
        env!("CARGO_BIN_EXE_certlife"),
        store.path("test.db").display(),
        FREELY.join(" ")
    );
    let script = Command::new("script")
        .args(["--quiet", "--return", "--command", &deliver, "/dev/null"])
        .env("TERM", "xterm")
        .output()
        .expect("`script` of util-linux makes the terminal");
    let shown = Run::from(script);
    assert_eq!(shown.code, Some(1));
    assert!(
        shown.stdout.contains(" 2 pending, 0 dead"),
        "{:?}",
        shown.stdout
    );
    // The spinner goes before a line of the log comes.
    let lines = shown.stdout.replace("\r\u{1b}[2K", "\n");
    let failures: Vec<_> = lines.lines().filter(|it| it.contains("WARN")).collect();
    assert_eq!(failures.len(), 4, "{lines}");
    let is_alone = |it: &&str| it.ends_with("\"status 500\"") && !it.contains(" pending, ");
    assert!(failures.iter().all(is_alone), "{failures:?}");
    assert!(
        shown
            .stdout
            .contains("certlife: 0 delivered, 4 failed attempts, 2 dead\r\n")
    );
}

#[test]
fn on_a_database_it_is_the_same() {
    let mut listener = Listener::start(&["--secret", SECRET, "--fail", "30%"]);
    let store = pending(Scratch::on_postgres(), &listener.address, 5);
    let schedule = format!("0s{}", ",50ms".repeat(20));
    let run = deliver_freely(
        &store,
        &["--json", "--log", "off", "--retry-schedule", &schedule],
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.events()[0]["delivered"], 5);
    assert_eq!(listener.shown()["verified"], true);
    assert_eq!(statuses(&store), [0, 5, 0]);
    let test = store.run(&[&["webhook", "test", ID], &FREELY[..]].concat(), "");
    assert!(test.code < Some(2), "{}", test.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn it_opens_as_many_files_as_it_may() {
    let store = Scratch::new();
    register(&store, "http://127.0.0.1:9/");
    let certlife = store.certlife(&["deliver"]);
    let mut limited = Command::new("bash");
    limited
        .args(["-c", r#"ulimit -Sn 64; exec "$0" "$@""#])
        .arg(certlife.get_program())
        .args(certlife.get_args())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    for (name, value) in certlife.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    limited.current_dir(certlife.get_current_dir().unwrap());
    let mut running = limited.spawn().unwrap();
    let reported = |of| std::fs::read_to_string(format!("/proc/{}/{of}", running.id())).unwrap();
    let is_raised = || {
        // Until then, it is the shell, with limits of its own.
        let is_certlife = reported("comm").trim() == "certlife";
        let limits = reported("limits");
        let files = limits.lines().find(|it| it.starts_with("Max open files"));
        let mut numbers = files.unwrap().split_whitespace().skip(3);
        let (soft, hard) = (numbers.next(), numbers.next());
        is_certlife && soft == hard
    };
    let start = Instant::now();
    let mut has_raised = is_raised();
    while !has_raised && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
        has_raised = is_raised();
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(has_raised);
}
