//! The receiving side: what was sent to us, and by whom.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::Mac;
use uuid::Uuid;

use super::base64;
use super::secret::Secret;
use super::sign::{
    VERSION, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_WEBHOOK_EVENT, X_WEBHOOK_ID,
    X_WEBHOOK_SIGNATURE, platform_code, standard_code,
};
use crate::event::payload::{EventPayload, PayloadError};
use crate::lifecycle::timestamp::Timestamp;

/// How far an attempt's time may lie from the receiver's clock, either way.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Checks the signatures of deliveries, in constant time.
///
/// ```
/// use certificate_lifecycle::webhook::{SignedRequest, Secret, Verifier};
/// use certificate_lifecycle::*;
///
/// # let at = "2026-06-04T10:30:00Z".parse::<chrono::DateTime<chrono::Utc>>()?;
/// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
/// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
/// #     CertificateTitle::new("Certificate of Achievement")?,
/// #     ApplicantEmail::new("john@example.com")?);
/// # let event = Application::submit(details, at).event;
/// # let webhook_id = uuid::uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
/// let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
/// # let body = event.to_json(webhook_id);
/// # let attempt = SignedRequest { webhook_id, event_id: event.id(), kind: event.kind(), at };
/// # let headers = attempt.headers(&secret, std::slice::from_ref(&secret), body.as_bytes());
/// # let now = at;
/// let verifier = Verifier::new([secret]);
/// // `headers` and `body` as they came, before anything parsed them.
/// let verified = verifier.verify(headers, body.as_bytes(), now)?;
/// assert_eq!(verified.payload.kind(), EventKind::Created);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    secrets: Vec<Secret>,
    takes_platform_alone: bool,
}

/// A delivery whose sender knows the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The event as the webhook receives it.
    pub payload: EventPayload<'a>,
    /// The event's id, the same on every attempt: what duplicates are known by. Nothing where only
    /// the platform's signature was there and was accepted
    /// ([`Verifier::accept_platform_signature`]), which does not cover it.
    pub event_id: Option<Uuid>,
}

/// Why a delivery is not to be trusted, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Neither signature is there.
    #[error("the request has neither a {WEBHOOK_SIGNATURE} nor an {X_WEBHOOK_SIGNATURE} header")]
    NoSignature,
    /// Only the platform's signature is there, and it was not to be accepted alone: it has no time
    /// in it, so the request may be the repetition of one that was captured long ago.
    #[error(
        "the request has no {WEBHOOK_SIGNATURE} header, and its {X_WEBHOOK_SIGNATURE} alone is not accepted: it \
         says nothing of when it was sent, so that what was captured once could be sent again for ever"
    )]
    PlatformSignatureAlone,
    /// A header that the signature needs is missing.
    #[error("the request has no {header} header")]
    MissingHeader {
        /// Which.
        header: &'static str,
    },
    /// A header is there more than once, and a guess which of them was meant may be wrong.
    #[error("the request has more than one {header} header")]
    RepeatedHeader {
        /// Which.
        header: &'static str,
    },
    /// A header has another form.
    #[error("the {header} header is not {expected}")]
    MalformedHeader {
        /// Which.
        header: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The attempt was sent too long ago: it may be a replay.
    #[error(
        "the attempt was sent at {}, more than five minutes before the receiver's clock ({})",
        Timestamp::saturating(*.at), Timestamp::saturating(*.now)
    )]
    TooOld {
        /// When it was sent.
        at: DateTime<Utc>,
        /// What the receiver's clock says.
        now: DateTime<Utc>,
    },
    /// The attempt is to be sent in the future.
    #[error(
        "the attempt was sent at {}, more than five minutes after the receiver's clock ({})",
        Timestamp::saturating(*.at), Timestamp::saturating(*.now)
    )]
    TooNew {
        /// When it was sent.
        at: DateTime<Utc>,
        /// What the receiver's clock says.
        now: DateTime<Utc>,
    },
    /// No secret made this signature of this body.
    #[error(
        "the {header} header fits none of the receiver's secrets: another secret, or the body is \
         not the bytes that were sent"
    )]
    NoMatch {
        /// Which signature.
        header: &'static str,
    },
    /// The signature is right, but the body is no event of the contract.
    #[error("the signature is right, but the body is no event: {0}")]
    Payload(#[from] PayloadError),
    /// The signature is right, but a header tells of another event than the body.
    #[error("the signature is right, but the {header} header is not what the body says")]
    OtherEvent {
        /// Which header.
        header: &'static str,
    },
}

