//! A connection of the caller's, of the library sqlx.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, PgValueFormat};
use sqlx::{Arguments, Connection, PgConnection, Postgres, Row, ValueRef};
use tokio::sync::Mutex;
use tokio_postgres::types::{FromSql, Type, WrongType};

use super::failure::{Failure, failed};
use super::foreign::Foreign;
use super::link::Parameter;
use super::row::Binary;
use crate::store::stored::Problem;

/// One that carries out a statement at a time.
///
/// It keeps the store's prepared statements where it keeps others. With a
/// `statement_cache_capacity` of 0 it would never close them.
pub(super) struct Serial<'t>(Mutex<&'t mut PgConnection>);

impl<'t> Serial<'t> {
    pub(super) fn new(connection: &'t mut PgConnection) -> Self {
        Self(Mutex::new(connection))
    }
}

impl Foreign for Serial<'_> {
    type Row = PgRow;

    async fn query(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<PgRow>, Failure> {
        let mut arguments = PgArguments::default();
        for parameter in parameters {
            // What cannot be encoded is never sent.
            Arguments::add(&mut arguments, Value(parameter))
                .map_err(|error| Failure::Undone(failed(sqlx::Error::Encode(error))))?;
        }
        let mut connection = self.0.lock().await;
        let keeps_statements = connection.cached_statements_size() > 0;
        let query = sqlx::query_with(sql, arguments).persistent(keeps_statements);
        Ok(query.fetch_all(&mut **connection).await?)
    }
}

/// A parameter, as tokio-postgres encodes it.
struct Value<'p>(&'p Parameter<'p>);

impl sqlx::Type<Postgres> for Value<'_> {
    /// Unspecified: each value has its own.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Value<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let (value, sql_type) = self.0;
        #[expect(
            clippy::default_trait_access,
            reason = "the type is one of the crate `bytes`, which is no dependency of ours"
        )]
        let mut bytes = Default::default();
        Ok(match value.to_sql_checked(sql_type, &mut bytes)? {
            tokio_postgres::types::IsNull::Yes => IsNull::Yes,
            tokio_postgres::types::IsNull::No => {
                buffer.extend_from_slice(&bytes);
                IsNull::No
            }
        })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.0.1.oid())))
    }
}

impl Binary for PgRow {
    fn get<'r, T: FromSql<'r>>(&'r self, at: usize, column: &str) -> Result<Option<T>, Problem> {
        let read = || -> Result<Option<T>, BoxDynError> {
            let value = self.try_get_raw(at)?;
            let oid = value.type_info().oid();
            let sql_type = oid.and_then(|Oid(it)| Type::from_oid(it));
            let sql_type = sql_type.unwrap_or(Type::UNKNOWN);
            if value.format() != PgValueFormat::Binary || !T::accepts(&sql_type) {
                return Err(WrongType::new::<T>(sql_type).into());
            }
            if value.is_null() {
                return Ok(None);
            }
            T::from_sql(&sql_type, value.as_bytes()?).map(Some)
        };
        read().map_err(|error| format!("{column}: {error}"))
    }
}
