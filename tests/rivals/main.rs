//! Eight processes of `certlife` give the same commands in orders of their own, to one store. None
//! waits for another in a circle, no answer is `unavailable`, and the log that they leave is legal.
//!
//! `APPLICATIONS` says how many applications there are, and `ROUNDS` how many commands a process
//! gives for each; `SEED` repeats the orders. The campaign of docs/testing.md has 2,000 and 4.

#[path = "../support/random.rs"]
mod random;
#[path = "../support/rivals.rs"]
mod rivals;
#[path = "../support/postgres.rs"]
mod server;

use std::path::Path;
use std::process::Command;

use random::Random;
use rivals::{Rivals, Work};

const PROCESSES: u64 = 8;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number")),
        Err(_) => default,
    }
}

/// Carries out the work on the store, and looks at what was answered and what is left.
fn compete(store: &str, folder: &Path, work: Work) {
    let (applications, rounds) = (number("APPLICATIONS", 300), number("ROUNDS", 4));
    let mut random = Random::new(work.name());
    let rivals = Rivals {
        certlife: Path::new(env!("CARGO_BIN_EXE_certlife")),
        store,
        folder,
    };
    rivals.prepare(work, applications);
    let before = lines(&rivals, &["events", "--json"]).len();
    for institution in work.institutions(PROCESSES) {
        let url = "https://example.com/hooks";
        lines(
            &rivals,
            &["webhook", "add", url, "--institution", &institution],
        );
    }
    let files: Vec<_> = (0..PROCESSES)
        .map(|process| {
            let commands = work.commands(process, applications, rounds, &mut random);
            rivals.write(&format!("commands-{process}"), &commands)
        })
        .collect();
    let (elapsed, outputs) = rivals.run(work, &files);
    println!("{}: {elapsed:.1?}", work.name());
    for output in &outputs {
        // A command that came too late is refused; the store carries out all others.
        let report = String::from_utf8_lossy(&output.stderr);
        let trouble = report.lines().find(|line| {
            ["unavailable", "unknown_outcome", "misconfigured", "corrupt"]
                .iter()
                .any(|code| line.contains(&format!(r#""error":"{code}""#)))
        });
        assert_eq!(trouble, None, "{}", work.name());
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{}: {} {report}",
            work.name(),
            output.status
        );
    }
    is_legal(&rivals, work, applications);
    // Each event since the webhooks were registered has its delivery.
    let events = lines(&rivals, &["events", "--json"]).len() - before;
    let deliveries = lines(&rivals, &["deliveries", "--json"]);
    assert_eq!(deliveries.len(), events, "{}", work.name());
}

/// What `certlife` answers, line by line.
fn lines(rivals: &Rivals<'_>, arguments: &[&str]) -> Vec<String> {
    let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
    let output = rivals.certlife(&arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The log of all events tells a legal story of every application that was to be created.
fn is_legal(rivals: &Rivals<'_>, work: Work, applications: u64) {
    let events = lines(rivals, &["events", "--payload"]);
    let created = events.iter().filter(|it| it.contains(".created\"")).count();
    let log = rivals.write("log", &(events.join("\n") + "\n"));
    let validated = Command::new(rivals.certlife)
        .arg("validate")
        .arg(log)
        .output()
        .unwrap();
    assert!(validated.status.success(), "{validated:?}");
    assert_eq!(u64::try_from(created), Ok(applications), "{}", work.name());
}

#[test]
fn processes_on_one_sqlite_file_all_get_through() {
    for work in Work::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("rivals.db").display());
        compete(&store, folder.path(), work);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_on_one_postgresql_server_never_wait_in_a_circle() {
    let server = server::server();
    for work in Work::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = server.url_of_new_schema().await;
        let before = deadlocks(server).await;
        tokio::task::block_in_place(|| compete(&store, folder.path(), work));
        assert_eq!(deadlocks(server).await - before, 0, "{}", work.name());
    }
}

/// How many deadlocks the server has broken so far. The processes have ended, so it knows of
/// theirs.
async fn deadlocks(server: &server::Server) -> i64 {
    let client = server.client().await;
    let row = client
        .query_one(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
            &[],
        )
        .await;
    row.unwrap().get(0)
}
