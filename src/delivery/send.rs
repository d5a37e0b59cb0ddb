//! One attempt: a claimed delivery becomes a request, and its answer a record.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::judge::error;
use super::options::DispatcherOptions;
use super::redact::Private;
use super::transport::{OutgoingRequest, Response, SendError, Transport};
use crate::lifecycle::event::Event;
use crate::store::{Attempt, Clock, DeliveryId, Webhook};
use crate::webhook::{SignedRequest, WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE};

/// What is told of an attempt when it is over.
pub(super) struct Sent {
    pub(super) id: DeliveryId,
    pub(super) token: i64,
    pub(super) webhook: Uuid,
    /// Where it was sent, as it was then.
    pub(super) to: Arc<Webhook>,
    pub(super) event_id: Uuid,
    /// How many attempts there were before.
    pub(super) attempts: u32,
    /// When the event was recorded.
    pub(super) created_at: DateTime<Utc>,
    pub(super) attempted: Attempt,
    pub(super) answer: Result<Response, SendError>,
    pub(super) now: DateTime<Utc>,
}

/// The lease that an attempt is made under.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) id: DeliveryId,
    pub(super) token: i64,
    pub(super) attempts: u32,
    pub(super) created_at: DateTime<Utc>,
}

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
    webhook: Arc<Webhook>,
    event: Event,
    leased: Leased,
) -> Sent {
    let event_id = event.id();
    // Of the level of errors, so that whoever is told of a failure is told whose it is.
    let span = tracing::error_span!(
        "attempt",
        webhook = %webhook.id,
        event = %event_id,
        kind = event.kind().as_str(),
        number = leased.attempts.saturating_add(1),
    );
    let at = clock.now();
    let request = request(&event, &webhook, at);
    let signatures = [WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE];
    let is_signature = |(name, _): &&(HeaderName, _)| signatures.contains(&name.as_str());
    let signatures = request.headers.iter().filter(is_signature);
    let signatures: Vec<_> = signatures.map(|(_, value)| value.clone()).collect();
    let start = Instant::now();
    // The transport has a deadline of its own; this one holds whatever the transport does.
    let deadline = (options.timeout + options.margin / 2).to_std();
    let sending = transport.send(request).instrument(span.clone());
    let answer = match deadline {
        Ok(deadline) => tokio::time::timeout(deadline, sending).await,
        Err(_) => Ok(sending.await),
    };
    let answer = answer.unwrap_or(Err(SendError::Timeout("sending")));
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let response = answer.as_ref().ok();
    let private = Private {
        event: &event,
        endpoint: &webhook.endpoint,
        signatures: &signatures,
    };
    let attempted = Attempt {
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
    span.in_scope(|| match &attempted.error {
        None => tracing::debug!(status = attempted.status, milliseconds, "delivered"),
        Some(error) => tracing::warn!(status = attempted.status, milliseconds, error, "failed"),
    });
    Sent {
        id: leased.id,
        token: leased.token,
        webhook: webhook.id,
        to: webhook,
        event_id,
        attempts: leased.attempts,
        created_at: leased.created_at,
        attempted,
        answer,
        now: clock.now(),
    }
}
