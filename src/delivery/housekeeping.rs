//! Work beside deliveries: disables webhooks, prunes old rows and counts the backlog.

use std::time::Duration;

use super::core::{Cause, Disabling};
use super::options::DispatcherOptions;
use super::telemetry;
use crate::lengths::{earlier, later};
use crate::store::{Clock, Outbox, StoreError};
use crate::webhook::{Description, Disabled, DisabledReason};

/// How many rows one statement prunes, so that other statements wait only briefly.
const BATCH: u32 = 500;

/// Disables a webhook, unless it is disabled already, or has received a delivery meanwhile.
#[tracing::instrument(level = "debug", skip_all, fields(webhook = %disabling.webhook.id))]
pub(super) async fn disable<S: Outbox>(
    store: &S,
    disabling: Disabling,
    disable_after: Duration,
) -> Result<(), StoreError> {
    let Disabling {
        webhook: known,
        cause,
        at: now,
    } = disabling;
    loop {
        let Some(mut webhook) = store.webhook(&known.institution, known.id).await? else {
            return Ok(());
        };
        let failing_since = webhook.health.failing_since;
        let still_fails = failing_since.is_some_and(|it| later(it, disable_after) <= now);
        let holds = match &cause {
            // The webhook may have a new URL by now.
            Cause::Gone(url) => *url == webhook.endpoint.url,
            Cause::Failing(_) => still_fails,
        };
        if !webhook.endpoint.is_enabled() || !holds {
            return Ok(());
        }
        let (reason, detail) = match &cause {
            Cause::Gone(_) => (
                DisabledReason::Gone,
                "its server answered with status 410".to_owned(),
            ),
            Cause::Failing(since) => (
                DisabledReason::Failing,
                format!("every attempt has failed since {}", since.format("%FT%TZ")),
            ),
        };
        tracing::warn!(webhook = %known.id, reason = reason.as_str(), detail, "webhook disabled");
        webhook.endpoint.disabled = Some(Disabled {
            reason,
            at: now,
            // Both are short, and on one line.
            detail: Description::new(detail).unwrap_or_default(),
        });
        if store.put_webhook(webhook).await?.is_done() {
            metrics::counter!(telemetry::DISABLED, "reason" => reason.as_str()).increment(1);
            return Ok(());
        }
        // It was changed meanwhile.
    }
}

/// Counts the backlog, and prunes rows past their retention.
#[tracing::instrument(level = "debug", skip_all)]
pub(super) async fn keep_house<S: Outbox>(
    store: &S,
    clock: &dyn Clock,
    options: &DispatcherOptions,
) -> Result<(), StoreError> {
    let now = clock.now();
    match store.backlog(None).await {
        Ok(backlog) => telemetry::backlog(&backlog, now),
        Err(error) => tracing::warn!(error = %error, "the backlog cannot be counted"),
    }
    let before = earlier(now, options.retention);
    while store.prune(before, BATCH).await? >= u64::from(BATCH) {
        tokio::task::yield_now().await;
    }
    Ok(())
}
