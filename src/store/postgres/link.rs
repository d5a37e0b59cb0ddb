//! Where the statements of commands are sent: a connection of the store's, or one of the caller's.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::Failure;
use super::session::Session;
use crate::store::stored::Columns;

/// A parameter of a statement, with its type.
pub(super) type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

/// What a connection of the caller's must lead to, and how its statements count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guard<'p> {
    /// The object identifier of the store's table `certlife_feed`.
    pub(super) table: u32,
    /// The name of the store's database. In one that was made of it (`CREATE DATABASE … TEMPLATE`),
    /// the tables have the same identifiers.
    pub(super) database: &'p str,
    /// When the server was started, in microseconds since 1970.
    pub(super) started_at: i64,
    /// The place of the feed, within the transaction, behind which the places of the commands
    /// count. If absent, it is that of the transaction's last event.
    pub(super) last_place: Option<i32>,
}

/// A connection, as far as commands need it.
pub(super) trait Link: Sync {
    type Row: Columns + Send + Sync;

    /// The rows of a statement.
    fn send(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, Failure>> + Send;

    /// Where it is a connection of the caller's: what it must lead to.
    fn guard(&self) -> Option<Guard<'_>> {
        None
    }

    /// Whether it leads to the store. Elsewhere, what is recorded is no answer to a command.
    fn leads_there(&self) -> impl Future<Output = Result<bool, Failure>> + Send {
        std::future::ready(Ok(true))
    }
}

/// The store's own connections prepare each statement once.
macro_rules! links {
    ($($connection:ty)+) => {$(
        impl Link for $connection {
            type Row = Row;

            async fn send(
                &self,
                sql: &'static str,
                parameters: &[Parameter<'_>],
            ) -> Result<Vec<Row>, Failure> {
                let prepared = self.prepare_cached(sql).await;
                let statement = prepared.map_err(|it| Failure::from(it).without_effect())?;
                let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
                Ok(self.query(&statement, &values).await?)
            }
        }
    )+};
}

links! { Session Transaction<'_> }

/// The type of an array of such values.
pub(super) fn array_of(value: &Type) -> Type {
    match *value {
        Type::BOOL => Type::BOOL_ARRAY,
        Type::INT2 => Type::INT2_ARRAY,
        Type::INT4 => Type::INT4_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::UUID => Type::UUID_ARRAY,
        // The columns have no other types.
        _ => Type::TEXT_ARRAY,
    }
}
