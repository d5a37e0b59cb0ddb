//! Who did what: writes to webhooks, deliveries and tokens, which are no transitions.

mod record;

use chrono::{DateTime, Utc};

use super::contract::{Store, contract};
use super::error::StoreError;
use super::name::InstitutionId;
use super::page::page;

pub use record::{Act, ActId, ActIdError, ActKind, ActNote, ActOutcome, RecordedAct};

contract! {
    /// What a store adds to say who did what: acts, each with its actor.
    ///
    /// An act is recorded before it is done, and its outcome afterwards. An act without an outcome
    /// was broken off, or is still being done. Transitions are no acts: their events have the
    /// actor.
    ($) pub trait Audit: Store as audit {
        /// Records an act that is about to be done.
        ///
        /// # Errors
        /// [`StoreError`]; then the act must not be done.
        async fn record_act(act: Act) -> Result<ActId, StoreError>;

        /// Records what came of an act. The first outcome stays; an act that was pruned meanwhile
        /// is passed over.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn end_act(id: ActId, outcome: ActOutcome) -> Result<(), StoreError>;

        /// One page of acts, the newest first, of those that were recorded before this one: those
        /// of exactly this institution, or all there are. An act that is about all institutions is
        /// only among all there are.
        ///
        /// A page has at most `limit` acts, corrupt ones included; 0 counts as 1. Acts that are
        /// recorded meanwhile shift no page.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn acts(
            institution: Option<&InstitutionId>,
            before: Option<ActId>,
            limit: u32,
        ) -> Result<ActPage, StoreError>;

        /// Deletes acts that were recorded before this time, the oldest first, and at most `limit`
        /// of them; how many there were.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn prune_acts(before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;
    }
}

/// One page of a list of acts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ActPage {
    /// The acts, the newest first.
    pub acts: Vec<RecordedAct>,
    /// What stands on this page and cannot be read: for each a [`StoreError::Corrupt`] that names
    /// the act. It does not keep the others from being listed.
    pub corrupt: Vec<StoreError>,
    /// What the next page comes before; none after the last.
    pub next: Option<ActId>,
}

impl ActPage {
    /// How many rows a page has at most.
    pub(super) const fn size(limit: u32) -> usize {
        if limit == 0 { 1 } else { limit as usize }
    }

    /// The page of these rows: the number of each, and what it says.
    pub(super) fn of(
        size: usize,
        rows: impl IntoIterator<Item = (ActId, Result<RecordedAct, StoreError>)>,
    ) -> Self {
        let page = page(size, rows);
        Self {
            acts: page.sound,
            corrupt: page.corrupt.into_iter().map(|(_, error)| error).collect(),
            next: page.next,
        }
    }
}
