//! The dispatcher and its transport, from outside.

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;

mod addresses;
mod connections;
mod deadline;
mod debug;
mod failing_webhooks;
mod fairness;
mod frames;
mod gauges;
mod given_up;
mod guard;
mod hostile;
mod http2;
mod http2_goaway;
mod late_claims;
mod limits;
mod metrics;
mod pauses;
mod refused;
mod requests;
mod reserved;
mod responses;
mod retention;
mod schedule;
mod silent_servers;
mod support;
mod target;
mod telemetry;
mod tls;

use support::{certificates, log, receiver, sending, slow_store, stage};
