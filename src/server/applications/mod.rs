//! Applications: created, moved on, read (API.md, "Applications").

pub(super) mod create;
pub(super) mod list;
pub(super) mod read;
mod receipt;
pub(super) mod transition;

#[cfg(feature = "console")]
pub(crate) use read::application_json;
pub(super) use read::unknown;
pub(super) use receipt::{carried_out, trigger_context};
pub(super) use transition::{no_members, what_failed};
