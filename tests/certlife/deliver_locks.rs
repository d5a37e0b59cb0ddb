//! While a request is under way, the store belongs to everybody: no transaction is open meanwhile.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::deliver::{Receiver, Running, pending, statuses};
use crate::{Scratch, postgres};

/// Longer than a request of these tests waits for what never comes, so that nothing ends it.
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// Longer than any transaction takes that is not open across the request: what is still being
/// settled before it.
const PATIENCE: Duration = Duration::from_secs(30);

/// `certlife deliver` that waits for an answer.
fn waiting(store: Scratch) -> (Scratch, Receiver, Running) {
    let receiver = Receiver::answering(204, SILENCE);
    let store = pending(store, &receiver.address, 1);
    let running = Running::start(&store, &["--timeout", "4m"]);
    receiver.wait_for_a_request();
    (store, receiver, running)
}

/// Whether this becomes so while the request is under way.
fn comes(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// It still waits for its first answer.
fn ends(store: &Scratch, receiver: &Receiver, running: Running) {
    assert_eq!((receiver.requests(), statuses(store)), (1, [1, 0, 0]));
    drop(running);
}

#[test]
fn others_write_to_the_file_without_waiting() {
    let (store, receiver, running) = waiting(Scratch::new());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let other = Connection::open_with_flags(store.path("test.db"), flags).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    // No process writes
    let write = "BEGIN IMMEDIATE; UPDATE certlife_webhook SET revision = revision; COMMIT";
    let written = comes(|| other.execute_batch(write).is_ok());
    assert!(written, "the file is locked while a request is under way");
    // And no process reads: or what was written could not all be taken over into the file.
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let is_busy = || other.query_row(checkpoint, [], |row| row.get::<_, bool>(0));
    let taken_over = comes(|| is_busy().is_ok_and(|it| !it));
    assert!(taken_over, "the file is read while a request is under way");
    ends(&store, &receiver, running);
}

#[test]
fn no_connection_to_the_database_is_in_a_transaction() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = runtime.block_on(postgres::server().url_of_new_schema());
    let name = "a dispatcher under way";
    let named = format!("{url}&application_name={}", name.replace(' ', "%20"));
    let (store, receiver, running) = waiting(Scratch::on(named));
    let client = runtime.block_on(postgres::client(&url));
    let connections = "SELECT state FROM pg_stat_activity WHERE application_name = $1";
    let mut states = Vec::<String>::new();
    let all_idle = comes(|| {
        let found = runtime.block_on(client.query(connections, &[&name]));
        states = found.unwrap().iter().map(|row| row.get(0)).collect();
        !states.is_empty() && states.iter().all(|it| it == "idle")
    });
    assert!(all_idle, "while a request is under way: {states:?}");
    ends(&store, &receiver, running);
}
