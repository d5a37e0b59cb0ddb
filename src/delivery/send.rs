//! One attempt: a claimed delivery becomes a request, and its answer a record.

use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::core::{NextAttempt, Sent, error};
use super::options::DispatcherOptions;
use super::redact::Private;
use super::transport::{OutgoingRequest, SendError, Transport};
use crate::lifecycle::event::Event;
use crate::store::{Attempt, Clock, Webhook};
use crate::webhook::{SignedRequest, WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE};

/// The request that brings an event to a webhook, sent at this time.
pub(super) fn request(event: &Event, webhook: &Webhook, at: DateTime<Utc>) -> OutgoingRequest {
    let endpoint = &webhook.endpoint;
    let body = event.to_json(webhook.id).into_bytes();
    let attempt = SignedRequest {
        webhook_id: webhook.id,
        event_id: event.id(),
        kind: event.kind(),
        at,
    };
    let secrets = &endpoint.secrets;
    let signed = attempt.headers(secrets.platform(at), &secrets.standard(at), &body);
    let signed = signed.into_iter().filter_map(|(name, value)| {
        // They are ASCII: ids, digits, base64.
        let value = HeaderValue::try_from(value).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    OutgoingRequest {
        url: endpoint.url.clone(),
        headers: signed.chain(endpoint.headers.iter().cloned()).collect(),
        body,
    }
}

/// Sends an event to a webhook once.
pub(super) async fn send<T: Transport>(
    transport: &T,
    clock: &dyn Clock,
    options: &DispatcherOptions,
    attempt: NextAttempt,
) -> Sent {
    let NextAttempt {
        webhook,
        event,
        lease,
        ..
    } = attempt;
    let event_id = event.id();
    // Of the level of errors, so that each failure in the log names its webhook.
    let span = tracing::error_span!(
        "attempt",
        webhook = %webhook.id,
        event = %event_id,
        kind = event.kind().as_str(),
        number = lease.earlier_attempts.saturating_add(1),
    );
    let at = clock.now();
    let request = request(&event, &webhook, at);
    let signatures = [WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE];
    let is_signature = |(name, _): &&(HeaderName, _)| signatures.contains(&name.as_str());
    let signatures = request.headers.iter().filter(is_signature);
    let signatures: Vec<_> = signatures.map(|(_, value)| value.clone()).collect();
    let start = Instant::now();
    let deadline = start + options.timeout;
    let sending = transport.send(request, deadline.into_std());
    // A transport may fail to keep its deadline.
    let cancelled = deadline + options.margin / 2;
    let answer = timeout_at(cancelled, sending.instrument(span.clone())).await;
    let answer = answer.unwrap_or(Err(SendError::Timeout("sending")));
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let response = answer.as_ref().ok();
    let private = Private {
        event: &event,
        endpoint: &webhook.endpoint,
        signatures: &signatures,
    };
    let attempt = Attempt {
        at,
        milliseconds,
        status: response.map(|it| it.status),
        error: error(&answer).map(|it| match &answer {
            // Of what was answered, it has nothing but the status.
            Ok(_) => it,
            Err(_) => private.error(&it),
        }),
        excerpt: response.and_then(|it| private.excerpt(&it.excerpt)),
    };
    span.in_scope(|| match &attempt.error {
        None => tracing::debug!(status = attempt.status, milliseconds, "delivered"),
        Some(error) => tracing::warn!(status = attempt.status, milliseconds, error, "failed"),
    });
    Sent {
        lease,
        webhook,
        event_id,
        attempt,
        answer,
        answered_at: clock.now(),
    }
}
