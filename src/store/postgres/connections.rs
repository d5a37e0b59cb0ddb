//! Connections for one purpose, and what becomes of them where the server has no more.
//!
//! A role, a database and a server have limits of connections. Where one is reached, a store makes
//! do with those that it has: the connection that listens is given up, since polling stands in for
//! it; then those that lie idle for other purposes. A call that finds all of them in use waits. So
//! everything works with a single connection: no call holds one while it waits for another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{PoolError, TimeoutType};
use tokio::sync::watch;

use super::cluster::Cluster;
use super::connector::NotConnected;
use super::failure::{Failure, is_full};
use super::session::{Manager, Session};
use crate::store::StoreError;

type Pool = deadpool::managed::Pool<Manager>;

/// How long to wait for one of the store's own connections that others use: that is work under way,
/// and no server that cannot be reached.
pub(super) const BUSY: Duration = Duration::from_secs(120);

/// For how long no second connection for a purpose is asked of a server that had none left.
const SCARCE: Duration = Duration::from_secs(10);

/// The shortest and the longest wait before a connection is asked for again. A server takes a
/// moment to be rid of one that was closed.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(100);

/// All connections of a store.
pub(super) struct Family {
    pub(super) cluster: Arc<Cluster>,
    pools: Mutex<Vec<Pool>>,
    /// The whole name of the index of the feed, once the tables are set up.
    index: Arc<OnceLock<String>>,
    /// When the server last had no connection left.
    full_at: Mutex<Option<Instant>>,
    /// Tells the connection that listens to make room.
    room: watch::Sender<()>,
    listens: AtomicBool,
    /// How long to wait for a server that has no connection left, while the store has none.
    patience: Duration,
}

impl Family {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            cluster: Arc::default(),
            pools: Mutex::default(),
            index: Arc::default(),
            full_at: Mutex::default(),
            room: watch::Sender::new(()),
            listens: AtomicBool::new(false),
            patience,
        }
    }

    pub(super) fn add(&self, pool: Pool) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.push(pool);
    }

    pub(super) fn index(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.index)
    }

    /// The tables are set up, and this is the whole name of the index of the feed.
    pub(super) fn is_set_up(&self, index: String) {
        // It is said once.
        let _ = self.index.set(index);
    }

    fn pools(&self) -> Vec<Pool> {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.clone()
    }

    /// The server had no connection left.
    pub(super) fn is_full(&self) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        *full_at = Some(Instant::now());
    }

    /// Whether that was so a moment ago.
    pub(super) fn is_scarce(&self) -> bool {
        let full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.is_some_and(|it| it.elapsed() < SCARCE)
    }

    /// A sign for the connection that listens: it is to be given up.
    pub(super) fn room(&self) -> watch::Receiver<()> {
        self.room.subscribe()
    }

    /// Whether there is a connection that listens.
    pub(super) fn listens(&self, listens: bool) {
        self.listens.store(listens, Ordering::Release);
    }

    /// Gives up a connection that is not needed now, if there is one.
    fn make_room(&self) {
        if self.listens.load(Ordering::Acquire) {
            self.room.send_replace(());
            return;
        }
        let pools = self.pools();
        if let Some(idle) = pools.iter().find(|it| it.status().available > 0) {
            drop(idle.retain(|_, _| false));
        }
    }

    /// Whether the store has any connection that others may give back or up.
    fn has_connections(&self) -> bool {
        let listens = self.listens.load(Ordering::Acquire);
        listens || self.pools().iter().any(|it| it.status().size > 0)
    }
}

/// Connections for one purpose.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) pool: Pool,
    pub(super) family: Arc<Family>,
    /// How many connections that were given up while the server was busy may be left.
    pub(super) most_given_up: usize,
}

impl Connections {
    /// An error where the server has not ended what was given up: more of it would take all of its
    /// connections.
    async fn check_given_up(&self, session: &Session) -> Result<(), Failure> {
        let cluster = &self.family.cluster;
        if cluster.given_up() < self.most_given_up {
            return Ok(());
        }
        session.recount_given_up(self.family.patience).await?;
        let given_up = cluster.given_up();
        if given_up < self.most_given_up {
            return Ok(());
        }
        Err(Failure::Unsent(StoreError::unavailable(format!(
            "the server has not answered {given_up} earlier statements, which may wait for its \
             synchronous standby; no more are sent until it does"
        ))))
    }

    /// One that lies idle, or a new one. The waits for one, together, keep one limit; to make a new
    /// one then takes up to the connect timeout.
    pub(super) async fn get(&self) -> Result<Session, Failure> {
        let session = self.any().await?;
        match self.check_given_up(&session).await {
            Ok(()) => Ok(session),
            Err(failure) => {
                if session.is_closed() {
                    session.give_up();
                }
                Err(failure)
            }
        }
    }

    /// The same, whatever the server is busy with.
    async fn any(&self) -> Result<Session, Failure> {
        let since = Instant::now();
        let mut wait = SHORTEST;
        // What the server answered the last time.
        let mut full = None;
        loop {
            let status = self.pool.status();
            let must_wait = status.size > 0 && status.available == 0 && self.family.is_scarce();
            let limit = if must_wait || self.family.has_connections() {
                BUSY.max(self.family.patience)
            } else {
                self.family.patience
            };
            let left = limit.saturating_sub(since.elapsed());
            if left.is_zero() && (must_wait || full.is_some()) {
                let error = full.unwrap_or(PoolError::Timeout(TimeoutType::Wait));
                return Err(error.into());
            }
            if !must_wait {
                let mut timeouts = self.pool.timeouts();
                let waited = since.elapsed();
                timeouts.wait = timeouts.wait.map(|it| it.saturating_sub(waited));
                if full.is_some() {
                    timeouts.wait = timeouts.wait.map(|it| it.min(left));
                    timeouts.create = Some(left);
                }
                match self.pool.timeout_get(&timeouts).await {
                    Err(error) if has_no_more(&error) => {
                        full = Some(error);
                        self.family.is_full();
                        if self.pool.status().size == 0 {
                            self.family.make_room();
                        }
                    }
                    Err(PoolError::Timeout(timeout)) => {
                        // Perhaps its time was only cut short.
                        let is_over = since.elapsed() >= limit;
                        let error = full.filter(|_| is_over);
                        let error = error.unwrap_or(PoolError::Timeout(timeout));
                        return Err(error.into());
                    }
                    Err(error) => return Err(error.into()),
                    Ok(object) => return Ok(Session::of(object, self.pool.manager())),
                }
            }
            let left = limit.saturating_sub(since.elapsed());
            tokio::time::sleep(wait.min(left)).await;
            wait = (wait * 2).min(LONGEST);
        }
    }
}

/// Whether the server has no connection left.
fn has_no_more(error: &PoolError<NotConnected>) -> bool {
    matches!(error, PoolError::Backend(error) if error.any(&is_full))
}
