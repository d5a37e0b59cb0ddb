//! Waiting for other processes that write to the same file.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::chance::chance;

/// The longest sleep before the lock is asked for again, in microseconds: a few commits.
const LONGEST: u64 = 1_000;

thread_local! {
    /// How long to wait on this thread, and since when it waits.
    static WAIT: Cell<(Duration, Option<Instant>)> = const { Cell::new((Duration::ZERO, None)) };
}

/// From now on, the connection waits this long for others, on this thread.
///
/// SQLite's own way to wait sleeps longer and longer, up to a tenth of a second. So among processes
/// that write all the time, the one that has waited longest asks the most rarely, and the lock lies
/// idle meanwhile. This asks about twice a millisecond, at times that differ between the processes.
pub(super) fn wait_in_turns(connection: &mut Connection, patience: Duration) {
    WAIT.set((patience, None));
    // Where this cannot be set, SQLite waits in its own way.
    let _ = connection.busy_handler(Some(wait));
}

/// From now on, this thread waits this long: what is left for the command that has waited longest.
pub(super) fn be_patient(patience: Duration) {
    WAIT.set((patience, None));
}

/// Waits a moment; whether the lock is to be asked for again.
fn wait(tries: i32) -> bool {
    let (patience, since) = WAIT.get();
    let since = since.filter(|_| tries > 0).unwrap_or_else(Instant::now);
    WAIT.set((patience, Some(since)));
    if since.elapsed() >= patience {
        return false;
    }
    thread::sleep(Duration::from_micros(chance() % LONGEST));
    true
}
