//! Upgrades of the tables as a step of their own.

use super::connections::Connections;
use super::migrate::{migrate, pending};
use super::pool::Place;
use super::schema::{NEWEST, check_shape, connection, place, refuse, version};
use super::session::Purpose;
use super::target::Target;
use super::{PostgresOptions, PostgresStore};
use crate::store::{Migration, Result, StoreError};

impl PostgresStore {
    /// Brings the tables to the newest schema that this program knows, as a step of a deployment:
    /// `certlife migrate` does this. Programs that are running go on working through each
    /// [expansion](crate::store::MigrationKind::Expansion), which holds their commands up for 0.5 s
    /// at most. Where [`PostgresOptions::setup`] is [`Setup::Create`](crate::store::Setup::Create),
    /// as by default, tables are made where there are none.
    ///
    /// Each step is a transaction. A step that finds a table locked by others is tried again, for
    /// [`PostgresOptions::lock_timeout`] in all.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect); [`StoreError::Unavailable`] where other transactions
    /// keep tables locked; [`StoreError::OlderSchema`] where there is something to do and the setup
    /// is [`Setup::Keep`](crate::store::Setup::Keep).
    pub async fn migrate(url: &str, options: PostgresOptions) -> Result<Migration, StoreError> {
        let options = options.within_limits();
        let (readers, migrating) = connections(url, &options)?;
        let client = connection(&readers).await?;
        let (place, _) = place(&**client).await?;
        drop(client);
        migrate(&migrating, &place, &options, NEWEST).await
    }

    /// What [`migrate`](Self::migrate) would do now. Nothing is changed, so a role that only reads
    /// may ask, also on a standby.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect); [`StoreError::NoStore`] where there are no tables and
    /// [`PostgresOptions::setup`] is not [`Setup::Create`](crate::store::Setup::Create). An older
    /// schema is no error.
    pub async fn pending_migration(
        url: &str,
        options: PostgresOptions,
    ) -> Result<Migration, StoreError> {
        let options = options.within_limits();
        let (readers, _) = connections(url, &options)?;
        let client = connection(&readers).await?;
        let (place, _) = place(&**client).await?;
        let found = version(&**client, &place).await?;
        if found.is_none() {
            refuse(found, &place, options.setup, NEWEST)?;
        }
        let pending = pending(found);
        if pending.steps.is_empty() {
            check_shape(&**client, &place, NEWEST).await?;
        }
        Ok(pending)
    }
}

/// To look, and to migrate.
fn connections(url: &str, options: &PostgresOptions) -> Result<(Connections, Connections)> {
    let place = Place::new(&Target::parse(url)?, options)?;
    Ok((
        place.connections(Purpose::Reading)?,
        place.connections(Purpose::Migrating)?,
    ))
}
