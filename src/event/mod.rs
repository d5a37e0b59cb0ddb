//! The wire form of events: bytes out, bytes in, schemas, and the audit of a log.
//!
//! Pure, like the core. What an event *is* stands in [`crate::lifecycle::event`].

pub(crate) mod audit;
pub(crate) mod encode;
pub(crate) mod payload;
pub(crate) mod problem;
pub(crate) mod replay;
pub mod schema;
mod wire;
