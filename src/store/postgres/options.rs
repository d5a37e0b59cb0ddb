//! How a database is used.

use std::time::Duration;

use crate::setters::setters;
use crate::store::Setup;

/// How a database is used. What lies outside of the limits is taken for the nearest that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// What opening may do to the tables; it creates and upgrades them.
    pub setup: Setup,
    /// How many connections write at the same time, at most, 1 to 1,000; 2. The commands that wait
    /// for one meanwhile become one statement, so more of them make smaller statements; a server
    /// with many cores may want more.
    pub writers: usize,
    /// How many connections read at the same time, at most, 1 to 1,000; 4. A call that finds all of
    /// them in use waits for one, two minutes at most; where a new one has to be made then, up to
    /// `connect_timeout` more.
    pub readers: usize,
    /// How long to wait for a host that is asked for a connection, until it has answered the first
    /// question, where the URL has no `connect_timeout` of its own; and for a server that has no
    /// connection left, also where it is asked several times; 5 seconds.
    pub connect_timeout: Duration,
    /// How long a command waits for a row that another program keeps locked, 1 ms to 24 days; 5
    /// seconds. For rows that commands of other stores keep locked, a command waits up to 200 times
    /// as long: sessions with this one's `application_name` count as such.
    pub lock_timeout: Duration,
    /// After how long a server that does not answer a statement is given up; 30 seconds. An
    /// all-or-nothing call of many commands takes several statements.
    pub answer_timeout: Duration,
    /// How long a command is repeated, where that is safe, while the server cannot be reached, and
    /// how long opening waits for it. If absent, it is 60 seconds where the URL has several hosts,
    /// for a failover; otherwise 10 seconds for a command, and opening does not wait.
    pub patience: Option<Duration>,
    /// How often a follower of the feed looks for events that it did not hear of, from 1 ms; 250
    /// ms.
    pub poll: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            setup: Setup::Create,
            writers: 2,
            readers: 4,
            connect_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            patience: None,
            poll: Duration::from_millis(250),
        }
    }
}

/// The most connections of a kind. A server has a few hundred for everybody.
const MOST_CONNECTIONS: usize = 1000;

impl PostgresOptions {
    setters! {
        with_setup: setup, Setup;
        with_writers: writers, usize;
        with_readers: readers, usize;
        with_connect_timeout: connect_timeout, Duration;
        with_lock_timeout: lock_timeout, Duration;
        with_answer_timeout: answer_timeout, Duration;
        with_patience: patience, Option<Duration>;
        with_poll: poll, Duration;
    }

    /// The nearest that lies within the limits.
    pub(super) fn within_limits(mut self) -> Self {
        let millisecond = Duration::from_millis(1);
        // PostgreSQL's zero means to wait for ever, and its largest number of milliseconds is this.
        let longest = Duration::from_millis(i32::MAX.unsigned_abs().into());
        self.writers = self.writers.clamp(1, MOST_CONNECTIONS);
        self.readers = self.readers.clamp(1, MOST_CONNECTIONS);
        self.lock_timeout = self.lock_timeout.clamp(millisecond, longest);
        self.poll = self.poll.max(millisecond);
        self
    }
}
