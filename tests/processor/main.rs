//! The processor, on the store in memory and paused time.

#[path = "../support/mod.rs"]
mod support;

mod attempts;
mod limits;
mod stage;
mod stopping;
mod taking_over;
