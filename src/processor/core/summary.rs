//! What a processor has done.

/// What a processor has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Applications that were approved.
    pub approved: u64,
    /// Applications that failed.
    pub failed: u64,
    /// Applications that the work has moved on itself.
    pub done: u64,
    /// Attempts that are made again.
    pub again: u64,
    /// Outcomes that did not count: the lease was lost. One that was recorded counts here as well
    /// if the store's answer was lost on its way.
    pub lost: u64,
}
