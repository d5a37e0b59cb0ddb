//! The dispatcher: deliveries that are due are claimed, sent, and settled.
//!
//! A [`Dispatcher`] works on a store that is an [`Outbox`](crate::store::Outbox), and sends with a
//! [`Transport`]: an [`HttpTransport`], or a substitute in a test.

mod core;
mod dispatcher;
mod driver;
mod effects;
mod escapes;
mod housekeeping;
mod http;
mod options;
mod recording;
mod redact;
mod report;
mod send;
pub mod target;
pub mod telemetry;
mod transport;

pub use core::Summary;
pub use dispatcher::{Dispatcher, TestError};
pub use http::{HttpOptions, HttpTransport, HttpTransportError, Resolve, Resolving};
pub use options::DispatcherOptions;
pub use transport::{OutgoingRequest, Response, RetryAfter, SendError, Transport};

pub use crate::store::{Clock, SystemClock};
