//! What an upgrade of the tables does, step by step.

use serde::Serialize;

use super::word::words;

/// An upgrade of a store's tables: one that was made (`SqliteStore::migrate`,
/// `PostgresStore::migrate`), or one that is to be made (`pending_migration` of both).
///
/// Serializes as `{"from":5,"to":6,"steps":[{"version":6,"kind":"expansion","oldest_program":5}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Migration {
    /// The schema version before: the newest step that had been applied. None where there were no
    /// tables.
    pub from: Option<i64>,
    /// The schema version after the steps. It may be above the newest that this program knows, if a
    /// newer program has expanded the tables.
    pub to: i64,
    /// The steps, in their order; none where nothing is to be done. Those that another program has
    /// made at the same time are not among them.
    pub steps: Vec<MigrationStep>,
}

impl Migration {
    /// A migration of these steps.
    #[must_use]
    pub const fn new(from: Option<i64>, to: i64, steps: Vec<MigrationStep>) -> Self {
        Self { from, to, steps }
    }
}

/// A step of a [`Migration`], which is made as a whole or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct MigrationStep {
    /// The schema version that it leads to.
    pub version: i64,
    /// What it means for programs that are running.
    pub kind: MigrationKind,
    /// The schema version that the oldest program that works with the tables afterwards must know.
    /// An older one is refused: [`StoreError::NewerSchema`](super::StoreError::NewerSchema).
    pub oldest_program: i64,
}

impl MigrationStep {
    /// A step to this version.
    #[must_use]
    pub const fn new(version: i64, kind: MigrationKind, oldest_program: i64) -> Self {
        Self {
            version,
            kind,
            oldest_program,
        }
    }
}

words! {
    /// What a step of a [`Migration`] means for programs that are running.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum MigrationKind {
        /// All the tables are made.
        Creation = "creation",
        /// Only adds what older programs pass over: they go on working while it is made, and
        /// afterwards.
        Expansion = "expansion",
        /// Changes what older programs rely on: those that do not know
        /// [`oldest_program`](MigrationStep::oldest_program) have to be stopped before.
        Contraction = "contraction",
    }
}
