//! Signatures, and the headers of an attempt (CONTRACT.md, "Delivery").

use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::base64;
use super::secret::Secret;
use crate::lifecycle::event::EventKind;

/// The event's name.
pub const X_WEBHOOK_EVENT: &str = "x-webhook-event";
/// The webhook's id.
pub const X_WEBHOOK_ID: &str = "x-webhook-id";
/// The platform's signature.
pub const X_WEBHOOK_SIGNATURE: &str = "x-webhook-signature";
/// When the attempt was sent, RFC 3339.
pub const X_WEBHOOK_TIMESTAMP: &str = "x-webhook-timestamp";
/// Standard Webhooks: the event's id.
pub const WEBHOOK_ID: &str = "webhook-id";
/// Standard Webhooks: the signatures, separated by blanks.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";
/// Standard Webhooks: when the attempt was sent, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";

/// The version of the Standard Webhooks signature with a shared secret.
pub(super) const VERSION: &str = "v1";

/// What an attempt says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedRequest {
    /// The webhook that it is sent to.
    pub webhook_id: Uuid,
    /// The event: the same on every attempt.
    pub event_id: Uuid,
    /// The kind of the event.
    pub kind: EventKind,
    /// When this attempt is sent.
    pub at: DateTime<Utc>,
}

impl SignedRequest {
    /// The headers of a request with this body, names in lower case: the platform's and those of
    /// Standard Webhooks. `secrets` sign for Standard Webhooks, all of them; the platform's header
    /// has room for one signature, by `platform`.
    #[must_use]
    pub fn headers(
        &self,
        platform: &Secret,
        secrets: &[Secret],
        body: &[u8],
    ) -> [(&'static str, String); 7] {
        let (id, seconds) = (self.event_id.to_string(), self.at.timestamp());
        let sign = |secret| standard_signature(secret, &id, seconds, body);
        let signatures: Vec<String> = secrets.iter().map(sign).collect();
        [
            (X_WEBHOOK_EVENT, self.kind.name().to_owned()),
            (X_WEBHOOK_ID, self.webhook_id.to_string()),
            (X_WEBHOOK_SIGNATURE, platform_signature(platform, body)),
            (
                X_WEBHOOK_TIMESTAMP,
                self.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            ),
            (WEBHOOK_ID, id),
            (WEBHOOK_SIGNATURE, signatures.join(" ")),
            (WEBHOOK_TIMESTAMP, seconds.to_string()),
        ]
    }
}

/// The platform's signature of a body: lower-case hex of the HMAC-SHA256, keyed by the secret's own
/// text.
#[must_use]
pub fn platform_signature(secret: &Secret, body: &[u8]) -> String {
    let code = platform_code(secret, body).finalize().into_bytes();
    let mut hex = String::with_capacity(2 * code.len());
    for byte in code {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    hex
}

/// The Standard Webhooks signature of an attempt: `v1,` and base64 of the HMAC-SHA256, keyed by the
/// bytes that the secret encodes.
#[must_use]
pub fn standard_signature(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    let code = standard_code(secret, id, &seconds.to_string(), body).finalize();
    format!("{VERSION},{}", base64::encode(&code.into_bytes()))
}

pub(super) fn platform_code(secret: &Secret, body: &[u8]) -> Hmac<Sha256> {
    keyed(secret.expose().as_bytes()).chain_update(body)
}

pub(super) fn standard_code(secret: &Secret, id: &str, seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    keyed(secret.key())
        .chain_update(id)
        .chain_update(".")
        .chain_update(seconds)
        .chain_update(".")
        .chain_update(body)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(code) => code,
        // HMAC takes keys of any length (RFC 2104, section 2).
        Err(_) => unreachable!(),
    }
}
