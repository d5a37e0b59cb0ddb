//! Where a store is: `memory:`, `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a store of any kind.
///
/// ```
/// use certificate_lifecycle::store::StoreAddress;
///
/// let address: StoreAddress = "sqlite:certlife.db".parse()?;
/// assert_eq!(address, StoreAddress::Sqlite("certlife.db".into()));
/// assert!("mysql://localhost/certlife".parse::<StoreAddress>().is_err());
/// # Ok::<(), certificate_lifecycle::store::StoreAddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreAddress {
    /// In memory: it ends with the process.
    Memory,
    /// The SQLite file at this path.
    Sqlite(PathBuf),
    /// The database at this URL, which may contain a password.
    Postgres(String),
}

/// Why a text is no address of a store. The error does not repeat it: it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreAddressError {
    /// It begins with no scheme of a store.
    #[error("the address of a store must be memory:, sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Scheme,
    /// `sqlite:` without a path of a file; a database in memory is `memory:`.
    #[error(
        "sqlite: must be followed by the path of a file, as in sqlite:certlife.db; a store that \
         ends with the process is memory:"
    )]
    Path,
}

impl StoreAddress {
    /// The address of a store in memory.
    pub const MEMORY: &'static str = "memory:";

    /// How the address of a file begins.
    pub const SQLITE: &'static str = "sqlite:";

    /// How the URL of a database begins.
    pub const POSTGRES: [&'static str; 2] = ["postgres://", "postgresql://"];

    /// The feature that has the store.
    #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
    pub(super) const fn feature(&self) -> &'static str {
        match self {
            Self::Memory => "engine",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

impl FromStr for StoreAddress {
    type Err = StoreAddressError;

    fn from_str(text: &str) -> Result<Self, StoreAddressError> {
        if text == Self::MEMORY {
            return Ok(Self::Memory);
        }
        if Self::POSTGRES.iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Postgres(text.to_owned()));
        }
        match text.strip_prefix(Self::SQLITE) {
            // SQLite itself opens a temporary file or a database in memory by these names.
            Some("" | ":memory:") => Err(StoreAddressError::Path),
            Some(path) => Ok(Self::Sqlite(path.into())),
            None => Err(StoreAddressError::Scheme),
        }
    }
}

impl fmt::Debug for StoreAddress {
    /// Not the URL: it may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}
