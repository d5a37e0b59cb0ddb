//! Webhooks, and the deliveries of events to them (API.md, "Webhooks and deliveries").

pub(crate) mod administration;
mod change;
pub(crate) mod chosen;
pub(crate) mod deliveries;
pub(super) mod endpoints;
pub(crate) mod reason;
pub(crate) mod replay;
pub(crate) mod resend;
mod settings;
pub(super) mod verbs;
mod view;
