//! What takes minutes: growth to millions of applications, and memory while millions of commands
//! pass.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{Atomicity, PostgresStore, SqliteStore, Store};

use crate::bare;
use crate::load::{Load, upload_many, uuid};
use crate::support::Row;
use crate::{median, postgres, row, runtime};

const SMALL: u64 = 10_000;
const ROUND: Duration = Duration::from_secs(3);

fn large() -> u64 {
    let set = std::env::var("APPLICATIONS").ok();
    set.map_or(10_000_000, |it| it.parse().unwrap())
}

/// The same load on a store with ten thousand applications and on one with ten million: on those
/// that were uploaded last, as work usually is, and on all of them alike.
pub fn growth_sqlite(folder: &Path) -> Vec<Row> {
    let open = |name: &str| Engine::new(SqliteStore::open(folder.join(name)).unwrap());
    let mut bare = None;
    runtime().block_on(grow(
        "SQLite",
        512,
        open("small.db"),
        open("large.db"),
        async || (),
        || {
            let bare = bare.get_or_insert_with(|| {
                let peer = folder.join("bare.db");
                bare::copy(&folder.join("large.db"), &peer);
                bare::Loop::open(&peer).with_long_log()
            });
            Some(bare.run_in_groups(512, ROUND))
        },
    ))
}

/// A server for ten million applications is not left at the settings for tests: a quarter of 16 GiB
/// as its buffers, as PostgreSQL's manual suggests, and a log that is not written anew every
/// second. And what autovacuum does after millions of new rows is done before the measurement, on
/// both sides.
const SETTINGS: &str = "-c shared_buffers=4GB -c max_wal_size=16GB";

pub fn growth_postgres() -> Vec<Row> {
    let runtime = runtime();
    let server = postgres::Server::start_with(SETTINGS);
    let connect = || {
        let url = runtime.block_on(server.url_of_new_schema());
        Engine::new(runtime.block_on(PostgresStore::connect(&url)).unwrap())
    };
    let (small, large) = (connect(), connect());
    let settle = async || {
        let client = server.client().await;
        client.batch_execute("VACUUM (ANALYZE)").await.unwrap();
        client.batch_execute("CHECKPOINT").await.unwrap();
    };
    runtime.block_on(grow("PostgreSQL", 64, small, large, settle, || None))
}

async fn grow<S: Store>(
    name: &str,
    callers: u64,
    small: Engine<S>,
    large_engine: Engine<S>,
    settle: impl AsyncFnOnce(),
    mut bare: impl FnMut() -> Option<f64>,
) -> Vec<Row> {
    let large = large();
    let small = Load::prepare(small, 0, SMALL).await;
    let mut next = SMALL;
    while next < large {
        upload_many(&large_engine, next, 10_000, Atomicity::Each).await;
        next += 10_000;
    }
    let recent = Load::prepare(large_engine.clone(), 0, SMALL).await;
    let all = Load::over(large_engine, SMALL, large - SMALL);
    settle().await;
    let (mut on_small, mut on_recent, mut on_all) = (Vec::new(), Vec::new(), Vec::new());
    let mut on_all_bare = Vec::new();
    for _ in 0..3 {
        on_small.push(small.run(callers, ROUND).await);
        on_recent.push(recent.run(callers, ROUND).await);
        on_all.push(all.run(callers, ROUND).await);
        on_all_bare.extend(bare());
    }
    let (on_small, on_all) = (median(on_small), median(on_all));
    let named = |what: &str| format!("{name}, {large} applications, {callers} callers, {what}");
    let peer = "with 10,000";
    let mut rows = vec![
        row(
            &named("on the last 10,000"),
            (median(on_recent), on_small),
            peer,
            0.8,
        ),
        row(&named("on all"), (on_all, on_small), peer, 0.8),
    ];
    if !on_all_bare.is_empty() {
        // As many at once, in one transaction, on as many applications, and nothing read before.
        let bare = (on_all, median(on_all_bare));
        rows.push(row(&named("on all"), bare, "bare groups", 0.6));
    }
    rows
}

/// The high-water mark of `certlife apply` on SQLite after a tenth of the commands, and after all.
pub fn memory(folder: &Path) -> Vec<Row> {
    let set = std::env::var("COMMANDS").ok();
    let commands: u64 = set.map_or(10_000_000, |it| it.parse().unwrap());
    let store = format!("sqlite:{}", folder.join("memory.db").display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_certlife"))
        .args(["apply", "--store", &store])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut stdin = std::io::BufWriter::new(child.stdin.take().unwrap());
    let mut early = 0.0;
    for number in 0..commands / 2 {
        let uuid = uuid(number);
        writeln!(
            stdin,
            r#"{{"command":"upload","uuid":"{uuid}","application_id":{},"certificate_title":"Certificate of Achievement","applicant_email":"applicant{number}@example.com","trigger_context":"bulk_upload"}}"#,
            number + 1
        )
        .unwrap();
        writeln!(stdin, r#"{{"command":"approve","uuid":"{uuid}"}}"#).unwrap();
        if number == commands / 20 {
            stdin.flush().unwrap();
            early = high_water(&status);
        }
    }
    stdin.flush().unwrap();
    let late = high_water(&status);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    vec![Row {
        work: format!("certlife apply, memory, {commands} commands"),
        ours: format!("{late:.1} MiB"),
        peer: format!("after a tenth of them: {early:.1} MiB"),
        ratio: early / late,
        goal: 0.9,
    }]
}

/// In MiB.
fn high_water(status: &str) -> f64 {
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|kib| kib.parse().ok())
        .unwrap();
    kib / 1024.0
}
