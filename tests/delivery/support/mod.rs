//! What the tests of the delivery share.

pub mod certificates;
pub mod log;
pub mod receiver;
pub mod sending;
pub mod slow_store;
pub mod stage;
