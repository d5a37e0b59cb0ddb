//! What a store knows of the servers that its URL leads to, and of its connections to them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::server::{History, Server};

/// The wire of a connection: what its task and its users tell each other.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// The server has said that a commit is not on the standby that it waited for.
    is_in_doubt: AtomicBool,
    /// Tells the task to end the connection.
    end: Notify,
}

impl Wire {
    /// The server gave up waiting for a standby.
    pub(super) fn doubt(&self) {
        self.is_in_doubt.store(true, Ordering::Release);
    }

    /// What came before says nothing about what comes.
    pub(super) fn begin(&self) {
        self.is_in_doubt.store(false, Ordering::Release);
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Ordering::Acquire)
    }

    /// Ends the connection: a call that waits for an answer gets an error.
    pub(super) fn end(&self) {
        self.end.notify_one();
    }

    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }
}

/// What a connection is.
#[derive(Debug)]
pub(super) struct About {
    pub(super) server: Server,
    pub(super) wire: Arc<Wire>,
    /// Whether it leads to a standby for want of a primary.
    pub(super) is_spare: bool,
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    /// The newest history that was seen.
    history: Mutex<Option<History>>,
    /// The place in the URL of the host that last took writes, and one; 0 for none.
    writable: AtomicUsize,
    /// The highest transaction of the feed that was returned.
    returned: AtomicI64,
    /// Every transaction of the feed below this one is on the standby that commits wait for.
    replicated: AtomicI64,
    turns: tokio::sync::Mutex<()>,
    connections: Mutex<Vec<Weak<About>>>,
    in_use: Mutex<InUse>,
    /// What was given up while the server may have been busy with it: that goes on when the
    /// connection is closed.
    given_up: Mutex<Vec<GivenUp>>,
    /// Changes when the first connection is taken into use.
    busy: Sign,
}

/// A channel with a default, for the oldest Tokio.
#[derive(Debug)]
struct Sign(watch::Sender<()>);

impl Default for Sign {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

/// A session whose statement was not waited for any more.
#[derive(Debug, Clone)]
struct GivenUp {
    server: Server,
    process: i32,
}

/// Connections in use, by the number of their use.
#[derive(Debug, Default)]
struct InUse {
    uses: HashMap<u64, Use>,
    count: u64,
}

#[derive(Debug, Clone)]
struct Use {
    since: Instant,
    about: Arc<About>,
}

/// A connection is in use as long as this is there.
#[derive(Debug)]
pub(super) struct InUseGuard {
    cluster: Arc<Cluster>,
    number: u64,
}

impl Drop for InUseGuard {
    fn drop(&mut self) {
        self.cluster.in_use().uses.remove(&self.number);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// The newest history that was seen.
    pub(super) fn history(&self) -> Option<History> {
        *locked(&self.history)
    }

    /// A server was found: connections to servers of its past are ended.
    pub(super) fn found(&self, server: &Server, host: usize) {
        if server.is_read_only {
            return;
        }
        let Some(found) = server.history else {
            self.writable.store(host + 1, Ordering::Relaxed);
            return;
        };
        {
            let mut history = locked(&self.history);
            if history.is_some_and(|it| found.is_before(it)) {
                return;
            }
            self.writable.store(host + 1, Ordering::Relaxed);
            if history.replace(found) == Some(found) {
                return;
            }
        }
        self.end_where(|it| it.history.is_some_and(|it| it.is_before(found)));
    }

    /// The host that last took writes.
    pub(super) fn writable(&self) -> Option<usize> {
        self.writable.load(Ordering::Relaxed).checked_sub(1)
    }

    /// A connection was made.
    pub(super) fn connected(&self, about: &Arc<About>) {
        let mut connections = locked(&self.connections);
        connections.retain(|it| it.strong_count() > 0);
        connections.push(Arc::downgrade(about));
    }

    /// Ends the connections to these servers.
    pub(super) fn end_where(&self, is_over: impl Fn(&Server) -> bool) {
        let connections: Vec<_> = locked(&self.connections).clone();
        for about in connections.iter().filter_map(Weak::upgrade) {
            if is_over(&about.server) {
                about.wire.end();
            }
        }
    }

    fn in_use(&self) -> MutexGuard<'_, InUse> {
        locked(&self.in_use)
    }

    /// A connection is taken into use.
    pub(super) fn uses(self: &Arc<Self>, about: &Arc<About>) -> InUseGuard {
        let mut in_use = self.in_use();
        let is_first = in_use.uses.is_empty();
        in_use.count += 1;
        let number = in_use.count;
        let entry = Use {
            since: Instant::now(),
            about: Arc::clone(about),
        };
        in_use.uses.insert(number, entry);
        drop(in_use);
        if is_first {
            self.busy.0.send_replace(());
        }
        InUseGuard {
            cluster: Arc::clone(self),
            number,
        }
    }

    /// What a connection is in use for is not waited for any more, but the server may yet carry it
    /// out.
    pub(super) fn gives_up(&self, about: &About) {
        locked(&self.given_up).push(GivenUp {
            server: about.server.clone(),
            process: about.server.process,
        });
    }

    /// How many connections were given up and may not be over.
    pub(super) fn given_up(&self) -> usize {
        locked(&self.given_up).len()
    }

    /// The processes of this server whose connections were given up. Those of others are forgotten.
    pub(super) fn given_up_at(&self, server: &Server) -> Vec<i32> {
        let mut given_up = locked(&self.given_up);
        given_up.retain(|it| it.server.is_same(server));
        given_up.iter().map(|it| it.process).collect()
    }

    /// Of those that were given up, only these processes are still busy.
    pub(super) fn are_busy(&self, processes: &[i32]) {
        locked(&self.given_up).retain(|it| processes.contains(&it.process));
    }

    /// Whether there are connections in use.
    pub(super) fn is_busy(&self) -> bool {
        !self.in_use().uses.is_empty()
    }

    /// A sign of the first use.
    pub(super) fn busy(&self) -> watch::Receiver<()> {
        self.busy.0.subscribe()
    }

    /// The servers of connections that have been in use for longer than this.
    pub(super) fn slow(&self, limit: Duration) -> Vec<Server> {
        let in_use = self.in_use();
        let slow = in_use.uses.values().filter(|it| it.since.elapsed() > limit);
        slow.map(|it| it.about.server.clone()).collect()
    }

    /// This transaction of the feed was returned.
    pub(super) fn returned(&self, transaction: i64) {
        self.returned.fetch_max(transaction, Ordering::AcqRel);
    }

    /// The highest that was returned.
    pub(super) fn last_returned(&self) -> i64 {
        self.returned.load(Ordering::Acquire)
    }

    /// A turn to wait for the standby; one at a time.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turns.lock().await
    }

    /// Every transaction of the feed before this one is where commits wait for it to be.
    pub(super) fn is_replicated_before(&self, transaction: i64) {
        self.replicated.fetch_max(transaction, Ordering::AcqRel);
    }

    pub(super) fn is_replicated(&self, transaction: i64) -> bool {
        transaction < self.replicated.load(Ordering::Acquire)
    }
}
