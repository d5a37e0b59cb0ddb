//! Where applications and their events are kept, durably and together.
//!
//! [`Store`] is what every store does, [`Directory`] what a database adds. [`MemoryStore`] is the
//! reference; `SqliteStore` (feature `sqlite`) is the embedded one, `PostgresStore` (feature `postgres`) for many
//! machines. An [`Engine`](crate::engine::Engine) stands before them.

mod actor;
pub(crate) mod cells;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod chance;
mod clock;
mod contract;
mod cursor;
pub(crate) mod decide;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod diagnosis;
mod directory;
mod error;
mod json;
mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod migration;
mod name;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod remembered;
mod request;
mod setup;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stored;
mod wake;
pub(crate) mod word;

pub use actor::{Actor, ActorError, ActorKind};
pub use clock::{Clock, SystemClock};
pub use contract::{Directory, Store};
pub use cursor::{Cursor, CursorError};
pub use directory::{Count, Filter, ListQuery, Order, Origin, Page, PageKey, PageKeyError};
pub use error::{Cause, ExecuteError, Refusal, StoreError};
pub use memory::MemoryStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use migration::{Migration, MigrationKind, MigrationStep};
pub use name::{ActorId, IdempotencyKey, InstitutionId};
pub use outbox::{
    Attempted, Backlog, Claim, Claimed, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId,
    DeliveryPage, DeliveryStatus, Due, Health, HealthChange, Outbox, Put, Settlement, Verdict,
    Webhook,
};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
pub use request::{Append, Atomicity, Operation, Receipt, Recorded, Request};
pub use setup::Setup;
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteOptions, SqliteStore};
pub use wake::Wake;
