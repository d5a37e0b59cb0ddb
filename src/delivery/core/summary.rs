//! What a dispatcher has done.

/// What a dispatcher has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Deliveries that have arrived.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries that died.
    pub dead: u64,
}
