//! What every store promises of background work.

pub mod claims;
pub mod finding;
pub mod moved_on;
pub mod order;
pub mod processors;
pub mod races;
pub mod settling;
pub mod walk;
