//! What opening a store may do to its tables.

/// What opening a store may do to its tables.
///
/// So commands and dispatchers make no tables in a database that was named by mistake, and programs
/// that only read leave the tables as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Setup {
    /// Makes them where there are none, and upgrades those of an earlier version, as far as this
    /// program needs it.
    #[default]
    Create,
    /// Upgrades those of an earlier version. Where there are none, opening fails with
    /// [`StoreError::NoStore`](super::StoreError::NoStore).
    Upgrade,
    /// Neither: where they are of an earlier version than this program needs, opening fails with
    /// [`StoreError::OlderSchema`](super::StoreError::OlderSchema). The programs of a fleet open a
    /// store so: `certlife migrate`, or `PostgresStore::migrate`, is a step of the deployment.
    Keep,
}
