//! What commands that run for long do with readers that do not read, and with clients without
//! number.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certificate_lifecycle::{AnyApplication, Command as Act, Event, ProcessingError};
use chrono::{DateTime, Utc};

use crate::deliver::{FREELY, Receiver, get, pending, statuses};
use crate::listen::{Listener, now, request};
use crate::verify::{attempt, submitted};
use crate::{Scratch, certlife};

/// Longer than all that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

const O_NONBLOCK: i32 = 0o4000;

/// A pipe that has no room for one byte more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let mut options = OpenOptions::new();
    let mut filler: File = options
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
        .unwrap();
    while filler.write(b"\n").is_ok() {}
    (reader, writer)
}

/// A process that is ended with its test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        let kill = ["-c", "kill -$1 $0", &self.0.id().to_string(), signal];
        assert!(Command::new("bash").args(kill).status().unwrap().success());
    }

    /// The exit status, if it ends in time.
    fn code(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// How long it has computed, in hundredths of a second.
    fn work(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // After the name of the program, which is in parentheses.
        let numbers = stat.rsplit(')').next().unwrap().split_whitespace();
        let times = numbers.skip(11).take(2);
        times.map(|it| it.parse::<u64>().unwrap()).sum()
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0.id()))
            .unwrap()
            .count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most have ended by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn deliver(store: &Scratch, more: &[&str]) -> Command {
    store.certlife(&[&["deliver"], &FREELY[..], more].concat())
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_log_that_is_not_read_costs_deliveries_nothing_and_says_what_it_dropped() {
    let events = 2500;
    let receiver = Receiver::answering(204, Duration::ZERO);
    let store = pending(Scratch::new(), &receiver.address, events);
    let events = usize::try_from(events).unwrap();
    let (log, stderr) = full_pipe();
    // Given a log that is not read, and more lines than it keeps
    let mut command = deliver(&store, &["--log", "debug"]);
    command.stdout(Stdio::null()).stderr(stderr);
    let mut running = Running::start(command);
    wait_until("all arrive", || receiver.requests() == events);
    wait_until("all are settled", || statuses(&store) == [0, events, 0]);
    // When it is read again
    let mut lines = BufReader::new(log).lines().map(Result::unwrap);
    let mut written = 0;
    let dropped = loop {
        let line = lines.next().unwrap();
        if let Some(rest) = line.strip_prefix("certlife: ") {
            let number = rest
                .strip_suffix(" lines of the log were dropped: standard error did not take more");
            break number.unwrap().parse::<usize>().unwrap();
        }
        written += usize::from(!line.is_empty());
    };
    // Then each attempt is in the log, or counted
    assert_eq!(written + dropped, events);
    assert!(written > 0 && dropped > 0);
    // And it goes on
    running.signal("TERM");
    let rest: Vec<_> = lines.collect();
    assert!(rest[0].contains("finishing what is under way"), "{rest:?}");
    assert_eq!(
        rest[1],
        format!("certlife: {events} delivered, 0 failed attempts, 0 dead")
    );
    assert_eq!(running.code(), Some(0));
}

#[test]
fn a_log_that_is_not_read_does_not_keep_the_program_from_its_end() {
    for (signals, code) in [
        (&["TERM"][..], 0),
        (&["TERM", "TERM"], 143),
        (&["TERM", "INT"], 130),
    ] {
        let delay = if signals.len() == 1 { 300 } else { 60_000 };
        let receiver = Receiver::answering(204, Duration::from_millis(delay));
        let store = pending(Scratch::new(), &receiver.address, 1);
        let (log, stderr) = full_pipe();
        let mut command = deliver(&store, &["--log", "debug", "--timeout", "59s"]);
        command.stdout(Stdio::null()).stderr(stderr);
        let mut running = Running::start(command);
        receiver.wait_for_a_request();
        let start = Instant::now();
        for signal in signals {
            running.signal(signal);
            std::thread::sleep(Duration::from_millis(300));
        }
        assert_eq!(running.code(), Some(code));
        assert!(start.elapsed() < Duration::from_secs(30));
        drop(log);
    }
}

#[test]
fn a_second_signal_ends_what_waits_for_the_reader_of_its_output() {
    for (second, code) in [("INT", 130), ("TERM", 143)] {
        let receiver = Receiver::answering(204, Duration::ZERO);
        let store = pending(Scratch::new(), &receiver.address, 5);
        let (_output, stdout) = full_pipe();
        let mut command = store.certlife(&["events", "--follow", "--json"]);
        command.stdout(stdout).stderr(Stdio::null());
        ends_at_the_second(Running::start(command), second, code);

        let (_output, stdout) = full_pipe();
        let mut command = certlife(&["listen", "--port", "0", "--json"]);
        command.stdout(stdout).stderr(Stdio::piped());
        let mut running = Running::start(command);
        let mut line = String::new();
        let mut stderr = BufReader::new(running.0.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        let reported: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = reported["url"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
        )
        .unwrap();
        ends_at_the_second(running, second, code);
    }
}

/// The first Ctrl-C waits for the line that is being written, the second signal does not.
fn ends_at_the_second(mut running: Running, second: &str, code: i32) {
    std::thread::sleep(Duration::from_secs(2));
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(500));
    assert!(running.is_running(), "its lines are never dropped");
    running.signal(second);
    assert_eq!(running.code(), Some(code));
}

/// A dispatcher with nothing to do, and where it serves its metrics.
fn measured(host: &str) -> (Scratch, Running, String) {
    let receiver = Receiver::answering(204, Duration::ZERO);
    let store = pending(Scratch::new(), &receiver.address, 1);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = deliver(&store, &["--metrics", &format!("{host}:{port}")]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running::start(command);
    let address = format!("127.0.0.1:{port}");
    wait_until("it serves", || TcpStream::connect(&address).is_ok());
    (store, running, address)
}

#[test]
fn clients_of_the_metrics_that_send_nothing_take_few_files_and_are_closed() {
    let (_store, running, address) = measured("127.0.0.1");
    let before = running.open_files();
    let mut clients: Vec<_> = (0..400)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    for client in &mut clients {
        client
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: ")
            .unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let during = running.open_files();
    // 32 connections, and what the store's readers open meanwhile.
    assert!(during <= before + 80, "{before}, then {during}");
    // Another is served in spite of them
    let start = Instant::now();
    let metrics = get(&address, "/metrics", &address);
    assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
    assert!(metrics.contains("connection: close\r\n"), "{metrics}");
    assert!(start.elapsed() < Duration::from_secs(20));
    // And one that is alone has five seconds
    drop(clients);
    let start = Instant::now();
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"GET").unwrap();
    assert_eq!(slow.read(&mut [0; 1]).unwrap_or_default(), 0);
    let waited = start.elapsed();
    assert!(
        waited > Duration::from_secs(4) && waited < PATIENCE,
        "{waited:?}"
    );
}

#[test]
fn metrics_of_this_machine_are_not_for_another_name() {
    let (_store, _running, address) = measured("127.0.0.1");
    let status = |host: &str, path: &str| get(&address, path, host)[9..12].to_owned();
    for own in [
        &*address,
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "Localhost.:9464",
        "a.localhost",
        "[::1]:9464",
        "10.0.0.1",
    ] {
        assert_eq!(status(own, "/metrics"), "200", "{own}");
    }
    for other in [
        "evil.example",
        "localhost.evil.example:9464",
        "127.0.0.1.nip.io",
        "notlocalhost",
        "localhost..",
        "",
    ] {
        assert_eq!(status(other, "/metrics"), "421", "{other}");
    }
    assert_eq!(status("localhost", "/"), "404");
    let (_store, _running, address) = measured("0.0.0.0");
    let metrics = get(&address, "/metrics", "certlife.cluster.example:9464");
    assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
}

#[test]
fn bodies_that_do_not_end_take_little_memory_and_are_given_up() {
    let mut listener = Listener::start(&[]);
    let half = vec![b'x'; 600 << 10];
    let clients: Vec<_> = (0..120)
        .map(|_| {
            let mut client = TcpStream::connect(&listener.address).unwrap();
            client
                .set_write_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client
                .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
                .unwrap();
            // It may be refused before it has come.
            let _ = client.write_all(&half);
            client
        })
        .collect();
    let memory = listener.memory();
    assert!(memory < 120 << 10, "{memory} KiB");
    let (mut crowded, mut late) = (0, 0);
    for _ in 0..clients.len() {
        let shown = listener.shown();
        let error = shown["error"].as_str().unwrap();
        if shown["status"] == 503 {
            assert_eq!(error, "requests that are not complete take 32 MiB already");
            crowded += 1;
        } else {
            assert_eq!(shown["status"], 408);
            assert_eq!(error, "the body had not come after 10 s");
            late += 1;
        }
    }
    assert!(crowded > 0 && late > 0, "{crowded}, {late}");
    // Then there is room again
    let mut client = TcpStream::connect(&listener.address).unwrap();
    write!(
        client,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
    )
    .unwrap();
    assert_eq!(listener.shown()["status"], 400);
}

#[test]
fn a_server_that_has_no_more_files_waits_without_work_and_goes_on() {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 40 && exec \"$0\" listen --port 0 --json"]);
    limited.arg(env!("CARGO_BIN_EXE_certlife"));
    limited.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(limited);
    let mut reported = String::new();
    let mut stderr = BufReader::new(running.0.stderr.take().unwrap());
    stderr.read_line(&mut reported).unwrap();
    let reported: serde_json::Value = serde_json::from_str(&reported).unwrap();
    let url = reported["url"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let clients: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    wait_until("files run out", || running.open_files() >= 40);
    let before = running.work();
    std::thread::sleep(Duration::from_secs(2));
    let work = running.work() - before;
    assert!(work < 50, "{work} hundredths of a second in two seconds");
    drop(clients);
    let mut client = TcpStream::connect(address).unwrap();
    write!(
        client,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
    )
    .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("\"status\":400"), "{line}");
}

