//! Where applications and their events are kept, durably and together.
//!
//! [`Store`] is what every store does, [`Queries`] what a database adds. [`MemoryStore`] is the
//! reference; `SqliteStore` (feature `sqlite`) is the embedded one, `PostgresStore` (feature
//! `postgres`) for many machines. An [`Engine`](crate::engine::Engine) stands before them.

mod acting;
mod actor;
mod address;
mod any;
mod audit;
mod backward;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod callers;
pub(crate) mod cells;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "server"))]
pub(crate) mod chance;
mod clock;
mod commits;
mod contract;
mod cursor;
pub(crate) mod decide;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod diagnosis;
mod error;
mod json;
mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod migration;
mod name;
mod outbox;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
mod queries;
pub(crate) mod remembered;
mod reply;
mod request;
mod setup;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stored;
mod title;
mod token;
pub mod within;
pub(crate) mod word;
mod work;

pub use acting::acting;
pub use actor::{Actor, ActorError, ActorKind};
pub use address::{StoreAddress, StoreAddressError};
pub use any::{AnyStore, AnyStoreOptions};
pub use audit::{
    Act, ActId, ActIdError, ActKind, ActNote, ActOutcome, ActPage, Audit, RecordedAct,
};
pub use backward::FeedPage;
pub use clock::{Clock, SystemClock};
pub use commits::CommitWatch;
#[doc(hidden)]
pub use contract::sealed;
pub use contract::{Queries, Store};
pub use cursor::{Cursor, CursorError};
use error::Result;
pub use error::{Cause, ExecuteError, Refusal, RefusedAt, StoreError};
pub use memory::MemoryStore;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use migration::{Migration, MigrationKind, MigrationStep};
pub use name::{ActorId, IdempotencyKey, InstitutionId, TokenName};
pub use outbox::{
    Attempt, Backlog, Claim, ClaimedBatch, Delivery, DeliveryFilter, DeliveryId, DeliveryPage,
    DeliveryStatus, Due, Health, HealthChange, LeasedDelivery, Outbox, Outcome, Put, Replay,
    Replayed, Settlement, Webhook,
};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
pub use queries::{Count, Filter, ListOrder, ListQuery, Origin, Page, PageKey, PageKeyError};
pub use reply::{Begun, Replies, Reply};
pub use request::{Append, Atomicity, Operation, Receipt, RecordedEvent, Request};
pub use setup::Setup;
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteOptions, SqliteStore};
pub use title::TitlePart;
pub use token::{
    NoRandomness, Role, Scope, Scopes, Token, TokenId, TokenIdError, TokenPage, TokenSecret, Tokens,
};
pub use work::{
    DueInstitution, DueWork, LeasedWork, WorkBacklog, WorkClaim, WorkLease, WorkOutcome, WorkQueue,
    WorkSettled, WorkSettlement,
};
