//! A connection while it is used.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Metrics, Object, RecycleError, RecycleResult};
use deadpool_postgres::{ClientWrapper, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::cluster::{About, InUseGuard};
use super::connector::{Connector, NotConnected};
use super::failure::{Failure, in_time};
use super::history;
use super::runtime::Home;
use super::server::{Server, does_not_tell};
use super::sql::statements;
use super::target::Wanted;
use crate::store::StoreError;

/// After how long a connection to a standby that stands in for the primary is made anew.
const STAND_IN: Duration = Duration::from_secs(2);

statements! {
    /// How many sessions of the role wait for the synchronous standby, if that is as many as there
    /// may be. A command that is given up goes on waiting, and many processes that come and go
    /// would take all connections of the server.
    TOO_MANY() = "\
        SELECT (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = current_user \
            HAVING count(*) >= greatest(8, current_setting('max_connections')::integer / 4)) \
        WHERE current_setting('synchronous_standby_names') <> '' \
        UNION ALL SELECT NULL LIMIT 1";

    /// Waits until the synchronous standby has all that is committed on the server, as far as this
    /// session sees it: the commit of an empty message comes after all of that in the log, and
    /// waits as every commit does. Without a synchronous standby, nothing is written.
    ///
    /// The answer is a place of the feed: the transactions of all places before it are over, and so
    /// they are on the standby as well. What is under way may have a lower number than what was
    /// committed already.
    CONFIRM() = "\
        SELECT (SELECT base FROM certlife_feed LIMIT 1) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint, \
            set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' \
                ELSE current_setting('synchronous_commit') END, true), \
            pg_logical_emit_message(true, 'certlife', '') \
        WHERE current_setting('synchronous_standby_names') <> '' AND NOT pg_is_in_recovery()";

    /// Whether commits wait for a standby.
    WAITS() = "SELECT current_setting('synchronous_standby_names') <> ''";

    /// Which of these processes carry something out.
    BUSY(INT4_ARRAY) = "SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1) AND state = 'active'";
}

/// A connection of a pool.
pub(super) struct Connected {
    client: ClientWrapper,
    about: Arc<About>,
    /// Transactions are begun and ended by hand, and one may not be over.
    is_open: bool,
}

/// What connections of a pool are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Writing,
    Reading,
    Migrating,
    Delivering,
}

impl Purpose {
    /// Which server is wanted for it; those who read have a choice.
    pub(super) const fn wanted(self, reading: Wanted) -> Wanted {
        match self {
            Self::Reading => reading,
            Self::Writing | Self::Migrating | Self::Delivering => Wanted::Writable,
        }
    }
}

/// Makes the connections of a pool.
pub(super) struct Manager {
    pub(super) connector: Connector,
    pub(super) home: Arc<Home>,
    pub(super) purpose: Purpose,
    /// The first statements.
    pub(super) settings: Box<dyn Fn() -> String + Send + Sync>,
    /// How long each answer to them may take.
    pub(super) limit: Duration,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = Connected;
    type Error = NotConnected;

    async fn create(&self) -> Result<Connected, NotConnected> {
        let wanted = self.purpose.wanted(self.connector.reading());
        let found = self.connector.connect(wanted, None).await?;
        let client = ClientWrapper::new(found.client, found.task);
        let set_up = async {
            client.batch_execute(&(self.settings)()).await?;
            match self.purpose {
                Purpose::Writing => {
                    let returned = self.connector.cluster.last_returned();
                    history::catch_up(&client, &found.about.server, returned).await?;
                    let row = client.query_typed_one(TOO_MANY, &[]).await?;
                    row.try_get(0)
                }
                Purpose::Reading | Purpose::Delivering | Purpose::Migrating => Ok(None),
            }
        };
        let set_up = tokio::time::timeout(self.limit, set_up).await;
        let set_up = set_up.map_err(|_| NotConnected::NoAnswer(self.limit))?;
        if let Some(waiting) = set_up.map_err(NotConnected::SetUp)? {
            return Err(NotConnected::TooManyWait(waiting));
        }
        found.about.wire.begin();
        Ok(Connected {
            client,
            about: found.about,
            is_open: false,
        })
    }

    async fn recycle(
        &self,
        connected: &mut Connected,
        metrics: &Metrics,
    ) -> RecycleResult<NotConnected> {
        if connected.client.is_closed() {
            return Err(RecycleError::message("it is closed"));
        }
        if connected.about.wire.is_in_doubt() {
            return Err(RecycleError::message("what it committed is in doubt"));
        }
        if connected.is_open {
            return Err(RecycleError::message("its transaction was left open"));
        }
        if connected.about.is_spare && metrics.age() > STAND_IN {
            return Err(RecycleError::message("it stands in for another"));
        }
        Ok(())
    }
}

/// A connection of a pool while it is used. Dropped, it goes back to the pool.
pub(super) struct Session {
    object: Object<Manager>,
    guard: InUseGuard,
    connector: Connector,
    home: Arc<Home>,
    purpose: Purpose,
}

impl Deref for Session {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.object.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.object.client
    }
}

