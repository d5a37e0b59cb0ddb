//! The dispatcher: deliveries that are due are claimed, sent, and settled.
//!
//! [`Dispatcher`] does so over a store that is an [`Outbox`](crate::store::Outbox), by a
//! [`Transport`]: an [`HttpTransport`], or what stands for it in a test.

mod attempts;
mod breaker;
mod chores;
mod claims;
mod dispatcher;
mod escapes;
mod http;
mod judge;
mod line;
mod options;
mod patience;
mod recording;
mod redact;
mod run;
mod send;
mod settling;
mod share;
pub mod target;
pub mod telemetry;
mod transport;

pub use dispatcher::{Dispatcher, Summary, TestError};
pub use http::{HttpOptions, HttpTransport, HttpTransportError, Resolve, Resolving};
pub use options::DispatcherOptions;
pub use transport::{OutgoingRequest, Response, RetryAfter, SendError, Transport};

pub use crate::store::{Clock, SystemClock};
