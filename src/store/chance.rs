//! Chance, where rivals must not do the same at the same time.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that no rival has. The standard library seeds it from the system, and anew each time:
/// that is enough of chance for pauses, and for nothing that must be secret.
pub(crate) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
