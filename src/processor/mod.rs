//! The background work between `processing` and `approved`.
//!
//! [`Processor`] claims applications in progress, runs the backend's [`Worker`], and approves them
//! or fails them. The queue is what is in progress (CONTRACT.md, "In progress"): whatever brings an
//! application there, a command of the engine's or a transaction of the backend's, makes work.

mod core;
mod driver;
mod options;
#[expect(
    clippy::module_inception,
    reason = "it is what the module is named for"
)]
mod processor;
mod report;
mod running;
pub mod telemetry;
mod work;

pub use self::core::Summary;
pub use options::ProcessorOptions;
pub use processor::Processor;
pub use work::{Cancelled, Control, Outcome, Work, Worker};
