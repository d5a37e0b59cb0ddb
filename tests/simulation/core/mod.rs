//! The core of the dispatcher without Tokio: its properties, and a simulation that drives it.
//!
//! These are tests of the module `delivery::core`, which includes them: they need what is private
//! there. `tests/simulation/main.rs` simulates engine, driver and stores together.

mod actors;
mod model;
mod properties;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "tests/simulation includes it as well"
)]
#[path = "../random.rs"]
mod random;
mod record;
mod simulation;
mod watched;
mod world;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::store::{InstitutionId, StoreError, Webhook};
use crate::webhook::{Endpoint, Secret};

/// A webhook with this number, of the only institution.
fn webhook(number: u64) -> Webhook {
    let url = format!("https://{number}.example/").parse().unwrap();
    let endpoint = Endpoint::new(url, Secret::from_key(&[7; 32]).unwrap());
    let id = Uuid::from_u64_pair(1, number);
    Webhook::new(id, institution(), endpoint, chrono::DateTime::UNIX_EPOCH)
}

/// The identifier of the application with this number.
fn application(number: u64) -> Uuid {
    Uuid::from_u64_pair(2, number)
}

fn institution() -> InstitutionId {
    InstitutionId::new("north").unwrap()
}

/// A fault that goes away by waiting.
fn away() -> StoreError {
    StoreError::Unavailable {
        reason: "away".to_owned(),
        cause: None,
    }
}

/// Options with this concurrency, and the length of leases that `simulation/world.rs` has.
fn options(concurrency: u32, housekeeping_every: Duration) -> Arc<super::DispatcherOptions> {
    let delays = world::DELAYS.map(Duration::from_secs).to_vec();
    let options = super::DispatcherOptions::default()
        .with_concurrency(concurrency)
        .with_schedule(crate::webhook::RetrySchedule::new(delays).unwrap())
        .with_timeout(Duration::from_secs(2))
        .with_margin(world::MARGIN)
        .with_disable_after(Duration::from_secs(40))
        .with_retention(Duration::from_secs(15))
        .with_housekeeping_every(housekeeping_every);
    Arc::new(options)
}
