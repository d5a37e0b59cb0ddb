//! What every store promises of tokens.

pub mod keeping;
pub mod listing;
