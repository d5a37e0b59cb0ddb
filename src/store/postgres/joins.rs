//! What joins the store: transactions of the libraries for PostgreSQL.

use std::pin::Pin;

use super::PostgresStore;
use super::foreign::{Bare, Pooled};
use super::within::within;
use crate::store::within::{Deadpool, Joins, TokioPostgres, sealed::Sealed};
use crate::store::{Append, Atomicity, ExecuteError, Receipt};

macro_rules! joins {
    ($($client:path, $library:ident, $foreign:ident;)+) => {$(
        impl<C: $client + Send + Sync> Sealed<$library> for &mut C {}

        impl<'t, C: $client + Send + Sync> Joins<PostgresStore, $library> for &'t mut C {
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
    tokio_postgres::GenericClient, TokioPostgres, Bare;
    deadpool_postgres::GenericClient, Deadpool, Pooled;
}
