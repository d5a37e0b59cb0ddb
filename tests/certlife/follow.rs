//! `certlife events --follow`: a follower waits for what comes.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use crate::{Scratch, file};

/// A follower of the feed.
struct Follower {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
    sentences: Lines<BufReader<ChildStderr>>,
}

impl Follower {
    fn start(store: &Scratch, more: &[&str]) -> Self {
        let mut child = store
            .certlife(&[&["events", "--follow"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            events: BufReader::new(child.stdout.take().unwrap()).lines(),
            sentences: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    fn next(&mut self) -> String {
        self.events.next().expect("one more event").unwrap()
    }

    fn hears(&mut self) -> String {
        self.sentences.next().expect("a sentence").unwrap()
    }

    /// Ends it with Ctrl-C, and sees that there was nothing else to be said.
    fn interrupt(mut self) {
        let kill = Command::new("bash")
            .args(["-c", "kill -INT \"$0\"", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert!(self.events.next().is_none());
        assert!(self.sentences.next().is_none());
    }
}

fn submit(number: u32) -> String {
    format!(
        r#"{{"command":"submit","application_id":{number},"uuid":"00000000-0000-0000-0000-{number:012}","certificate_title":"Diploma","applicant_email":"a@example.com"}}"#
    )
}

/// A store with the README's example.
fn example() -> Scratch {
    let store = Scratch::new();
    store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    store
}

#[test]
fn a_follower_sees_what_another_process_commits_until_ctrl_c() {
    let store = example();
    let mut follower = Follower::start(&store, &["--json", "--after", "20"]);
    assert!(follower.next().contains("\"cursor\":\"21\""));
    let approve = r#"{"command":"approve","uuid":"d3f0927b-4ce6-48d1-9b7f-1a85e3c06d07"}"#;
    assert_eq!(store.run(&["apply"], approve).code, Some(0));
    let event = follower.next();
    assert!(event.contains("certificate_application.approved"));
    follower.interrupt();
}

#[test]
fn a_follower_for_a_reader_that_has_gone_ends_without_waiting_for_an_event() {
    let store = example();
    let Follower {
        child, mut events, ..
    } = Follower::start(&store, &["--json", "--after", "20"]);
    events.next().unwrap().unwrap();
    drop(events);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_follower_waits_for_a_database_that_restarts_and_goes_on_where_it_was() {
    // A server of its own: the other tests need theirs.
    let server = crate::postgres::Server::start();
    let store = Scratch::on(server.url());
    store.run(&["apply"], &submit(1));
    let mut follower = Follower::start(&store, &["--json"]);
    assert!(follower.next().contains("\"application_id\":1,"));
    for number in 2..=3 {
        server.kill();
        let reported = follower.hears();
        assert!(
            reported.starts_with("certlife: the store does not answer ("),
            "{reported}"
        );
        // Long enough to ask in vain more than once.
        std::thread::sleep(std::time::Duration::from_secs(2));
        server.restart();
        assert_eq!(follower.hears(), "certlife: the store answers again");
        assert_eq!(store.run(&["apply"], &submit(number)).code, Some(0));
        let event = follower.next();
        assert!(event.contains(&format!("\"application_id\":{number},")));
    }
    follower.interrupt();
}

#[test]
fn a_follower_for_a_reader_that_has_gone_does_not_wait_for_a_database() {
    let server = crate::postgres::Server::start();
    let store = Scratch::on(server.url());
    store.run(&["apply"], &submit(1));
    let mut follower = Follower::start(&store, &["--json"]);
    follower.next();
    server.kill();
    follower.hears();
    let Follower {
        mut child, events, ..
    } = follower;
    drop(events);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_waiting_does_not_mend_ends_a_follower() {
    let store = example();
    // The tables were changed by hand.
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    connection
        .execute_batch("UPDATE certlife_application SET certificate_title = ''")
        .unwrap();
    let mut follower = Follower::start(&store, &["--json"]);
    assert!(follower.hears().contains("is corrupt"));
    assert_eq!(follower.child.wait().unwrap().code(), Some(2));
}
