//! What joins the store: transactions of the libraries for PostgreSQL.

use std::pin::Pin;

use super::PostgresStore;
use super::foreign::{Bare, Pooled};
#[cfg(feature = "sqlx")]
use super::foreign_sqlx::Serial;
use super::within::within;
#[cfg(feature = "sqlx")]
use crate::store::within::Sqlx;
use crate::store::within::{Deadpool, Joins, TokioPostgres, sealed::Sealed};
use crate::store::{Append, Atomicity, ExecuteError, Receipt};

macro_rules! joins {
    ($([$($generics:tt)*] $client:ty: $library:ident, $foreign:path;)+) => {$(
        impl<$($generics)*> Sealed<$library> for &mut $client {}

        impl<'t, $($generics)*> Joins<PostgresStore, $library> for &'t mut $client {
            type Answer<A: Send + 'static> = Pin<Box<dyn Future<Output = A> + Send + 't>>;

            fn known<A: Send + 'static>(self, answer: A) -> Self::Answer<A> {
                Box::pin(std::future::ready(answer))
            }

            fn append<A: Send + 'static>(
                self,
                store: PostgresStore,
                batch: Vec<Append>,
                atomicity: Atomicity,
                answer: impl FnOnce(Vec<Result<Receipt, ExecuteError>>) -> A + Send + 'static,
            ) -> Self::Answer<A> {
                Box::pin(async move {
                    let shared = &store.shared;
                    let (places, writers) = (&shared.places, &shared.outbox.writers);
                    let connection = $foreign(self);
                    answer(within(places, writers, connection, &batch, atomicity).await)
                })
            }
        }
    )+};
}

joins! {
    [C: tokio_postgres::GenericClient + Send + Sync] C: TokioPostgres, Bare;
    [C: deadpool_postgres::GenericClient + Send + Sync] C: Deadpool, Pooled;
}

#[cfg(feature = "sqlx")]
joins! {
    [] sqlx::PgConnection: Sqlx, Serial::new;
    ['c] sqlx::Transaction<'c, sqlx::Postgres>: Sqlx, Serial::new;
}
