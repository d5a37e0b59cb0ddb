//! Background work: who has a claim on an application in progress.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::contract::{Store, contract};
use super::error::{ExecuteError, StoreError};
use super::name::InstitutionId;
use super::outbox::reserved;
use super::request::{Append, Receipt};
use crate::lifecycle::any::AnyApplication;
use crate::setters::setters;

contract! {
    /// What a store adds for background work.
    ///
    /// The applications in progress (CONTRACT.md, "In progress") are the work. Beside them the
    /// store keeps who has a claim on which, how often it was tried, and when it is to be tried
    /// again. A claim is about one version of an application: when the application moves on, the
    /// claim is over.
    ///
    /// What it promises, and `tests/store/` tries on each:
    /// - An application in progress is claimed by one processor at a time: a claim gives it a new
    ///   token and puts off its due time to the end of the lease. Only the newest token renews and
    ///   settles it.
    /// - An application that has moved on is never claimed, and its lease is not renewed.
    /// - A settlement by a transition ends the claim in the transaction of the transition. Either
    ///   both are done, or neither.
    /// - A settlement that is no transition ends the claim where the application has moved on:
    ///   [`WorkSettled::MovedOn`].
    /// - A claim counts as an attempt from its beginning, so that work which takes its process
    ///   along is not tried for ever. [`WorkOutcome::Released`] takes that back.
    ($) pub trait WorkQueue: Store as work_queue {
        /// The institutions that have work, with the time of the first: all of them, or one. First
        /// it finds what has come into progress since it was asked last, by any processor; if that
        /// is much, it finds a part ([`DueWork::has_more`]).
        ///
        /// # Errors
        /// [`StoreError`].
        async fn due_work(institution: Option<&InstitutionId>) -> Result<DueWork, StoreError>;

        /// Takes leases on work that is due.
        ///
        /// Of one institution, what was never claimed comes first, in the order of the feed; a
        /// quarter of the room is for what is due again ([`Claim::again`](super::Claim::again)). A
        /// claim may return less than there is room for while something is due.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn claim_work(claim: WorkClaim) -> Result<Vec<LeasedWork>, StoreError>;

        /// Puts off the ends of leases to this time; of each whether it is still held: it has the
        /// newest token, was not settled, and its application has not moved on.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn renew_work(
            leases: Vec<WorkLease>,
            until: DateTime<Utc>,
        ) -> Result<Vec<bool>, StoreError>;

        /// Settles leases. There are as many answers, in the same order. Each token settles once.
        ///
        /// A transition that is refused ends the claim as well, whatever the reason: mostly its
        /// application has moved on.
        async fn settle_work(
            settlements: Vec<WorkSettlement>,
        ) -> Vec<Result<WorkSettled, ExecuteError>>;

        /// What waits and what is under way, of each institution that has work, or of one, in the
        /// order of their ids. It is counted, so it takes the longer the more there is; what has
        /// come into progress since [`due_work`](Self::due_work) was asked last is not counted.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn work_backlog(
            institution: Option<&InstitutionId>,
        ) -> Result<Vec<WorkBacklog>, StoreError>;
    }
}

/// The token of work on this version that was never claimed. It is larger than the tokens of all
/// earlier versions, also where nothing is left of their claims: a version has 2³¹ tokens of
/// leases.
pub(in crate::store) fn first_token(version: u64) -> i64 {
    let version = i32::try_from(version).unwrap_or(i32::MAX);
    i64::from(version) << 32
}

/// A lease on an application in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct WorkLease {
    /// The application.
    pub application: Uuid,
    /// What only the newest lease has.
    pub token: i64,
}

impl WorkLease {
    /// The lease with this token.
    #[must_use]
    pub const fn new(application: Uuid, token: i64) -> Self {
        Self { application, token }
    }
}

/// What is to be done, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DueWork {
    /// The institutions that have something, in no order.
    pub institutions: Vec<DueInstitution>,
    /// Whether some of what is in progress was not looked at yet: it is to be asked again.
    pub has_more: bool,
}

