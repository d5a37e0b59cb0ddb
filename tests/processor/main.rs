//! The processor, on the store in memory and paused time.

#![allow(
    clippy::unchecked_time_subtraction,
    reason = "the later of two times on paused time"
)]

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod attempts;
mod limits;
mod metrics;
mod simulation;
mod stage;
mod stopping;
mod taking_over;
