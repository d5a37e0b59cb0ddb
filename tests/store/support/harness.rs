//! How the suite comes by a store of each kind.

use std::future::Future;
use std::path::PathBuf;

use certificate_lifecycle::store::{MemoryStore, PostgresStore, Queries, SqliteStore};
use tempfile::TempDir;

use crate::server::server;

tokio::task_local! {
    /// The path of the module that the test is in.
    pub static MODULE: &'static str;
}

/// A place where one kind of store keeps its data: a fresh one for each test.
pub trait Harness: Send + Sync + 'static {
    type Store: Queries;

    /// An empty place.
    fn fresh() -> impl Future<Output = Self> + Send;

    /// Opens the store that is there. What was opened before goes on, and knows nothing of it: as
    /// independent as this kind of store can be, such as other connections to the same data.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;
}

/// Memory has but one handle, and clones of it.
pub struct Memory(MemoryStore);

impl Harness for Memory {
    type Store = MemoryStore;

    async fn fresh() -> Self {
        Self(MemoryStore::new())
    }

    async fn open(&self) -> MemoryStore {
        self.0.clone()
    }
}

/// A file in a folder that goes away with the test.
pub struct Sqlite(TempDir);

impl Sqlite {
    pub fn path(&self) -> PathBuf {
        self.0.path().join("applications.db")
    }
}

impl Harness for Sqlite {
    type Store = SqliteStore;

    async fn fresh() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }
}

/// A schema of its own on the tests' server.
pub struct Postgres(String);

impl Postgres {
    pub fn url(&self) -> &str {
        &self.0
    }
}

impl Harness for Postgres {
    type Store = PostgresStore;

    async fn fresh() -> Self {
        Self(server().url_of_new_schema().await)
    }

    async fn open(&self) -> PostgresStore {
        PostgresStore::connect(self.url()).await.unwrap()
    }
}
