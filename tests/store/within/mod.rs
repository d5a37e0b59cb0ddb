//! Commands within transactions of the backend's own: the whole suite, and what only they can do.

mod elsewhere;
mod postgres;
mod sqlite;
#[cfg(feature = "sqlx")]
mod sqlx;

use std::sync::Arc;
use std::thread;

use certificate_lifecycle::store::*;
use certificate_lifecycle::{AnyApplication, EventKind};
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::harness::{Harness, MODULE, Postgres, Sqlite};

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
pub struct Joining {
    store: AnyStore,
    calls: Arc<mpsc::UnboundedSender<Call>>,
}

/// A place of a store whose commands come through transactions of a library. It is one type for all
/// libraries, since the suite is compiled anew for each type: the name of a test's module says
/// which library it is.
pub enum Within {
    Sqlite(Sqlite),
    Postgres(Postgres),
    #[cfg(feature = "sqlx")]
    Sqlx(Postgres),
}

impl Harness for Within {
    type Store = Joining;

    async fn fresh() -> Self {
        match MODULE.get().split("::").find(|it| it.ends_with("_within")) {
            Some("sqlite_within") => Self::Sqlite(Sqlite::fresh().await),
            Some("postgres_within") => Self::Postgres(Postgres::fresh().await),
            #[cfg(feature = "sqlx")]
            Some("sqlx_within") => Self::Sqlx(Postgres::fresh().await),
            library => panic!("{library:?} is no library of transactions"),
        }
    }

    async fn open(&self) -> Joining {
        let (calls, waiting) = mpsc::unbounded_channel();
        let store = match self {
            Self::Sqlite(harness) => {
                let (store, path) = (harness.open().await, harness.path());
                let joined = store.clone();
                thread::spawn(move || sqlite::serve(&path, &joined, waiting));
                AnyStore::Sqlite(store)
            }
            Self::Postgres(harness) => {
                let store = harness.open().await;
                let backend = postgres::backend().await;
                tokio::spawn(postgres::serve(backend, store.clone(), waiting));
                AnyStore::Postgres(store)
            }
            #[cfg(feature = "sqlx")]
            Self::Sqlx(harness) => {
                let store = harness.open().await;
                let backend = sqlx::backend().await;
                tokio::spawn(sqlx::serve(backend, store.clone(), waiting));
                AnyStore::Postgres(store)
            }
        };
        Joining {
            store,
            calls: Arc::new(calls),
        }
    }
}

impl sealed::Sealed for Joining {}

impl Store for Joining {
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

impl Queries for Joining {
    async fn list(&self, query: ListQuery) -> Result<Page, StoreError> {
        self.store.list(query).await
    }

    async fn institutions(&self) -> Result<Vec<InstitutionId>, StoreError> {
        self.store.institutions().await
    }

    async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>, StoreError> {
        self.store.counts(institution).await
    }

    async fn feed_before(
        &self,
        institution: Option<&InstitutionId>,
        kind: Option<EventKind>,
        before: Option<Cursor>,
        limit: u32,
    ) -> Result<FeedPage, StoreError> {
        let found = self.store.feed_before(institution, kind, before, limit);
        found.await
    }
}

impl Outbox for Joining {
    delegate!(add_webhook put_webhook webhook webhooks remove_webhook due claim settle);
    delegate!(deliveries delivery attempts redeliver replay abandon prune backlog);
}

/// Whether a transaction that had these answers is to be rolled back and tried again.
fn is_to_be_repeated(answers: &Answers) -> bool {
    let of_the_store = |it: &Result<Receipt, ExecuteError>| {
        matches!(it, Err(ExecuteError::Store(StoreError::Unavailable { .. })))
    };
    answers.iter().any(of_the_store)
}
