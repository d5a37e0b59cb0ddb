//! What is found out about one host of PostgreSQL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::word::words;

words! {
    /// What a host is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum HostRole {
        /// It takes writes.
        Primary = "primary",
        /// It follows another server.
        Standby = "standby",
        /// It follows no other server, and takes no writes from this role
        /// (`default_transaction_read_only`).
        ReadOnly = "read_only",
    }
}

/// A host of the URL. Of a host that does not answer, only its name is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostReport {
    /// The host and the port, or the path of the socket, as the URL has them. A name with several
    /// addresses is one host: the first address that answers counts.
    pub host: String,
    /// What it is; none where it does not answer.
    pub role: Option<HostRole>,
    /// The version of PostgreSQL, such as `15.18`.
    pub server_version: Option<String>,
    /// What PostgreSQL calls the system identifier: servers that copy each other have the same.
    pub system: Option<String>,
    /// The timeline; of a standby that which it receives, or otherwise had at its last checkpoint.
    pub timeline: Option<i64>,
    /// Where its log ends, in bytes: written on a primary, received on a standby.
    pub log_position: Option<i64>,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// How far the server's clock is ahead of this machine's, in milliseconds; negative if it is
    /// behind.
    pub clock_skew_ms: Option<i64>,
    /// How long the answer to one question took, in milliseconds: the skew is known as exactly as
    /// this.
    pub answered_in_ms: Option<i64>,
    /// The role that was connected.
    pub user: Option<String>,
    /// Whether the role may see what other roles' sessions do (`pg_monitor`).
    pub sees_statistics: Option<bool>,
    /// How many connections the server has.
    pub connections: Option<Connections>,
    /// What commits wait for; none on a standby.
    pub synchronous: Option<Synchronous>,
    /// The standbys that are connected to it; none where the role may not see them.
    pub standbys: Option<Vec<StandbyReport>>,
    /// How a standby receives; none on a primary.
    pub receiving: Option<Receiving>,
    /// Replication slots.
    pub slots: Vec<ReplicationSlot>,
    /// What holds the feed back, the oldest first, three at most. Of sessions of other roles, only
    /// those that the role may see.
    pub feed_held_by: Vec<FeedHolder>,
    /// The schema; none where there is none.
    pub schema: Option<SchemaReport>,
    /// What the role may not do; none where there are no tables.
    pub missing_rights: Option<MissingRights>,
    /// Settings, as this role gets them.
    pub settings: BTreeMap<String, String>,
}

/// How many connections a server has, and may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Connections {
    /// How many are in use, of all roles and databases.
    pub used: i64,
    /// The limit of the server (`max_connections`).
    pub limit: i64,
}

/// What commits wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Synchronous {
    /// `synchronous_standby_names`; empty if commits wait for no standby.
    pub standby_names: String,
    /// `synchronous_commit` as this role gets it. A store raises `off` and `local` to `on`.
    pub commit: String,
    /// How many sessions wait for a standby now, as far as the role may see them.
    pub waiting: i64,
    /// For how long the longest of them has waited, in milliseconds.
    pub longest_wait_ms: Option<i64>,
}

/// A standby, as its primary sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StandbyReport {
    /// Its name: `application_name` or `cluster_name`.
    pub name: String,
    /// `streaming`, `catchup`, `startup`, `backup` or `stopping`.
    pub state: Option<String>,
    /// `sync`, `quorum`, `potential` or `async`.
    pub sync_state: Option<String>,
    /// How much of the log it does not have on its disk yet, in bytes.
    pub lag_bytes: Option<i64>,
    /// How long it takes to have the log on its disk, in milliseconds; none where there was
    /// nothing to send for a while.
    pub lag_ms: Option<i64>,
}

