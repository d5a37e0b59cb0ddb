//! The webhooks, and what may be done to them.

mod actions;
mod list;
mod one;
mod register;
mod row;
mod secret;

pub(super) use actions::{disable, enable, rotate, test};
pub(super) use list::list;
pub(super) use one::webhook;
pub(super) use register::{new, register};
