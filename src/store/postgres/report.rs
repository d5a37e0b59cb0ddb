//! What a server reports, whatever library the report came through.

use tokio_postgres::error::{DbError, SqlState};

/// An error of a library for PostgreSQL.
pub(super) trait DriverError: std::error::Error + Send + Sync + 'static {
    /// The server's report. If there is none, the error arose on the way to the server or back.
    fn report(&self) -> Option<Report<'_>>;
}

/// The fields of an error report (PostgreSQL's manual, "Error and Notice Message Fields").
pub(super) struct Report<'e> {
    pub(super) severity: &'e str,
    pub(super) state: SqlState,
    pub(super) message: &'e str,
    pub(super) detail: Option<&'e str>,
    pub(super) table: Option<&'e str>,
    pub(super) constraint: Option<&'e str>,
}

impl Report<'_> {
    /// Whether a row has this unique key of this table already.
    pub(super) fn is_of_key(&self, table: &str, key: &str) -> bool {
        self.state == SqlState::UNIQUE_VIOLATION
            && self.table == Some(table)
            && self.constraint == Some(key)
    }
}

impl<'e> From<&'e DbError> for Report<'e> {
    fn from(error: &'e DbError) -> Self {
        Self {
            severity: error.severity(),
            state: error.code().clone(),
            message: error.message(),
            detail: error.detail(),
            table: error.table(),
            constraint: error.constraint(),
        }
    }
}

impl DriverError for tokio_postgres::Error {
    fn report(&self) -> Option<Report<'_>> {
        self.as_db_error().map(Report::from)
    }
}

#[cfg(feature = "sqlx")]
impl DriverError for sqlx::Error {
    fn report(&self) -> Option<Report<'_>> {
        use sqlx::postgres::{PgDatabaseError, PgSeverity};

        let error = self.as_database_error()?;
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        Some(Report {
            severity: match error.severity() {
                PgSeverity::Panic => "PANIC",
                PgSeverity::Fatal => "FATAL",
                _ => "ERROR",
            },
            state: SqlState::from_code(error.code()),
            message: error.message(),
            detail: error.detail(),
            table: error.table(),
            constraint: error.constraint(),
        })
    }
}
