//! Sets of (state, source), as one word: how the rules reach a database.

use crate::lifecycle::action::Action;
use crate::lifecycle::rules;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;

/// A set of combinations of state and source: bit `2 × status + source` of a word, each counted
/// from 0 in the order of its `ALL`. Stored databases rely on that order; a test pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cells(u16);

impl Cells {
    /// Every combination.
    pub(crate) const ALL: Self = Self((1 << (Status::ALL.len() * Source::ALL.len())) - 1);

    /// Where background work owns the application (CONTRACT.md, "In progress").
    pub(crate) fn in_progress() -> Self {
        Self::of(|status, source| rules::is_legal(status, source, Action::Approve))
    }

    /// Where the action is legal, and some history leads to: at version 1 in the lowest 12 bits,
    /// then at version 2, at odd versions from 3 on, and at even ones.
    #[cfg(feature = "postgres")]
    pub(crate) fn legal_at_versions(action: Action) -> i64 {
        let at = |version| {
            Self::of(|status, source| {
                rules::is_legal(status, source, action)
                    && rules::is_reachable(status, source, version)
            })
        };
        (1..=4).rev().fold(0, |all, version| {
            all << Self::ALL.0.count_ones() | i64::from(at(version).0)
        })
    }

    /// The combinations that the predicate holds for.
    pub(crate) fn of(predicate: impl Fn(Status, Source) -> bool) -> Self {
        let every = Status::ALL
            .into_iter()
            .flat_map(|status| Source::ALL.map(|source| (status, source)));
        Self(
            every
                .filter(|(status, source)| predicate(*status, *source))
                .fold(0, |cells, (status, source)| cells | bit(status, source)),
        )
    }

    /// Those that are in both sets.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the combination is in the set.
    pub(crate) const fn contains(self, status: Status, source: Source) -> bool {
        self.0 & bit(status, source) != 0
    }

    /// The word.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }
}

const fn bit(status: Status, source: Source) -> u16 {
    1 << (status as usize * Source::ALL.len() + source as usize)
}

/// A condition in SQL: the cell of the row of `$table`, by its columns `status` and
/// `trigger_context`, is in the word `$cells`, as [`bit`] numbers it. The source is the customer's
/// (1) exactly where the trigger context is (2). A status that does not exist is let through, so
/// that it is reported.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! in_cells {
    ($table:literal, $cells:literal) => {
        concat!(
            "((",
            $cells,
            " >> (",
            $table,
            ".status * 2 \
             + CASE ",
            $table,
            ".trigger_context WHEN 2 THEN 1 ELSE 0 END)) & 1 = 1 \
             OR ",
            $table,
            ".status NOT BETWEEN 0 AND 5)"
        )
    };
}
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use in_cells;
