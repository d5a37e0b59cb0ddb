//! Webhooks: secrets, signatures, and the receiving side (CONTRACT.md, "Delivery").
//!
//! A receiver needs [`Verifier`], and [`Tracker`] if it follows applications: the feature `verify`, no I/O.

mod base64;
mod secret;
mod sign;
mod tracker;
mod verify;

pub use secret::{Secret, SecretError};
pub use sign::{
    Attempt, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_WEBHOOK_EVENT, X_WEBHOOK_ID,
    X_WEBHOOK_SIGNATURE, X_WEBHOOK_TIMESTAMP, platform_signature, standard_signature,
};
pub use tracker::{News, TrackError, Tracked, Tracker};
pub use verify::{Verified, Verifier, VerifyError};
