//! What every outbox promises.

pub mod attempts;
pub mod claims;
pub mod events;
pub mod order;
pub mod races;
pub mod reading;
pub mod replay;
pub mod rules;
pub mod settling;
pub mod walk;
pub mod webhooks;
