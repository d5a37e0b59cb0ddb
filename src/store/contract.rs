//! The contract of a store, in two parts.

use std::future::Future;

use uuid::Uuid;

use super::backward::FeedPage;
use super::commits::CommitWatch;
use super::cursor::Cursor;
use super::error::{ExecuteError, StoreError};
use super::name::InstitutionId;
use super::queries::{Count, ListQuery, Page};
use super::request::{Append, Atomicity, Receipt, RecordedEvent};
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;

/// What every store does: it appends transitions with their events, loads one application, and
/// feeds all events.
///
/// It is sealed: the stores of this crate implement it, and a minor version may add methods.
///
/// Handles are cheap to clone and share one store.
///
/// What a store promises, and `tests/store/` tries on each:
/// - A transition and its event are appended together or not at all, and durably before `append`
///   answers. Dropping the future neither stops nor undoes the command.
/// - Of several commands for one application, each is decided on what the one before left,
///   by whichever handle. Commands that come through one handle are carried out in the order of the
///   calls, for each application.
/// - A key is used once for each institution; see [`Request::idempotency_key`](super::Request).
/// - What is stored but belongs to no legal application is [`StoreError::Corrupt`], and left alone.
pub trait Store: sealed::Sealed + Clone + Send + Sync + 'static {
    /// Carries out commands. There are as many answers, in the same order.
    fn append(
        &self,
        batch: Vec<Append>,
        atomicity: Atomicity,
    ) -> impl Future<Output = Vec<Result<Receipt, ExecuteError>>> + Send;

    /// One application of the institution; none where it has none by this identity.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> impl Future<Output = Result<Option<AnyApplication>, StoreError>> + Send;

    /// All events of one application, in order; none where the institution has no such application.
    ///
    /// # Errors
    /// [`StoreError`].
    fn history(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, StoreError>> + Send;

    /// The first `limit` events after the cursor, of all institutions, in the order in which they
    /// were committed. No event ever appears before a cursor that was given out.
    ///
    /// Only an empty page is the end. A page may be shorter than asked for, and the feed go on:
    /// the events before a corrupt row are returned first, and an error when it is asked for what
    /// follows.
    ///
    /// # Errors
    /// [`StoreError`].
    fn feed(
        &self,
        after: Cursor,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, StoreError>> + Send;

    /// A place in the feed behind which everything comes that is not committed yet: for a
    /// subscriber that wants to hear of what happens from now on, and not of what was before.
    ///
    /// Some of what was committed just before may come behind it as well.
    ///
    /// # Errors
    /// [`StoreError`].
    fn feed_end(&self) -> impl Future<Output = Result<Cursor, StoreError>> + Send;

    /// Waits for commits from now on, so that a follower of the feed need not ask all the
    /// time.
    fn commits(&self) -> CommitWatch;

    /// Tells those who wait for commits of this store, in this process, that there may be some.
    fn wake(&self);
}

/// A part of the contract, and its methods for another macro: `AnyStore` passes them on.
macro_rules! contract {
    ($(#[$meta:meta])* ($d:tt) pub trait $name:ident: $base:ident as $methods:ident {$(
        $(#[$doc:meta])*
        async fn $method:ident($($given:ident: $type:ty),* $(,)?) -> $answer:ty;
    )+}) => {
        $(#[$meta])*
        pub trait $name: $base {$(
            $(#[$doc])*
            fn $method(&self, $($given: $type),*)
            -> impl ::std::future::Future<Output = $answer> + Send;
        )+}

        macro_rules! $methods {
            ($d it:ident) => {
                $d it! { $(async fn $method($($given: $type),*) -> $answer;)+ }
            };
        }
        pub(in crate::store) use $methods;
    };
}
pub(super) use contract;

contract! {
    /// What a database adds: questions about many applications.
    ($) pub trait Queries: Store as queries {
        /// One page of an institution's applications. What is corrupt stands in [`Page::corrupt`],
        /// beside the others.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn list(query: ListQuery) -> Result<Page, StoreError>;

        /// The institutions that have an application or a webhook, in the order of their ids.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn institutions() -> Result<Vec<InstitutionId>, StoreError>;

        /// How many applications an institution has, by state and source.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn counts(institution: &InstitutionId) -> Result<Vec<Count>, StoreError>;

        /// The last `limit` events before the cursor, the newest first: those of an institution
        /// and of a kind, if they are given. Without a cursor, the newest of all. 0 counts as 1.
        ///
        /// It returns only what [`feed`](Store::feed) returns as well: nothing comes later between
        /// the events of a page, or between two pages.
        ///
        /// # Errors
        /// [`StoreError`].
        async fn feed_before(
            institution: Option<&InstitutionId>,
            kind: Option<EventKind>,
            before: Option<Cursor>,
            limit: u32,
        ) -> Result<FeedPage, StoreError>;
    }
}

/// Not part of the public interface: the tests of this crate wrap stores. An implementation
/// elsewhere breaks with any minor version.
#[doc(hidden)]
pub mod sealed {
    /// A store of this crate.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is no store of certificate-lifecycle",
        label = "the traits of stores are sealed",
        note = "use MemoryStore, SqliteStore, PostgresStore or AnyStore"
    )]
    pub trait Sealed {}
}
