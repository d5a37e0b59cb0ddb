//! The webhooks, and what may be done to them.

mod actions;
mod asked;
mod fields;
mod list;
mod one;
mod register;
mod remove;
mod replay;
mod row;
mod secret;
mod settings;

pub(super) use actions::{disable, enable, rotate, test};
pub(super) use list::list;
pub(super) use one::webhook;
pub(super) use register::{new, register};
pub(super) use remove::{ask as ask_to_remove, remove};
pub(super) use replay::{ask as ask_to_replay, begin as replay};
pub(super) use settings::{change, form as settings};