/// Sends events over one connection.
struct Sender(BufReader<TcpStream>);

impl Sender {
    /// What an event is to the receiver.
    fn news(&mut self, listener: &mut Listener, event: &Event) -> String {
        let (headers, body) = attempt(event, now());
        let request = String::from_utf8(request(&headers, &body)).unwrap();
        let request = request.replace("connection: close\r\n", "");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 204 "), "{line}");
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).unwrap();
        }
        listener.shown()["news"].as_str().unwrap().to_owned()
    }
}

#[test]
fn the_applications_whose_events_came_last_are_remembered() {
    let mut listener = Listener::start(&[]);
    let mut sender = Sender(BufReader::new(listener.connect()));
    let mut news = |number| sender.news(&mut listener, &submitted(number));
    for number in 1..=10_000 {
        assert_eq!(news(number), "newest");
    }
    // The first comes again, so that the second is the one that is forgotten.
    for (number, expected) in [
        (1, "duplicate"),
        (10_001, "newest"),
        (1, "duplicate"),
        (3, "duplicate"),
        (2, "newest"),
    ] {
        assert_eq!(news(number), expected, "{number}");
    }
}

#[test]
fn an_application_that_misses_very_many_events_begins_anew() {
    let at: DateTime<Utc> = "2026-06-04T10:30:00Z".parse().unwrap();
    let mut events = vec![submitted(1)];
    let failed = || Act::Fail(ProcessingError::new("out of paper").unwrap());
    let commands = [Act::BeginProcessing, failed()].into_iter();
    for command in commands.chain([Act::Retry, failed()].into_iter().cycle().take(202)) {
        let application = events.last().unwrap().application();
        let next = AnyApplication::apply(application, command, at).unwrap();
        events.push(next.event);
    }
    let mut listener = Listener::start(&[]);
    let mut sender = Sender(BufReader::new(listener.connect()));
    // Versions 1, 3, 5 and so on: after the last of them, 101 ranges are missing
    for event in events.iter().step_by(2).take(102) {
        assert_eq!(sender.news(&mut listener, event), "newest");
    }
    assert_eq!(sender.news(&mut listener, &events[202]), "duplicate");
    assert_eq!(sender.news(&mut listener, &events[200]), "late");
}
