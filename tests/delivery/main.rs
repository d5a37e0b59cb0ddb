//! The dispatcher and its transport, from outside.

mod certificates;
mod receiver;
mod sending;

mod connections;
mod guard;
mod hostile;
mod http2;
mod responses;
mod target;
mod tls;
