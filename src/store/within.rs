//! Commands within a transaction of the caller's, on the store's own database.

use super::error::ExecuteError;
use super::request::{Append, Atomicity, Receipt};

/// The answers to the commands of one call.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) type Answers = Vec<Result<Receipt, ExecuteError>>;

/// A transaction of the caller's, which commands of the store `S` can join
/// ([`Engine::within`](crate::engine::Engine::within)).
///
/// `K` is the library that the transaction belongs to; the compiler infers it.
///
/// | store | transaction | feature |
/// |---|---|---|
/// | `SqliteStore`, [`AnyStore`](super::AnyStore) | `&rusqlite::Transaction`, `&rusqlite::Savepoint` | `sqlite` |
/// | `PostgresStore`, `AnyStore` | `&mut` of a `tokio_postgres::GenericClient`, or of a `deadpool_postgres::GenericClient` | `postgres` |
/// | the same | `&mut sqlx::PgConnection`, `&mut sqlx::Transaction<'_, sqlx::Postgres>` | `sqlx` |
///
/// The types of sqlx are those of the version that this crate is built with, 0.8 or 0.9. Where
/// `cargo tree -d` shows both, `cargo update -p sqlx@0.9.0 --precise 0.8.6` leaves one.
///
/// It is sealed: the stores of this crate say what joins them.
#[diagnostic::on_unimplemented(
    message = "the commands of `{S}` cannot join `{Self}`",
    label = "this is no transaction on the database of `{S}`",
    note = "with SQLite: `&rusqlite::Transaction` or `&rusqlite::Savepoint`",
    note = "with PostgreSQL: `&mut` of a transaction of tokio-postgres or deadpool-postgres",
    note = "with PostgreSQL and the feature `sqlx`: `&mut` of a transaction or `PgConnection` of sqlx, \
        in the version that this crate is built with (`cargo tree -d` shows a second one)"
)]
pub trait Joins<S, K>: sealed::Sealed<K> + Sized {
    /// An answer: `A` itself where the transaction blocks, a future of it where it does not.
    type Answer<A: Send + 'static>;

    /// An answer that is known without asking.
    #[doc(hidden)]
    fn known<A: Send + 'static>(self, answer: A) -> Self::Answer<A>;

    /// Carries out commands within the transaction, and makes one answer of theirs.
    #[doc(hidden)]
    fn append<A: Send + 'static>(
        self,
        store: S,
        batch: Vec<Append>,
        atomicity: Atomicity,
        answer: impl FnOnce(Vec<Result<Receipt, ExecuteError>>) -> A + Send + 'static,
    ) -> Self::Answer<A>;
}

/// Transactions of the library `rusqlite`.
#[cfg(feature = "sqlite")]
#[derive(Debug, Clone, Copy)]
pub enum Rusqlite {}

/// Transactions and connections of the library `tokio-postgres`.
#[cfg(feature = "postgres")]
#[derive(Debug, Clone, Copy)]
pub enum TokioPostgres {}

/// Transactions and connections of the library `deadpool-postgres`.
#[cfg(feature = "postgres")]
#[derive(Debug, Clone, Copy)]
pub enum Deadpool {}

/// Transactions and connections of the library `sqlx`.
#[cfg(feature = "sqlx")]
#[derive(Debug, Clone, Copy)]
pub enum Sqlx {}

pub(crate) mod sealed {
    /// A transaction of a library that this crate knows.
    pub trait Sealed<K> {}
}
