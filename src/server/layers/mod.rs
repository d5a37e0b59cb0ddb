//! What each request passes through: the guard of its route, on some routes what keeps its reply,
//! and around all routes what gives it an id, a span, a line of log and its metrics.

mod authenticate;
mod cors;
mod drained;
mod envelope;
mod guard;
mod observed;
mod replayed;

pub(super) use cors::cors;
pub(crate) use drained::outermost;
pub(super) use envelope::{method_not_allowed, not_found, panicked};
pub(super) use guard::guarded;
pub(super) use replayed::replayed;
