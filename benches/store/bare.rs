//! The same rows, written by a bare loop over rusqlite.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::load::{rate, uuid};

/// A copy of a database that is open elsewhere.
pub fn copy(from: &Path, to: &Path) {
    let source = Connection::open(from).unwrap();
    source
        .execute("VACUUM INTO ?1", [to.to_str().unwrap()])
        .unwrap();
}

pub struct Loop {
    connection: Connection,
    position: Cell<i64>,
    applications: i64,
}

impl Loop {
    pub fn open(file: &Path) -> Self {
        let connection = Connection::open(file).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -65536;",
            )
            .unwrap();
        let applications = connection
            .query_row("SELECT count(*) FROM certlife_head", [], |row| row.get(0))
            .unwrap();
        Self {
            connection,
            position: Cell::new(0),
            applications,
        }
    }

    /// Lets the log grow as long as the store does, before it is copied into the database.
    pub fn with_long_log(self) -> Self {
        self.connection
            .execute_batch("PRAGMA wal_autocheckpoint = 16384;")
            .unwrap();
        self
    }

    /// Transitions a second: an event and its head, in a transaction each. It reads nothing, and so
    /// decides nothing.
    pub fn run(&self, time: Duration) -> f64 {
        self.run_in_groups(1, time)
    }

    /// The same, so many in each transaction.
    pub fn run_in_groups(&self, group: u32, time: Duration) -> f64 {
        let mut event = self
            .connection
            .prepare(
                "INSERT INTO certlife_event (application, version, kind, at, previous, actor_kind, actor, text) \
                 VALUES (?1, ?2, 4, 1781234567, ?3, 2, 'pdf-worker', \
                 'PDF generation failed: template not found')",
            )
            .unwrap();
        let mut head = self
            .connection
            .prepare(
                "UPDATE certlife_head SET status = 4, version = ?2, updated_at = 1781234567, event = ?3 \
                 WHERE application = ?1",
            )
            .unwrap();
        let mut begin = self.connection.prepare("BEGIN IMMEDIATE").unwrap();
        let mut commit = self.connection.prepare("COMMIT").unwrap();
        let start = Instant::now();
        let mut done = 0_u32;
        while start.elapsed() < time {
            begin.execute([]).unwrap();
            for _ in 0..group {
                let position = self.position.replace(self.position.get() + 1);
                let application = position % self.applications * 7919 % self.applications + 1;
                let version = position / self.applications + 2;
                let seq = event
                    .insert(params![application, version, application])
                    .unwrap();
                head.execute(params![application, version, seq]).unwrap();
            }
            commit.execute([]).unwrap();
            done += group;
        }
        f64::from(done) / start.elapsed().as_secs_f64()
    }

    /// Applications a second: all of their rows, in one transaction.
    pub fn batch(&self, first: u64, many: u64) -> f64 {
        let prepare = |sql| self.connection.prepare(sql).unwrap();
        let mut application = prepare(
            "INSERT INTO certlife_application (uuid, application_id, certificate_title, applicant_email) \
             VALUES (?1, ?2, 'Certificate of Achievement', ?3)",
        );
        let mut event = prepare(
            "INSERT INTO certlife_event (application, version, kind, at, actor_kind, actor) \
             VALUES (?1, 1, 0, 1781234567, 1, 'jane')",
        );
        let mut head = prepare("INSERT INTO certlife_head VALUES (?1, 1, 1, 0, 1, 1781234567, ?2)");
        let emails: Vec<_> = (first..first + many)
            .map(|number| format!("applicant{number}@example.com"))
            .collect();
        let start = Instant::now();
        self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (number, email) in (first..).zip(&emails) {
            let no = application
                .insert(params![
                    uuid(number).as_bytes().as_slice(),
                    number.cast_signed(),
                    email
                ])
                .unwrap();
            let seq = event.insert([no]).unwrap();
            head.execute([no, seq]).unwrap();
        }
        self.connection.execute_batch("COMMIT").unwrap();
        rate(many, start.elapsed())
    }
}
