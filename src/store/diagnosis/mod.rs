//! What a store finds out about itself: `certlife doctor`, and the health of a program that embeds
//! a store.
//!
//! `PostgresStore::diagnose` asks each host of a URL, `SqliteStore::diagnose` looks at a file. Both
//! return a [`Diagnosis`]: what was found out, and what to make of it. Neither changes anything.
//! No part of it has a password, the text of a query or anything of an application.

mod code;
mod host;

use serde::Serialize;

pub use code::FindingCode;
pub use host::{
    Connections, FeedHolder, HolderKind, HostReport, HostRole, MissingRights, Receiving,
    ReplicationSlot, SchemaReport, StandbyReport, Synchronous,
};

use super::word::words;

words! {
    /// How bad a finding is. The order is from good to bad.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Severity {
        /// It is as it should be.
        Ok = "ok",
        /// Worth to know; nothing has to be done.
        Note = "note",
        /// It works, and something can be lost or can stop later.
        Warning = "warning",
        /// It does not work, or what is acknowledged is not safe.
        Wrong = "wrong",
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of finding it is, for programs.
    pub code: FindingCode,
    /// How bad it is.
    pub severity: Severity,
    /// The host that it is about, as the URL names it; none where it is about all of them, or about
    /// a file.
    pub host: Option<String>,
    /// What was found, in words.
    pub found: String,
    /// Why it matters; none where all is well.
    pub why: Option<&'static str>,
    /// What would be right; none where all is well.
    pub remedy: Option<&'static str>,
}

impl Finding {
    pub(in crate::store) fn new(
        code: FindingCode,
        severity: Severity,
        found: impl Into<String>,
    ) -> Self {
        let advice = (severity > Severity::Ok).then(|| code.advice());
        Self {
            code,
            severity,
            host: None,
            found: found.into(),
            why: advice.map(|it| it.0),
            remedy: advice.map(|it| it.1),
        }
    }
}

/// What was found out about a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// `postgresql` or `sqlite`.
    pub store: &'static str,
    /// The worst of the findings.
    pub verdict: Severity,
    /// What was found: of each host in the order of the URL, then of all of them.
    pub findings: Vec<Finding>,
    /// The hosts of PostgreSQL, in the order of the URL; none of a file.
    pub hosts: Vec<HostReport>,
    /// The file of SQLite; none of PostgreSQL.
    pub file: Option<FileReport>,
}

impl Diagnosis {
    pub(in crate::store) fn new(
        store: &'static str,
        findings: Vec<Finding>,
        hosts: Vec<HostReport>,
        file: Option<FileReport>,
    ) -> Self {
        let worst = findings.iter().map(|it| it.severity).max();
        Self {
            store,
            verdict: worst.unwrap_or(Severity::Ok),
            findings,
            hosts,
            file,
        }
    }

    /// Whether something is wrong. Notes and warnings are not.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.verdict == Severity::Wrong
    }
}

/// A file of SQLite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileReport {
    /// The file, as an absolute path. What is not UTF-8 in it is replaced.
    pub path: String,
    /// How large the file is, in bytes; none where there is none.
    pub bytes: Option<u64>,
    /// How large the log beside it (`-wal`) is, in bytes; none where there is none.
    pub log_bytes: Option<u64>,
    /// How SQLite keeps its transactions: `wal`, once a program has written.
    pub journal_mode: Option<String>,
    /// Whether this program may write to the file and its folder.
    pub is_writable: Option<bool>,
    /// The schema.
    pub schema: Option<SchemaReport>,
}
