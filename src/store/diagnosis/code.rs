//! The kinds of findings, and what to say about each.

use serde::Serialize;

/// The kind of a finding. Its word ([`as_str`](Self::as_str)) stays the same, whatever the text of
/// a finding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "&'static str")]
#[non_exhaustive]
pub enum FindingCode {
    /// There is no connection to a host.
    Unreachable,
    /// A host took the connection and did not answer all questions in time.
    Unanswered,
    /// A pooler lends sessions to several programs.
    SessionShared,
    /// A server withholds a function, or does not have it.
    FunctionMissing,
    /// No host takes writes.
    NoPrimary,
    /// More than one server takes writes.
    SeveralPrimaries,
    /// Hosts are servers of different databases.
    DifferentSystems,
    /// Several hosts lead to one server.
    SameServer,
    /// A standby receives nothing.
    StandbyNotStreaming,
    /// A standby follows another timeline than the primary's.
    StandbyOnOtherTimeline,
    /// A standby is behind.
    StandbyLags,
    /// Whether commits wait for a standby.
    SynchronousStandby,
    /// Commits wait for a standby, and none is there.
    SynchronousStandbyAway,
    /// Commits have waited for a standby for long.
    CommitsWait,
    /// A replication slot without its receiver keeps the log.
    SlotKeepsLog,
    /// The role may not see sessions and standbys.
    StatisticsWithheld,
    /// A transaction holds the feed back.
    FeedHeldBack,
    /// The schema.
    Schema,
    /// There are no tables of a store.
    NoStore,
    /// The tables are those of another program.
    NotAStore,
    /// The server, the database or the role is not set up right.
    Misconfigured,
    /// What the role may do.
    Rights,
    /// The role may give commands, but not after a failover.
    FailoverRights,
    /// `fsync` is off.
    Fsync,
    /// `full_page_writes` is off.
    FullPageWrites,
    /// `synchronous_commit` of the role is less than `on`.
    SynchronousCommit,
    /// `autovacuum` is off.
    Autovacuum,
    /// Forgotten transactions are not ended.
    IdleTransactions,
    /// Few connections are left.
    ConnectionsScarce,
    /// The clocks differ.
    ClockSkew,
    /// The connection is not encrypted.
    NotEncrypted,
    /// Whether the file is whole.
    Integrity,
    /// How SQLite keeps its transactions.
    JournalMode,
    /// The log beside the file is large.
    LargeLog,
    /// This program may only read.
    ReadOnly,
    /// Other users of the machine may read the file.
    ReadableByOthers,
}

impl FindingCode {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 36] = [
        Self::Unreachable,
        Self::Unanswered,
        Self::SessionShared,
        Self::FunctionMissing,
        Self::NoPrimary,
        Self::SeveralPrimaries,
        Self::DifferentSystems,
        Self::SameServer,
        Self::StandbyNotStreaming,
        Self::StandbyOnOtherTimeline,
        Self::StandbyLags,
        Self::SynchronousStandby,
        Self::SynchronousStandbyAway,
        Self::CommitsWait,
        Self::SlotKeepsLog,
        Self::StatisticsWithheld,
        Self::FeedHeldBack,
        Self::Schema,
        Self::NoStore,
        Self::NotAStore,
        Self::Misconfigured,
        Self::Rights,
        Self::FailoverRights,
        Self::Fsync,
        Self::FullPageWrites,
        Self::SynchronousCommit,
        Self::Autovacuum,
        Self::IdleTransactions,
        Self::ConnectionsScarce,
        Self::ClockSkew,
        Self::NotEncrypted,
        Self::Integrity,
        Self::JournalMode,
        Self::LargeLog,
        Self::ReadOnly,
        Self::ReadableByOthers,
    ];

    /// The word for it, such as `standby_not_streaming`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unanswered => "unanswered",
            Self::SessionShared => "session_shared",
            Self::FunctionMissing => "function_missing",
            Self::NoPrimary => "no_primary",
            Self::SeveralPrimaries => "several_primaries",
            Self::DifferentSystems => "different_systems",
            Self::SameServer => "same_server",
            Self::StandbyNotStreaming => "standby_not_streaming",
            Self::StandbyOnOtherTimeline => "standby_on_other_timeline",
            Self::StandbyLags => "standby_lags",
            Self::SynchronousStandby => "synchronous_standby",
            Self::SynchronousStandbyAway => "synchronous_standby_away",
            Self::CommitsWait => "commits_wait",
            Self::SlotKeepsLog => "slot_keeps_log",
            Self::StatisticsWithheld => "statistics_withheld",
            Self::FeedHeldBack => "feed_held_back",
            Self::Schema => "schema",
            Self::NoStore => "no_store",
            Self::NotAStore => "not_a_store",
            Self::Misconfigured => "misconfigured",
            Self::Rights => "rights",
            Self::FailoverRights => "failover_rights",
            Self::Fsync => "fsync",
            Self::FullPageWrites => "full_page_writes",
            Self::SynchronousCommit => "synchronous_commit",
            Self::Autovacuum => "autovacuum",
            Self::IdleTransactions => "idle_transactions",
            Self::ConnectionsScarce => "connections_scarce",
            Self::ClockSkew => "clock_skew",
            Self::NotEncrypted => "not_encrypted",
            Self::Integrity => "integrity",
            Self::JournalMode => "journal_mode",
            Self::LargeLog => "large_log",
            Self::ReadOnly => "read_only",
            Self::ReadableByOthers => "readable_by_others",
        }
    }
}

impl From<FindingCode> for &'static str {
    fn from(code: FindingCode) -> Self {
        code.as_str()
    }
}

impl std::fmt::Display for FindingCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
