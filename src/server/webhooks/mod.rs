//! Webhooks, and the deliveries of events to them (API.md, "Webhooks and deliveries").

mod change;
pub(super) mod deliveries;
pub(super) mod endpoints;
pub(super) mod resend;
mod settings;
pub(super) mod verbs;
mod view;
