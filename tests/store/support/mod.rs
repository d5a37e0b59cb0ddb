//! What the tests of the stores share, besides what all tests do.

pub mod damaged;
pub mod harness;
pub mod outbox_world;
#[path = "../../support/mod.rs"]
mod shared;
pub mod token_world;
pub mod work_world;
pub mod world;

pub use shared::*;
