//! What databases keep of a webhook.

use super::{Columns, Problem};
use crate::store::outbox::{Health, Webhook};
use crate::webhook::Endpoint;

/// From the columns id, institution, settings, kinds, enabled, `created_at`, revision,
/// `failing_since`, `not_before`.
pub(in crate::store) fn webhook(row: &impl Columns) -> Result<Webhook, Problem> {
    let endpoint = Endpoint::from_stored(&row.text(2, "webhook.settings")?)?;
    let kinds = row.integer(3, "webhook.kinds")?;
    let is_enabled = row.flag(4, "webhook.enabled")?;
    if kinds != i64::from(endpoint.kinds.bits()) || is_enabled != endpoint.is_enabled() {
        let enabled = i64::from(is_enabled);
        return Err(format!(
            "its columns (kinds {kinds}, enabled {enabled}) are not what its settings say"
        ));
    }
    Ok(Webhook {
        id: row.uuid(0, "webhook.id")?,
        institution: row.institution(1)?,
        endpoint,
        created_at: row.time(5, "webhook.created_at")?,
        revision: row.count(6, "webhook.revision")?,
        health: Health {
            failing_since: row.time_or_none(7, "webhook.failing_since")?,
            not_before: row.time_or_none(8, "webhook.not_before")?,
        },
    })
}