impl Verifier {
    /// For a receiver who knows these secrets: several while one replaces another. It demands the
    /// Standard Webhooks signature, which has the time of the attempt in it.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self {
            secrets: secrets.into_iter().collect(),
            takes_platform_alone: false,
        }
    }

    /// Accepts the platform's own signature (`X-Webhook-Signature`) where the Standard Webhooks one
    /// is missing: for a sender who has no other.
    ///
    /// It covers the body and no time: a delivery that was seen once can be sent again for ever,
    /// also one of a sender with both signatures, without the other headers. The receiver has to
    /// remember what it has had, for as long as it would matter; there is no event id, so by the
    /// body, of which every attempt has the same bytes.
    #[must_use]
    pub fn accept_platform_signature(mut self) -> Self {
        self.takes_platform_alone = true;
        self
    }

    /// Checks what came: names and values of the headers, the body to the byte, and the receiver's
    /// clock.
    ///
    /// The Standard Webhooks signature decides, and the attempt must have been sent within five
    /// minutes of `now`. Where it is missing, the platform's decides, if it is
    /// [accepted](Self::accept_platform_signature) (CONTRACT.md, "Delivery").
    ///
    /// # Errors
    /// [`VerifyError`] says what is missing or wrong.
    pub fn verify<'a, N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
        body: &'a [u8],
        now: DateTime<Utc>,
    ) -> Result<Verified<'a>, VerifyError> {
        let headers = Headers::read(headers)?;
        let event_id = if let Some(signatures) = headers.get(WEBHOOK_SIGNATURE) {
            Some(self.standard(&headers, signatures, body, now)?)
        } else {
            let signature = headers.get(X_WEBHOOK_SIGNATURE);
            let signature = signature.ok_or(VerifyError::NoSignature)?;
            if !self.takes_platform_alone {
                return Err(VerifyError::PlatformSignatureAlone);
            }
            self.platform(signature, body)?;
            None
        };
        let payload = EventPayload::parse(body)?;
        let says = |header, expected: &str| match headers.get(header) {
            Some(value) if value != expected.as_bytes() => Err(VerifyError::OtherEvent { header }),
            _ => Ok(()),
        };
        says(X_WEBHOOK_EVENT, payload.kind().name())?;
        says(X_WEBHOOK_ID, &payload.webhook_id().to_string())?;
        Ok(Verified { payload, event_id })
    }

    fn standard(
        &self,
        headers: &Headers,
        signatures: &[u8],
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Uuid, VerifyError> {
        let id = headers.text(WEBHOOK_ID, "the id of an event")?;
        let seconds = headers.text(WEBHOOK_TIMESTAMP, UNIX_SECONDS)?;
        let at = seconds
            .parse()
            .ok()
            .and_then(|it| DateTime::from_timestamp(it, 0));
        let at = at.ok_or(VerifyError::MalformedHeader {
            header: WEBHOOK_TIMESTAMP,
            expected: UNIX_SECONDS,
        })?;
        let age = now.signed_duration_since(at);
        if age > TOLERANCE {
            return Err(VerifyError::TooOld { at, now });
        }
        if age < -TOLERANCE {
            return Err(VerifyError::TooNew { at, now });
        }
        // Signatures of other versions than ours are passed over, as the specification says.
        let signatures = signatures.split(u8::is_ascii_whitespace).filter_map(|it| {
            let (version, encoded) = std::str::from_utf8(it).ok()?.split_once(',')?;
            (version == VERSION).then_some(encoded)
        });
        let decoded: Vec<_> = signatures.filter_map(base64::decode).collect();
        let is_ours = self.secrets.iter().any(|secret| {
            let code = standard_code(secret, id, seconds, body);
            decoded
                .iter()
                .any(|it| code.clone().verify_slice(it).is_ok())
        });
        if !is_ours {
            let header = WEBHOOK_SIGNATURE;
            return Err(VerifyError::NoMatch { header });
        }
        Uuid::try_parse(id).map_err(|_| VerifyError::MalformedHeader {
            header: WEBHOOK_ID,
            expected: "the id of an event",
        })
    }

    fn platform(&self, signature: &[u8], body: &[u8]) -> Result<(), VerifyError> {
        let header = X_WEBHOOK_SIGNATURE;
        let expected = "64 hexadecimal digits";
        let signature =
            unhex(signature).ok_or(VerifyError::MalformedHeader { header, expected })?;
        let is_of = |secret| platform_code(secret, body).verify_slice(&signature).is_ok();
        if self.secrets.iter().any(is_of) {
            Ok(())
        } else {
            Err(VerifyError::NoMatch { header })
        }
    }
}

const UNIX_SECONDS: &str = "a time in Unix seconds";

/// The headers that a verifier reads.
struct Headers(Vec<(&'static str, Vec<u8>)>);

impl Headers {
    fn read<N: AsRef<str>, V: AsRef<[u8]>>(
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, VerifyError> {
        const KNOWN: [&str; 6] = [
            WEBHOOK_ID,
            WEBHOOK_SIGNATURE,
            WEBHOOK_TIMESTAMP,
            X_WEBHOOK_EVENT,
            X_WEBHOOK_ID,
            X_WEBHOOK_SIGNATURE,
        ];
        let mut read = Self(Vec::new());
        for (name, value) in headers {
            let known = KNOWN
                .into_iter()
                .find(|it| it.eq_ignore_ascii_case(name.as_ref()));
            let Some(header) = known else { continue };
            if read.get(header).is_some() {
                return Err(VerifyError::RepeatedHeader { header });
            }
            read.0
                .push((header, value.as_ref().trim_ascii().to_owned()));
        }
        Ok(read)
    }

    fn get(&self, header: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(name, _)| *name == header);
        found.map(|(_, value)| value.as_slice())
    }

    fn text(&self, header: &'static str, expected: &'static str) -> Result<&str, VerifyError> {
        let value = self
            .get(header)
            .ok_or(VerifyError::MissingHeader { header })?;
        std::str::from_utf8(value).map_err(|_| VerifyError::MalformedHeader { header, expected })
    }
}

/// The bytes of 64 hexadecimal digits.
fn unhex(digits: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16)?;
            *byte = *byte << 4 | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}
