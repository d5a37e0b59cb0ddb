//! What opening a store may do to its tables.

/// What opening a store may do to its tables.
///
/// Commands and dispatchers can be told not to make tables in a database that was named by mistake; and who only
/// reads, or has tables that somebody else upgrades, leaves them as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Setup {
    /// Makes them where there are none, and upgrades those of an earlier version.
    #[default]
    Create,
    /// Upgrades those of an earlier version. Where there are none, opening fails with
    /// [`StoreError::NoStore`](super::StoreError::NoStore).
    Upgrade,
    /// Neither: where they are of an earlier version, opening fails with
    /// [`StoreError::OlderSchema`](super::StoreError::OlderSchema).
    Keep,
}
