//! Pools of connections, one for each purpose.

use std::sync::Arc;

use deadpool::Runtime;
use deadpool::managed::Pool;

use super::connections::{BUSY, Connections, Family};
use super::connector::Connector;
use super::options::PostgresOptions;
use super::runtime::Home;
use super::session::{Manager, Purpose};
use super::target::Target;
use super::watch;
use crate::store::{Result, StoreError};

/// Whatever the defaults of the role or the database are: in a snapshot that is older than a lock,
/// no caller sees what was done under it, and what was tried again would fail again. Warnings say
/// where a commit is not on the standby. The mark shows to those who share the session that they
/// do.
const EVERYBODY: &str = "\
    SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning; \
    SET certlife.session = 'mine'";

/// What was acknowledged is on disk, and on the synchronous standby, whatever the server's default
/// is, or becomes.
const DURABLE: &str = "\
    SELECT set_config('synchronous_commit', CASE WHEN setting IN ('off', 'local') THEN 'on' ELSE setting END, false) \
    FROM current_setting('synchronous_commit') AS setting";

/// The plans of prepared statements are made once, perhaps while the tables are empty; so they may
/// only be those that stay good: by index, row by row.
const PLANS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

/// How many connections claim and settle at the same time.
const DELIVERERS: usize = 2;

/// Of queues, the first few are read by index, however many there seem to be.
const QUEUES: &str = "SET enable_bitmapscan = off; SET enable_sort = off";

/// What the loss of power takes of claims and settlements is sent again.
const HASTY: &str = "SET synchronous_commit = off";

const READER: &str = "SET default_transaction_read_only = on";

/// Where connections lead to, and where they live.
pub(super) struct Place<'o> {
    pub(super) home: Arc<Home>,
    pub(super) family: Arc<Family>,
    pub(super) connector: Connector,
    options: &'o PostgresOptions,
}

impl<'o> Place<'o> {
    /// What the URL leads to, at home on the caller's runtime.
    pub(super) fn new(target: &Target, options: &'o PostgresOptions) -> Result<Self> {
        let home = Arc::new(Home::here()?);
        let family = Arc::new(Family::new(options.connect_timeout));
        let (target, at) = (Arc::new(target.clone()), Arc::clone(&home));
        let limit = options.connect_timeout;
        let connector =
            move |cluster| Connector::new(Arc::clone(&target), Arc::clone(&at), cluster, limit);
        watch::start(&home, &family.cluster, connector.clone());
        Ok(Self {
            connector: connector(Arc::clone(&family.cluster)),
            home,
            family,
            options,
        })
    }

    /// Connections for a purpose.
    pub(super) fn connections(&self, purpose: Purpose) -> Result<Connections> {
        let (options, family) = (self.options, &self.family);
        let lock_timeout = format!("SET lock_timeout = {}", options.lock_timeout.as_millis());
        let (size, settings) = match purpose {
            Purpose::Writing => (
                options.writers,
                format!("{EVERYBODY}; {PLANS}; {lock_timeout}; {DURABLE}"),
            ),
            Purpose::Reading => (options.readers, format!("{EVERYBODY}; {READER}")),
            Purpose::Delivering => (
                DELIVERERS,
                format!("{EVERYBODY}; {PLANS}; {QUEUES}; {lock_timeout}; {HASTY}"),
            ),
            Purpose::Migrating => (1, format!("{EVERYBODY}; {lock_timeout}; {DURABLE}")),
        };
        let index = family.index();
        let manager = Manager {
            connector: self.connector.clone(),
            home: Arc::clone(&self.home),
            purpose,
            settings: Box::new(move || match index.get() {
                // An error while a dump is being restored, of which this index is the last: tables
                // that are missing until then are on their way.
                Some(index) => {
                    let index = index.replace('\'', "''");
                    format!("{settings}; SELECT '{index}'::regclass")
                }
                None => settings.clone(),
            }),
            limit: options.answer_timeout,
        };
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(BUSY.max(options.connect_timeout)))
            .build()
            .map_err(|error| StoreError::unavailable(error.to_string()).caused_by(error))?;
        // Migration comes to an end, and its connection with it.
        if purpose != Purpose::Migrating {
            family.add(pool.clone());
        }
        let most_given_up = if purpose == Purpose::Writing {
            size
        } else {
            usize::MAX
        };
        Ok(Connections {
            pool,
            family: Arc::clone(family),
            most_given_up,
        })
    }
}
