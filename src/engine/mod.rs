//! The engine: what an issuing backend embeds.
//!
//! ```
//! use certificate_lifecycle::engine::Engine;
//! use certificate_lifecycle::store::{Actor, ExecuteError, InstitutionId, MemoryStore, Refusal};
//! use certificate_lifecycle::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(MemoryStore::new());
//! let institution = InstitutionId::new("example-university")?;
//! let (john, jane) = (Actor::customer("john")?, Actor::administrator("jane")?);
//!
//! let details = ApplicationDetails::new(
//!     ApplicationId::new(42)?,
//!     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
//!     CertificateTitle::new("Certificate of Achievement")?,
//!     ApplicantEmail::new("john@example.com")?,
//! );
//! let uuid = details.uuid();
//! let created = engine.scope(&institution, &john).submit(details).await?;
//! assert_eq!(created.event.kind(), EventKind::Created);
//!
//! // A customer decides nothing.
//! let refused = engine.scope(&institution, &john).begin_processing(uuid).await.unwrap_err();
//! assert!(matches!(refused.refusal(), Some(Refusal::Forbidden { .. })));
//! let receipt = engine.scope(&institution, &jane).begin_processing(uuid).await?;
//! assert_eq!(receipt.event.version(), 2);
//! # Ok(())
//! # }
//! ```

mod execute;
mod feed;
mod follower;
mod permission;
mod read;
mod replay;
mod scope;
mod stalled;
mod wait;
mod waiting;
mod within;

use std::sync::Arc;

pub use crate::store::{Clock, SystemClock};
pub use follower::Follower;
#[cfg(feature = "server")]
pub(crate) use permission::check as permitted;
pub use replay::ReplayProgress;
pub use scope::{Scope, ScopedCommand};
pub use stalled::FailStalledError;
pub use within::Within;

use crate::store::Store;
use waiting::Waiting;

/// Decides commands, records transitions with their events, and reads them back.
///
/// It holds no state but the store and the clock: clones share the store, and any number of
/// engines, in any number of processes, may work on one store.
///
/// Time is whole seconds. An event happens at the clock's time, or at the time that its command
/// gives; a history never runs backwards: where the clock lies before the application's last event,
/// the new event has the time of that one, and a command that gives an earlier time is refused.
pub struct Engine<S> {
    store: S,
    clock: Arc<dyn Clock>,
    waiting: Arc<Waiting>,
}

impl<S: Store> Engine<S> {
    /// An engine with the machine's clock.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            waiting: Arc::default(),
        }
    }

    /// The same with a clock of the caller's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The same engine over the store in another form, such as an
    /// [`AnyStore`](crate::store::AnyStore). Calls that wait do not share one reading of the feed
    /// with those of the first.
    #[must_use]
    pub fn map_store<T: Store>(self, map: impl FnOnce(S) -> T) -> Engine<T> {
        Engine {
            store: map(self.store),
            clock: self.clock,
            waiting: Arc::default(),
        }
    }

    #[cfg(any(feature = "processor", feature = "server"))]
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

impl<S: Clone> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            waiting: Arc::clone(&self.waiting),
        }
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
