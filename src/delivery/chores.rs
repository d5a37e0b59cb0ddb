//! What a dispatcher does beside: webhooks are disabled, old attempts forgotten, the backlog
//! counted.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::options::DispatcherOptions;
use super::telemetry;
use crate::store::{Clock, Outbox, StoreError, Webhook};
use crate::webhook::{Description, Disabled, DisabledReason, WebhookUrl};

/// How many rows are forgotten at once, so that nobody waits for long.
const BATCH: u32 = 500;

/// Why a webhook is to be disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server at this URL says that it is gone.
    Gone(WebhookUrl),
    /// Everything has failed since then.
    Failing(DateTime<Utc>),
}

/// Disables a webhook, unless somebody has, or something was delivered meanwhile.
#[tracing::instrument(level = "debug", skip_all, fields(webhook = %known.id))]
pub(super) async fn disable<S: Outbox>(
    store: &S,
    known: Arc<Webhook>,
    cause: Cause,
    now: DateTime<Utc>,
    disable_after: TimeDelta,
) -> Result<(), StoreError> {
    loop {
        let Some(mut webhook) = store.webhook(&known.institution, known.id).await? else {
            return Ok(());
        };
        let failing_since = webhook.health.failing_since;
        let still_fails = failing_since.is_some_and(|it| now - it >= disable_after);
        let holds = match &cause {
            // By now, it may have moved.
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
        // Somebody else has changed it meanwhile.
    }
}

/// Counts the backlog, and forgets what is past its retention.
#[tracing::instrument(level = "debug", skip_all)]
pub(super) async fn housekeeping<S: Outbox>(
    store: &S,
    clock: &dyn Clock,
    options: &DispatcherOptions,
) -> Result<(), StoreError> {
    let now = clock.now();
    match store.backlog(None).await {
        Ok(backlog) => telemetry::backlog(&backlog, now),
        Err(error) => tracing::warn!(error = %error, "the backlog cannot be counted"),
    }
    let before = now.checked_sub_signed(options.retention);
    let before = before.unwrap_or(DateTime::<Utc>::MIN_UTC);
    while store.prune(before, BATCH).await? >= u64::from(BATCH) {
        tokio::task::yield_now().await;
    }
    Ok(())
}
