//! A connection of the caller's, whatever its library.

use tokio_postgres::Row;

use super::failure::Failure;
use super::link::Parameter;
use crate::store::stored::Columns;

/// A connection that the caller has begun a transaction on.
pub(super) trait Foreign: Send + Sync {
    type Row: Columns + Send + Sync;

    fn query(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, Failure>> + Send;
}

/// One that has no prepared statements to keep: each is sent with its parameters, in one round
/// trip.
pub(super) struct Bare<'t, C>(pub(super) &'t mut C);

impl<C: tokio_postgres::GenericClient + Send + Sync> Foreign for Bare<'_, C> {
    type Row = Row;

    async fn query(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.0.query_typed(sql, parameters).await?)
    }
}

/// One that keeps its prepared statements.
pub(super) struct Pooled<'t, C>(pub(super) &'t mut C);

impl<C: deadpool_postgres::GenericClient + Send + Sync> Foreign for Pooled<'_, C> {
    type Row = Row;

    async fn query(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
        Ok(self.0.query(&statement, &values).await?)
    }
}
