//! What a damaged database does to its store, on every database that SQL can damage.

pub mod acts;
pub mod corrupt;
pub mod faults;
pub mod lists;
pub mod other_institutions;
pub mod outbox;
pub mod replies;
pub mod tokens;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::Store;

use crate::support::damaged::Damaged;
use crate::world::{TestClock, World, engine_on};

/// The application that is edited: a customer's that failed and was retried, with four events. It
/// is the last of the ten kinds.
pub const NUMBER: u64 = 9;

/// One of each of the ten kinds of application, and no store that is open. Every command had a key:
/// the number of the application and of the version.
async fn every_kind<H: Damaged>() -> H {
    let world = World::<H>::new().await;
    world.every_kind_with_keys().await;
    world.harness
}

fn at_rest<S: Store>(store: S) -> Engine<S> {
    engine_on(store, &TestClock::default())
}
