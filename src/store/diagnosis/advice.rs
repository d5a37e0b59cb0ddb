//! Why each finding matters, and what would be right.

use super::FindingCode;

impl FindingCode {
    /// Why a finding of this kind matters, and what would be right.
    pub(super) const fn advice(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreachable
            | Self::Unanswered
            | Self::SessionShared
            | Self::FunctionMissing
            | Self::NoPrimary
            | Self::SeveralPrimaries
            | Self::DifferentSystems
            | Self::SameServer => self.of_hosts(),
            Self::StandbyNotStreaming
            | Self::StandbyOnOtherTimeline
            | Self::StandbyLags
            | Self::SynchronousStandby
            | Self::SynchronousStandbyAway
            | Self::CommitsWait
            | Self::SlotKeepsLog => self.of_standbys(),
            Self::StatisticsWithheld
            | Self::FeedHeldBack
            | Self::Schema
            | Self::NoStore
            | Self::NotAStore
            | Self::Misconfigured
            | Self::Rights
            | Self::FailoverRights => self.of_stores(),
            Self::Fsync
            | Self::FullPageWrites
            | Self::SynchronousCommit
            | Self::Autovacuum
            | Self::IdleTransactions
            | Self::ConnectionsScarce
            | Self::ClockSkew
            | Self::NotEncrypted => self.of_servers(),
            Self::Integrity
            | Self::JournalMode
            | Self::LargeLog
            | Self::ReadOnly
            | Self::ReadableByOthers => self.of_files(),
        }
    }

    const fn of_hosts(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreachable => (
                "a host that is away cannot take over, and cannot be looked at",
                "start it, or mend the URL, the network or the role's way in (pg_hba.conf)",
            ),
            Self::Unanswered => (
                "a server that takes connections and does not answer holds commands up",
                "look at its load and its locks; if it is suspended, let it go on or fence it off",
            ),
            Self::SessionShared => (
                "settings and notifications of one program reach another; stores refuse to open",
                "use pool_mode = session, or connect to PostgreSQL itself",
            ),
            Self::FunctionMissing => (
                "without it, a failover or a lost commit may not be noticed",
                "grant EXECUTE on it to the role",
            ),
            Self::NoPrimary => (
                "no command is carried out, and nothing is delivered",
                "promote a standby, or add the primary to the URL; for a program that only reads, \
                 set target_session_attrs=any",
            ),
            Self::SeveralPrimaries => (
                "what is acknowledged by the one that gives way is lost",
                "stop the one with the lower timeline at once, and let it come back as a standby \
                 (pg_rewind or a new base backup)",
            ),
            Self::DifferentSystems => (
                "they are not copies of each other: a failover would lead to other data",
                "name in the URL one primary and its own standbys only",
            ),
            _ => (
                "they do not stand in for each other",
                "name each server once, or a standby as well",
            ),
        }
    }

    const fn of_standbys(self) -> (&'static str, &'static str) {
        match self {
            Self::StandbyNotStreaming => (
                "it falls behind, and cannot take over without loss",
                "look at its log: the primary's address, the replication role, WAL that is gone",
            ),
            Self::StandbyOnOtherTimeline => (
                "it follows a history that the primary has left",
                "let it follow the primary: pg_rewind, or a new base backup",
            ),
            Self::StandbyLags => (
                "promoted now, it would lose what it lacks, unless commits wait for it; reads are \
                 as old",
                "look at the network and its disk, and at long queries on it",
            ),
            Self::SynchronousStandby => (
                "a failover may lose what was acknowledged",
                "set synchronous_standby_names; under Patroni: synchronous_mode and \
                 synchronous_mode_strict (docs/high-availability.md)",
            ),
            Self::SynchronousStandbyAway => (
                "no command is acknowledged until one is there",
                "bring a standby back; do not cancel the sessions that wait for it",
            ),
            Self::CommitsWait => (
                "commands, the feed and deliveries stand still meanwhile",
                "bring the standby back; do not cancel the sessions that wait for it",
            ),
            _ => (
                "the log is kept for it until the disk is full",
                "bring its receiver back, drop the slot, or set max_slot_wal_keep_size",
            ),
        }
    }

    const fn of_stores(self) -> (&'static str, &'static str) {
        match self {
            Self::StatisticsWithheld => (
                "which standbys are in step, and who holds the feed back, is not known",
                "GRANT pg_monitor to the role, or run it with the URL of a role that has it",
            ),
            Self::FeedHeldBack => (
                "followers and deliveries hear of nothing that came later",
                "end it: pg_terminate_backend(pid), or ROLLBACK PREPARED; never a session that \
                 waits for a standby",
            ),
            Self::Schema => (
                "a program works with the schema versions that it knows only",
                "run certlife migrate of the newest release that is in use",
            ),
            Self::NoStore => (
                "programs with Setup::Keep, and commands that read, end with no_store",
                "check the URL, its search_path and the path; or run certlife migrate",
            ),
            Self::NotAStore => (
                "nothing can be read or written here",
                "check the URL and its search_path, or the path",
            ),
            Self::Misconfigured => (
                "a store cannot be opened here",
                "put right what the message names",
            ),
            Self::Rights => (
                "programs that use this role end with misconfigured when they need the right",
                "grant it if this role is to do this (docs/stores.md has the list)",
            ),
            _ => (
                "after a failover, the first connection that writes changes certlife_feed; without \
                 the right, all commands fail then",
                "GRANT SELECT, UPDATE ON certlife_feed to the role",
            ),
        }
    }

    const fn of_servers(self) -> (&'static str, &'static str) {
        match self {
            Self::Fsync => (
                "a crash of the machine loses what was acknowledged, or all",
                "fsync = on",
            ),
            Self::FullPageWrites => (
                "a crash of the machine can damage tables, unless the file system writes pages \
                 whole",
                "full_page_writes = on",
            ),
            Self::SynchronousCommit => (
                "other programs of this role can lose what they have committed; a store raises off \
                 and local to on for its own commands",
                "synchronous_commit = on",
            ),
            Self::Autovacuum => ("tables grow and statements become slow", "autovacuum = on"),
            Self::IdleTransactions => (
                "a forgotten transaction holds the feed back for as long as it stays open",
                "idle_in_transaction_session_timeout = 1min",
            ),
            Self::ConnectionsScarce => (
                "programs without a connection are unavailable, and a failover needs as many again",
                "raise max_connections, or run fewer programs (docs/stores.md counts them)",
            ),
            Self::ClockSkew => (
                "times of events, leases and retries are those of the machines",
                "synchronise the clocks of both (NTP)",
            ),
            _ => (
                "passwords' proofs, titles and addresses cross the network in clear",
                "sslmode=require in the URL, and sslrootcert where the authority is your own",
            ),
        }
    }

    const fn of_files(self) -> (&'static str, &'static str) {
        match self {
            Self::Integrity => (
                "what is read may be wrong, and writing may make it worse",
                "stop the programs, keep a copy of the file and its -wal, and restore a backup",
            ),
            Self::JournalMode => (
                "readers and the writer wait for each other",
                "nothing: the first command that writes switches it to wal",
            ),
            Self::LargeLog => (
                "reading becomes slower and the disk fills: a reader keeps the log from being \
                 copied into the file",
                "end the program that keeps a transaction open",
            ),
            Self::ReadOnly => (
                "commands are refused",
                "for a program that writes: run it as a user who may write the file and its folder",
            ),
            _ => (
                "it has titles, addresses and, if there are webhooks, the secrets that sign",
                "chmod o-rwx on the file, or keep it in a folder of its own with mode 0700",
            ),
        }
    }
}
