//! The dispatcher: deliveries that are due are claimed, sent, and settled.

mod transport;

pub use transport::{Outgoing, Response, RetryAfter, SendError, Transport};