impl StandbyReport {
    /// Whether commits wait for it now.
    #[must_use]
    pub fn is_synchronous(&self) -> bool {
        let is = |text: &Option<String>, words: &[&str]| {
            text.as_deref().is_some_and(|it| words.contains(&it))
        };
        is(&self.sync_state, &["sync", "quorum"]) && is(&self.state, &["streaming"])
    }
}

/// How a standby receives, as it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receiving {
    /// Whether it is connected to its primary.
    pub is_connected: bool,
    /// The state of that connection, such as `streaming`; none where the role may not see it.
    pub status: Option<String>,
    /// The timeline that it receives; none where the role may not see it.
    pub timeline: Option<i64>,
    /// How much of the log it has received and not yet applied, in bytes.
    pub unapplied_bytes: Option<i64>,
    /// How old the last transaction is that it has applied, in milliseconds; 0 where all that was
    /// received is applied.
    pub unapplied_ms: Option<i64>,
    /// How much of the primary's log it has not received, in bytes; none where the primary is no
    /// host of the URL.
    #[serde(default)]
    pub lag_bytes: Option<i64>,
}

/// A replication slot: the server keeps its log for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplicationSlot {
    /// Its name.
    pub name: String,
    /// Whether a standby or another receiver is connected.
    pub is_active: bool,
    /// How much of the log is kept for it, in bytes.
    pub kept_bytes: Option<i64>,
}

/// What holds the feed back: the feed stands before the oldest transaction that has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FeedHolder {
    /// What it is.
    pub kind: HolderKind,
    /// The process of the server, of a session.
    pub pid: Option<i32>,
    /// `application_name` of a session, `gid` of a prepared transaction.
    pub name: String,
    /// The database.
    pub database: Option<String>,
    /// Since when its transaction is open, in RFC 3339.
    pub since: Option<String>,
    /// For how long, in milliseconds.
    pub open_ms: i64,
    /// Whether it waits for a synchronous standby.
    pub waits_for_standby: bool,
}

/// What kind of transaction holds the feed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// That of a session.
    Session,
    /// One that was prepared (`PREPARE TRANSACTION`).
    Prepared,
}

/// The schema of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SchemaReport {
    /// What the oldest program that works with the tables must know.
    pub version: i64,
    /// The newest step that was applied.
    pub expanded: i64,
    /// The version that this program needs.
    pub needed: i64,
    /// The newest version that this program knows: `certlife migrate` leads to it.
    pub newest: i64,
}

/// The rights that a role does not have, for each use, such as `INSERT ON certlife_event`. Empty
/// where it may do all of it (docs/stores.md).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MissingRights {
    /// `load`, `history`, lists, counts, the feed.
    pub read: Vec<String>,
    /// Commands.
    pub write: Vec<String>,
    /// Commands after a failover or a restoration.
    pub failover: Vec<String>,
    /// Delivering, redelivering, abandoning.
    pub deliver: Vec<String>,
    /// Background work, with the commands that end it.
    pub process: Vec<String>,
    /// Registering, changing and removing webhooks; pruning.
    pub webhooks: Vec<String>,
    /// Creating, looking up and revoking tokens of the HTTP API.
    pub tokens: Vec<String>,
    /// Keeping the replies of the HTTP API under idempotency keys.
    pub replies: Vec<String>,
    /// Recording who did what to webhooks, deliveries and tokens, and listing it.
    pub acts: Vec<String>,
    /// Upgrades of the tables.
    pub migrate: Vec<String>,
}

impl MissingRights {
    /// The uses by their names, each with what is missing for it.
    #[must_use]
    pub fn uses(&self) -> [(&'static str, &[String]); 10] {
        [
            ("read", &self.read),
            ("write", &self.write),
            ("failover", &self.failover),
            ("deliver", &self.deliver),
            ("process", &self.process),
            ("webhooks", &self.webhooks),
            ("tokens", &self.tokens),
            ("replies", &self.replies),
            ("acts", &self.acts),
            ("migrate", &self.migrate),
        ]
    }
}