impl Session {
    /// Takes it into use.
    pub(super) fn of(object: Object<Manager>, manager: &Manager) -> Self {
        let connector = manager.connector.clone();
        let guard = connector.cluster.uses(&object.about);
        Self {
            object,
            guard,
            connector,
            home: Arc::clone(&manager.home),
            purpose: manager.purpose,
        }
    }

    /// Notes whether a transaction that was begun by hand may be open: then the connection is not
    /// used again.
    pub(super) fn set_open(&mut self, is_open: bool) {
        self.object.is_open = is_open;
    }

    pub(super) fn is_open(&self) -> bool {
        self.object.is_open
    }

    /// The server that it leads to.
    pub(super) fn server(&self) -> &Server {
        &self.object.about.server
    }

    /// An error if the server has warned that a commit of this session is not on the standby that
    /// it waited for: it may be lost in a failover.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if !self.object.about.wire.is_in_doubt() {
            return Ok(());
        }
        Err(Failure::Unknown(StoreError::unknown_outcome(
            "the server stopped waiting for its synchronous standby: what it has committed may be \
             lost in a failover",
        )))
    }

    /// Waits until what this session has seen cannot be lost in a failover; at once, where there is
    /// no synchronous standby. Before it, nothing is said of what others have committed: while a
    /// commit waits for the standby it cannot be seen, but once its wait is cancelled, or the
    /// server was restarted, it can.
    pub(super) async fn confirm(&self, limit: Duration) -> Result<(), Failure> {
        let confirmed = in_time(limit, async {
            let row = match self.query_typed_opt(CONFIRM, &[]).await {
                // The server refuses it also where nothing would be written.
                Err(error) if error.code().is_some_and(does_not_tell) && !self.waits().await? => {
                    None
                }
                row => row?,
            };
            let place = row
                .map(|row| row.try_get::<_, Option<i64>>(0))
                .transpose()?;
            Ok(place.flatten())
        });
        let confirmed = confirmed.await;
        if confirmed.as_ref().is_err_and(Failure::is_of_the_connection) && !self.is_closed() {
            // The server must not go on waiting, time after time. It changes nothing. The warning
            // that follows must not be taken for one about the next call.
            self.object.about.wire.doubt();
            self.connector.cancel(self).await;
        }
        let confirmed = confirmed.and_then(|place| self.check().map(|()| place));
        if let Ok(Some(place)) = &confirmed {
            self.connector.cluster.is_replicated_before(*place);
        }
        match confirmed {
            Err(failure) if failure.is_of_the_connection() => {
                Err(Failure::Unknown(StoreError::unknown_outcome(
                    "what is recorded may not be on the synchronous standby yet: it does not \
                     answer",
                )))
            }
            confirmed => confirmed.map(|_| ()),
        }
    }

    /// Whether commits wait for a standby.
    async fn waits(&self) -> Result<bool, Error> {
        self.query_typed_one(WAITS, &[]).await?.try_get(0)
    }

    /// Whether it leads to a server that stands in for one that takes writes.
    pub(super) fn is_spare(&self) -> bool {
        self.object.about.is_spare
    }

    /// The same, of the feed's transactions up to this one, which is about to be returned. It is
    /// only asked where it is not known already.
    pub(super) async fn confirm_up_to(
        &self,
        transaction: i64,
        limit: Duration,
    ) -> Result<(), Failure> {
        if self.connector.cluster.is_replicated(transaction) {
            return Ok(());
        }
        self.confirm(limit).await
    }

    /// Ends it, since it is lost, or an answer may yet come. Where the server may still be busy
    /// with a commit, which no end of a connection stops, it is remembered.
    pub(super) fn give_up(self) {
        let Self {
            object,
            guard,
            connector,
            home,
            purpose,
        } = self;
        let connected = Object::take(object);
        if connected.client.is_closed() {
            return;
        }
        match purpose {
            Purpose::Reading => drop(home.spawn(async move {
                connector.cancel(&connected.client).await;
                drop((connected, guard));
            })),
            Purpose::Writing => connector.cluster.gives_up(&connected.about),
            Purpose::Migrating | Purpose::Delivering => {}
        }
    }

    /// Asks the server which of the statements that were given up it is still busy with.
    pub(super) async fn recount_given_up(&self, limit: Duration) -> Result<(), Failure> {
        let cluster = &self.connector.cluster;
        let processes = cluster.given_up_at(self.server());
        let busy = async {
            let rows = self.query(BUSY, &[&processes]).await?;
            let rows = rows.iter().map(|row| row.try_get(0));
            Ok(rows.collect::<Result<Vec<i32>, _>>()?)
        };
        let busy = in_time(limit, busy)
            .await
            .map_err(Failure::without_effect)?;
        cluster.are_busy(&busy);
        Ok(())
    }
}

/// Statements that the connection knows already.
pub(super) trait Cached: Sync {
    /// The rows of a statement.
    fn rows(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;
}

impl Cached for Session {
    async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let statement = self.prepare_cached(sql).await?;
        self.query(&statement, parameters).await
    }
}

impl Cached for Transaction<'_> {
    async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let statement = self.prepare_cached(sql).await?;
        self.query(&statement, parameters).await
    }
}
