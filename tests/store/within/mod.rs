//! Commands within transactions of the backend's own: the whole suite, and what only they can do.

mod elsewhere;
mod postgres;
mod sqlite;
#[cfg(feature = "sqlx")]
mod sqlx;

use std::sync::Arc;

use certificate_lifecycle::AnyApplication;
use certificate_lifecycle::store::*;
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

#[cfg(feature = "sqlx")]
pub use self::sqlx::SqlxWithin;
pub use postgres::PostgresWithin;
pub use sqlite::SqliteWithin;

/// The answers to a call.
type Answers = Vec<Result<Receipt, ExecuteError>>;

/// The commands of a call.
struct Call {
    batch: Vec<Append>,
    atomicity: Atomicity,
    answers: oneshot::Sender<Answers>,
}

/// A store whose commands are carried out by a backend, each call within a transaction of its own.
#[derive(Clone)]
pub struct Joining<S> {
    store: S,
    calls: Arc<mpsc::UnboundedSender<Call>>,
}

impl<S: Queries> sealed::Sealed for Joining<S> {}

impl<S: Queries> Store for Joining<S> {
    delegate!(load history feed feed_end wake);

    async fn append(&self, batch: Vec<Append>, atomicity: Atomicity) -> Answers {
        let (answers, answered) = oneshot::channel();
        let call = Call {
            batch,
            atomicity,
            answers,
        };
        self.calls.send(call).ok().unwrap();
        answered.await.unwrap()
    }
}

impl<S: Queries> Queries for Joining<S> {
    async fn list(&self, query: ListQuery) -> Result<Page, StoreError> {
        self.store.list(query).await
    }

    async fn institutions(&self) -> Result<Vec<InstitutionId>, StoreError> {
        self.store.institutions().await
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>, StoreError> {
        self.store.counts(institution).await
    }
}

impl<S: Queries + Outbox> Outbox for Joining<S> {
    delegate!(add_webhook put_webhook webhook webhooks remove_webhook due claim settle);
    delegate!(deliveries delivery attempts redeliver abandon prune backlog);
}

/// Whether a transaction that had these answers is to be rolled back and tried again.
fn is_to_be_repeated(answers: &Answers) -> bool {
    let of_the_store = |it: &Result<Receipt, ExecuteError>| {
        matches!(it, Err(ExecuteError::Store(StoreError::Unavailable { .. })))
    };
    answers.iter().any(of_the_store)
}
