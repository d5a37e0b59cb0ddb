//! The dispatcher and its transport, from outside.

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;

mod certificates;
mod receiver;
mod sending;
mod slow;
mod stage;

mod addresses;
mod connections;
mod fairness;
mod guard;
mod hostile;
mod http2;
mod late;
mod measured;
mod requests;
mod responses;
mod schedule;
mod stalled;
mod target;
mod tls;
mod trouble;
