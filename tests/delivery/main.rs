//! The dispatcher and its transport, from outside.

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;

mod certificates;
mod log;
mod receiver;
mod sending;
mod slow;
mod stage;

mod addresses;
mod connections;
mod debug;
mod fairness;
mod farewell;
mod frames;
mod given_up;
mod guard;
mod hostile;
mod http2;
mod late;
mod limits;
mod measured;
mod metrics;
mod pauses;
mod refused;
mod requests;
mod reserved;
mod responses;
mod retention;
mod schedule;
mod stalled;
mod target;
mod telling;
mod tls;
mod trouble;
