//! The kinds of findings, and what to say about each.

use crate::store::word::words;

/// The findings: of each its word, why it matters, and what would be right.
macro_rules! findings {
    (
        $(#[$meta:meta])*
        pub enum $name:ident;
        $($(#[$doc:meta])* $finding:ident = $word:literal: $why:literal, $remedy:literal;)+
    ) => {
        words! {
            $(#[$meta])*
            #[non_exhaustive]
            pub enum $name {
                $($(#[$doc])* $finding = $word,)+
            }
        }

        impl $name {
            /// All of them, in the order of the documentation.
            pub const ALL: [Self; [$(Self::$finding),+].len()] = [$(Self::$finding,)+];

            /// Why a finding of this kind matters, and what would be right.
            pub(super) const fn advice(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$finding => ($why, $remedy),)+
                }
            }
        }
    };
}

findings! {
    /// The kind of a finding. Its word ([`as_str`](Self::as_str)) stays the same, whatever the text
    /// of a finding says.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum FindingCode;

    /// There is no connection to a host.
    Unreachable = "unreachable":
        "a host that is away cannot take over, and cannot be looked at",
        "start it, or mend the URL, the network or the role's way in (pg_hba.conf)";
    /// A host took the connection and did not answer all questions in time.
    Unanswered = "unanswered":
        "a server that takes connections and does not answer holds commands up",
        "look at its load and its locks; if it is suspended, let it go on or fence it off";
    /// A pooler lends sessions to several programs.
    SessionShared = "session_shared":
        "settings and notifications of one program reach another; stores refuse to open",
        "use pool_mode = session, or connect to PostgreSQL itself";
    /// A server withholds a function, or does not have it.
    FunctionMissing = "function_missing":
        "without it, a failover or a lost commit may not be noticed",
        "grant EXECUTE on it to the role";
    /// No host takes writes.
    NoPrimary = "no_primary":
        "no command is carried out, and nothing is delivered",
        "promote a standby, or add the primary to the URL; for a program that only reads, set \
         target_session_attrs=any";
    /// More than one server takes writes.
    SeveralPrimaries = "several_primaries":
        "what is acknowledged by the one that gives way is lost",
        "stop the one with the lower timeline at once, and let it come back as a standby \
         (pg_rewind or a new base backup)";
    /// Hosts are servers of different databases.
    DifferentSystems = "different_systems":
        "they are not copies of each other: a failover would lead to other data",
        "name in the URL one primary and its own standbys only";
    /// Several hosts lead to one server.
    SameServer = "same_server":
        "they do not stand in for each other",
        "name each server once, or a standby as well";
    /// A standby receives nothing.
    StandbyNotStreaming = "standby_not_streaming":
        "it falls behind, and cannot take over without loss",
        "look at its log: the primary's address, the replication role, WAL that is gone";
    /// A standby follows another timeline than the primary's.
    StandbyOnOtherTimeline = "standby_on_other_timeline":
        "it follows a history that the primary has left",
        "let it follow the primary: pg_rewind, or a new base backup";
    /// A standby is behind.
    StandbyLags = "standby_lags":
        "promoted now, it would lose what it lacks, unless commits wait for it; reads are as old",
        "look at the network and its disk, and at long queries on it";
    /// Whether commits wait for a standby.
    SynchronousStandby = "synchronous_standby":
        "a failover may lose what was acknowledged",
        "set synchronous_standby_names; under Patroni: synchronous_mode and \
         synchronous_mode_strict (docs/high-availability.md)";
    /// Commits wait for a standby, and none is there.
    SynchronousStandbyAway = "synchronous_standby_away":
        "no command is acknowledged until one is there",
        "bring a standby back; do not cancel the sessions that wait for it";
    /// Commits have waited for a standby for long.
    CommitsWait = "commits_wait":
        "commands, the feed and deliveries stand still meanwhile",
        "bring the standby back; do not cancel the sessions that wait for it";
    /// A replication slot without its receiver keeps the log.
    SlotKeepsLog = "slot_keeps_log":
        "the log is kept for it until the disk is full",
        "bring its receiver back, drop the slot, or set max_slot_wal_keep_size";
    /// The role may not see sessions and standbys.
    StatisticsWithheld = "statistics_withheld":
        "which standbys are in step, and who holds the feed back, is not known",
        "GRANT pg_monitor to the role, or run it with the URL of a role that has it";
    /// A transaction holds the feed back.
    FeedHeldBack = "feed_held_back":
        "followers and deliveries hear of nothing that came later",
        "end it: pg_terminate_backend(pid), or ROLLBACK PREPARED; never a session that waits for a \
         standby";
    /// The schema.
    Schema = "schema":
        "a program works with the schema versions that it knows only",
        "run certlife migrate of the newest release that is in use";
    /// There are no tables of a store.
    NoStore = "no_store":
        "programs with Setup::Keep, and commands that read, end with no_store",
        "check the URL, its search_path and the path; or run certlife migrate";
    /// The tables are those of another program.
    NotAStore = "not_a_store":
        "nothing can be read or written here",
        "check the URL and its search_path, or the path";
    /// The server, the database or the role is not set up right.
    Misconfigured = "misconfigured":
        "a store cannot be opened here",
        "put right what the message names";
    /// What the role may do.
    Rights = "rights":
        "programs that use this role end with misconfigured when they need the right",
        "grant it if this role is to do this (docs/stores.md has the list)";
    /// The role may give commands, but not after a failover.
    FailoverRights = "failover_rights":
        "after a failover, the first connection that writes changes certlife_feed; without the \
         right, all commands fail then",
        "GRANT SELECT, UPDATE ON certlife_feed to the role";
    /// `fsync` is off.
    Fsync = "fsync":
        "a crash of the machine loses what was acknowledged, or all",
        "fsync = on";
    /// `full_page_writes` is off.
    FullPageWrites = "full_page_writes":
        "a crash of the machine can damage tables, unless the file system writes pages whole",
        "full_page_writes = on";
    /// `synchronous_commit` of the role is less than `on`.
    SynchronousCommit = "synchronous_commit":
        "other programs of this role can lose what they have committed; a store raises off and \
         local to on for its own commands",
        "synchronous_commit = on";
    /// `autovacuum` is off.
    Autovacuum = "autovacuum":
        "tables grow and statements become slow",
        "autovacuum = on";
    /// Forgotten transactions are not ended.
    IdleTransactions = "idle_transactions":
        "a forgotten transaction holds the feed back for as long as it stays open",
        "idle_in_transaction_session_timeout = 1min";
    /// Few connections are left.
    ConnectionsScarce = "connections_scarce":
        "programs without a connection are unavailable, and a failover needs as many again",
        "raise max_connections, or run fewer programs (docs/stores.md counts them)";
    /// The clocks differ.
    ClockSkew = "clock_skew":
        "times of events, leases and retries are those of the machines",
        "synchronise the clocks of both (NTP)";
    /// The connection is not encrypted.
    NotEncrypted = "not_encrypted":
        "passwords' proofs, titles and addresses cross the network in clear",
        "sslmode=require in the URL, and sslrootcert where the authority is your own";
    /// Whether the file is whole.
    Integrity = "integrity":
        "what is read may be wrong, and writing may make it worse",
        "stop the programs, keep a copy of the file and its -wal, and restore a backup";
    /// How SQLite keeps its transactions.
    JournalMode = "journal_mode":
        "readers and the writer wait for each other",
        "nothing: the first command that writes switches it to wal";
    /// The log beside the file is large.
    LargeLog = "large_log":
        "reading becomes slower and the disk fills: a reader keeps the log from being copied into \
         the file",
        "end the program that keeps a transaction open";
    /// This program may only read.
    ReadOnly = "read_only":
        "commands are refused",
        "for a program that writes: run it as a user who may write the file and its folder";
    /// Other users of the machine may read the file.
    ReadableByOthers = "readable_by_others":
        "it has titles, addresses and, if there are webhooks, the secrets that sign",
        "chmod o-rwx on the file, or keep it in a folder of its own with mode 0700";
}
