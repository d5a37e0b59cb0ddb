//! Webhooks.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::milliseconds;
use super::prune;
use crate::store::postgres::{
    PostgresStore,
    failure::failed,
    read,
    session::{Cached, Session},
    sql::statements,
    text::encode,
};
use crate::store::stored;
use crate::store::{InstitutionId, Put, Result, StoreError, Webhook};

/// The columns of a webhook, in the order in which [`from_row`] reads them.
macro_rules! columns {
    () => {
        "SELECT id, institution, settings, kinds, enabled, created_at, revision, failing_since, \
         not_before FROM certlife_webhook WHERE NOT removed AND "
    };
}

statements! {
    ONE(UUID, TEXT) = concat!(columns!(), "id = $1 AND institution = $2");
    ALL(TEXT) = concat!(columns!(), "($1::text IS NULL OR institution = $1) ORDER BY number");
    ENABLED(UUID_ARRAY) = concat!(columns!(), "id = ANY ($1) AND enabled");

    ADD(UUID, TEXT, INT2, BOOL, TEXT, INT8, INT8, INT8, INT8) = "\
        INSERT INTO certlife_webhook (id, institution, kinds, enabled, settings, \
            created_at, revision, failing_since, not_before) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING RETURNING id";

    /// In one statement: how it stands before, and the change.
    PUT(UUID, INT8, INT2, BOOL, TEXT, TEXT) = "\
        WITH known AS ( \
            SELECT id FROM certlife_webhook \
            WHERE id = $1 AND institution = $6 AND NOT removed \
        ), put AS ( \
            UPDATE certlife_webhook SET kinds = $3, settings = $5, revision = revision + 1, \
                failing_since = CASE WHEN enabled OR NOT $4 THEN failing_since END, \
                not_before = CASE WHEN enabled OR NOT $4 THEN not_before END, enabled = $4 \
            WHERE id = $1 AND revision = $2 AND institution = $6 AND NOT removed RETURNING id \
        ) SELECT EXISTS (SELECT FROM put) FROM known";

    REMOVE(UUID, TEXT) = "\
        UPDATE certlife_webhook SET removed = true, enabled = false, settings = '' \
        WHERE id = $1 AND institution = $2 AND NOT removed RETURNING id";
}

/// Reads a row with its checks; what is wrong is reported with the webhook's id.
pub(super) fn from_row(row: &Row) -> Result<Webhook> {
    let id: Uuid = row.try_get(0).map_err(failed)?;
    stored::webhook(row).map_err(|problem| StoreError::corrupt(format!("webhook {id}"), problem))
}

pub(super) async fn add(store: &PostgresStore, webhook: &Webhook) -> Result<bool> {
    let endpoint = &webhook.endpoint;
    let settings = endpoint.to_stored();
    let parameters: [&(dyn ToSql + Sync); 9] = [
        &webhook.id,
        &webhook.institution.as_str(),
        &i16::from(endpoint.kinds.bits()),
        &endpoint.is_enabled(),
        &encode(&settings),
        &milliseconds(webhook.created_at),
        &revision(webhook),
        &webhook.health.failing_since.map(milliseconds),
        &webhook.health.not_before.map(milliseconds),
    ];
    let is_new = !store.change(ADD, &parameters).await?.is_empty();
    if !is_new {
        store.confirmed().await?;
    }
    Ok(is_new)
}

pub(super) async fn put(store: &PostgresStore, webhook: &Webhook) -> Result<Put> {
    let endpoint = &webhook.endpoint;
    let settings = endpoint.to_stored();
    let parameters: [&(dyn ToSql + Sync); 6] = [
        &webhook.id,
        &revision(webhook),
        &i16::from(endpoint.kinds.bits()),
        &endpoint.is_enabled(),
        &encode(&settings),
        &webhook.institution.as_str(),
    ];
    let rows = store.change(PUT, &parameters).await?;
    let put = match rows.first() {
        None => Put::Unknown,
        Some(row) if row.try_get(0).map_err(failed)? => return Ok(Put::Done),
        Some(_) => Put::Conflict,
    };
    store.confirmed().await?;
    Ok(put)
}

/// A revision that PostgreSQL cannot hold is none that a webhook has.
fn revision(webhook: &Webhook) -> i64 {
    i64::try_from(webhook.revision).unwrap_or(-1)
}

pub(super) async fn one(
    client: &Session,
    institution: &InstitutionId,
    id: Uuid,
) -> Result<Option<Webhook>> {
    let rows = read::query(client, ONE, &[&id, &institution.as_str()]).await?;
    rows.first().map(from_row).transpose()
}

pub(super) async fn all(
    client: &Session,
    institution: Option<&InstitutionId>,
) -> Result<Vec<Webhook>> {
    let institution = institution.map(InstitutionId::as_str);
    let rows = read::query(client, ALL, &[&institution]).await?;
    rows.iter().map(from_row).collect()
}

/// Those of these ids that are enabled, as rows for [`from_row`].
pub(super) async fn enabled(client: &impl Cached, ids: &[Uuid]) -> Result<Vec<Row>> {
    client.rows(ENABLED, &[&ids]).await.map_err(failed)
}

/// Makes a webhook invisible, and its secrets unreadable, and then deletes what belongs to it.
pub(super) async fn remove(
    store: &PostgresStore,
    institution: &InstitutionId,
    id: Uuid,
) -> Result<bool> {
    let parameters: [&(dyn ToSql + Sync); 2] = [&id, &institution.as_str()];
    if store.change(REMOVE, &parameters).await?.is_empty() {
        store.confirmed().await?;
        return Ok(false);
    }
    // Should this be cut off, pruning ends it.
    while prune::remove_some(store, id).await? > 0 {}
    Ok(true)
}