impl DueWork {
    /// Work of these institutions.
    #[must_use]
    pub const fn new(institutions: Vec<DueInstitution>) -> Self {
        Self {
            institutions,
            has_more: false,
        }
    }

    setters! {
        with_has_more: has_more, bool;
    }
}

/// An institution that has something in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DueInstitution {
    /// The institution.
    pub institution: InstitutionId,
    /// Whether there is something that was never claimed: it is due at once.
    pub has_new: bool,
    /// When the first of the others is due, or the first lease ends, if there are any.
    pub at: Option<DateTime<Utc>>,
}

impl DueInstitution {
    /// An institution that has something that is not due yet.
    #[must_use]
    pub const fn new(institution: InstitutionId) -> Self {
        Self {
            institution,
            has_new: false,
            at: None,
        }
    }

    setters! {
        with_has_new: has_new, bool;
        with_at: at, Option<DateTime<Utc>>;
    }
}

/// For which institutions how much work is to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkClaim {
    /// What is due by now.
    pub now: DateTime<Utc>,
    /// How long the leases last.
    pub lease: Duration,
    /// The institutions, each once, with the most for each.
    pub wanted: Vec<(InstitutionId, u32)>,
    /// See [`Claim::turn`](super::Claim::turn).
    pub turn: u64,
}

impl WorkClaim {
    /// A claim for these institutions, with the most for each.
    #[must_use]
    pub const fn new(
        now: DateTime<Utc>,
        lease: Duration,
        wanted: Vec<(InstitutionId, u32)>,
    ) -> Self {
        Self {
            now,
            lease,
            wanted,
            turn: 0,
        }
    }

    setters! {
        with_turn: turn, u64;
    }

    /// How much of the room is, first of all, for what is due again.
    pub(in crate::store) fn again(&self, room: u32) -> u32 {
        reserved(room, self.turn)
    }
}

/// Work under a lease.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LeasedWork {
    /// The lease.
    pub lease: WorkLease,
    /// Whose it is.
    pub institution: InstitutionId,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// Since when the application has been in progress, in whole seconds.
    pub since: DateTime<Utc>,
    /// The application in progress; or a [`StoreError::Corrupt`], because what is stored is none.
    pub application: Result<AnyApplication, StoreError>,
}

/// What became of claimed work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkSettlement {
    /// Of which.
    pub lease: WorkLease,
    /// What is to become of it.
    pub outcome: WorkOutcome,
}

impl WorkSettlement {
    /// What became of the work under this lease.
    #[must_use]
    pub const fn new(lease: WorkLease, outcome: WorkOutcome) -> Self {
        Self { lease, outcome }
    }
}

/// What is to become of an application in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkOutcome {
    /// It moves on: a transition of this application that expects the version of the claim.
    Done(Box<Append>),
    /// It is tried again; the attempt counts.
    Again {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// It is tried again; the attempt does not count.
    Released {
        /// When.
        at: DateTime<Utc>,
        /// Why, if it was put off.
        reason: Option<String>,
    },
}

/// What a settlement has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkSettled {
    /// The application has moved on.
    Done(Box<Receipt>),
    /// It is tried again.
    PutOff,
    /// It is not tried again: the application has moved on, by another command.
    MovedOn,
    /// Nothing: the lease is not held any more. Its token is not the newest, it was settled
    /// already, or a claim has found that the application had moved on.
    Lost,
}

/// What waits for an institution, and what is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkBacklog {
    /// The institution.
    pub institution: InstitutionId,
    /// How many applications wait: for their first attempt, or to be tried again.
    pub waiting: u64,
    /// Since when the one that waits longest has been in progress, in whole seconds.
    pub oldest: Option<DateTime<Utc>>,
    /// How many are under a lease, which may have ended.
    pub under_way: u64,
}

impl WorkBacklog {
    /// An institution for which nothing waits.
    #[must_use]
    pub const fn new(institution: InstitutionId) -> Self {
        Self {
            institution,
            waiting: 0,
            oldest: None,
            under_way: 0,
        }
    }

    setters! {
        with_waiting: waiting, u64;
        with_oldest: oldest, Option<DateTime<Utc>>;
        with_under_way: under_way, u64;
    }
}
