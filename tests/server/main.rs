//! The HTTP API, as clients see it: the router in this process, over each kind of store.

mod access;
mod apart;
mod bad_input;
mod commands;
mod cut;
mod events;
mod model;
#[path = "../support/random.rs"]
mod random;
mod replays;
#[path = "../support/postgres.rs"]
mod server;
mod shapes;
mod slow;
mod support;
