//! What a receiver makes of a delivery, and what it answers.

use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;

use super::followed::Followed;
use super::server::{Answer, Unread};
use crate::cli::received::{Headers, Signature};
use crate::cli::secret::PlatformSignature;
use certificate_lifecycle::EventPayload;
use certificate_lifecycle::webhook::{
    Arrival, Secret, TrackedApplication, Verified, Verifier, VerifyError, WEBHOOK_ID,
};

/// Checks deliveries, follows applications, and fails as often as it is asked to.
pub(super) struct Receiver {
    /// None where no secret is known.
    verifier: Option<Verifier>,
    followed: Followed,
    faults: FaultInjection,
    tally: Tally,
}

/// The answers that are wrong on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FaultInjection {
    /// Every answer is this.
    pub(super) status: Option<StatusCode>,
    /// The share of answers that are 500.
    pub(super) percent: u8,
}

/// What has come so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Tally {
    pub(super) received: u64,
    pub(super) verified: u64,
    /// What is not to be trusted, or no event.
    pub(super) refused: u64,
    pub(super) duplicates: u64,
    /// What was answered as `--status` and `--fail` ask.
    pub(super) as_asked: u64,
}

/// What a delivery was found to be.
pub(super) struct Finding<'a> {
    /// What the body says, whether or not that is to be trusted.
    pub(super) payload: Option<EventPayload<'a>>,
    pub(super) verdict: Reply,
    /// What it was to the applications, where it was taken.
    pub(super) news: Option<News>,
    pub(super) answer: Answer,
}

/// Whether a delivery is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Verified(Signature),
    /// No secret is known.
    Unknown,
    /// It is not, or it is no event.
    Refused(String),
}

/// What an event was to the applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// How new it is, the application's newest version, and the versions that are missing before
    /// it.
    Arrival {
        news: Arrival,
        version: u64,
        missing: Vec<(u64, u64)>,
    },
    /// It is unknown.
    Nothing(String),
}

impl Receiver {
    pub(super) fn new(
        secrets: Vec<Secret>,
        platform: PlatformSignature,
        faults: FaultInjection,
    ) -> Self {
        let verifier = (!secrets.is_empty()).then(|| platform.verifier(secrets));
        Self {
            verifier,
            followed: Followed::default(),
            faults,
            tally: Tally::default(),
        }
    }

    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether signatures are checked.
    pub(super) const fn verifies(&self) -> bool {
        self.verifier.is_some()
    }

    /// Looks at a delivery.
    pub(super) fn take<'a>(
        &mut self,
        headers: &Headers,
        body: Result<&'a [u8], &Unread>,
        now: DateTime<Utc>,
    ) -> Finding<'a> {
        self.tally.received += 1;
        let (judged, would_be) = match body {
            Err(unread) => (
                Err(unread.to_string()),
                match unread {
                    Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                    Unread::Late => StatusCode::REQUEST_TIMEOUT,
                    Unread::Crowded => StatusCode::SERVICE_UNAVAILABLE,
                    Unread::Broken { .. } => StatusCode::BAD_REQUEST,
                },
            ),
            Ok(body) => match self.judge(headers, body, now) {
                Ok(verified) => (Ok(verified), StatusCode::NO_CONTENT),
                Err((status, reason)) => (Err(reason), status),
            },
        };
        let verdict = match &judged {
            Ok(verified) if self.verifies() => Reply::Verified(Signature::of(verified)),
            Ok(_) => Reply::Unknown,
            Err(reason) => Reply::Refused(reason.clone()),
        };
        match verdict {
            Reply::Verified(_) => self.tally.verified += 1,
            Reply::Unknown => {}
            Reply::Refused(_) => self.tally.refused += 1,
        }
        let answer = self.answer(would_be, judged.as_ref().err());
        // Who answers that it failed has not taken it: when it comes again, it is no duplicate.
        let taken = judged.ok().filter(|_| answer.status.is_success());
        let news = taken.map(|verified| self.follow(&verified));
        Finding {
            payload: body.ok().and_then(|it| EventPayload::parse(it).ok()),
            verdict,
            news,
            answer,
        }
    }

    fn judge<'a>(
        &self,
        headers: &Headers,
        body: &'a [u8],
        now: DateTime<Utc>,
    ) -> Result<Verified<'a>, (StatusCode, String)> {
        let Some(verifier) = &self.verifier else {
            let payload = EventPayload::parse(body)
                .map_err(|error| (StatusCode::BAD_REQUEST, format!("it is no event: {error}")))?;
            // At its word.
            let event_id = headers.text(WEBHOOK_ID).and_then(|it| it.parse().ok());
            return Ok(Verified { payload, event_id });
        };
        verifier.verify(headers.iter(), body, now).map_err(|error| {
            let status = match error {
                // Its sender knows the secret.
                VerifyError::Payload(_) | VerifyError::OtherEvent { .. } => StatusCode::BAD_REQUEST,
                _ => StatusCode::UNAUTHORIZED,
            };
            let mut words = error.to_string();
            if error == VerifyError::PlatformSignatureAlone {
                words.push_str("; ");
                words.push_str(PlatformSignature::HINT);
            }
            (status, words)
        })
    }

    fn answer(&mut self, would_be: StatusCode, refused: Option<&String>) -> Answer {
        let asked = if let Some(status) = self.faults.status {
            Some((status, "as --status asks"))
        } else if self.faults.fails(self.tally.received) {
            Some((StatusCode::INTERNAL_SERVER_ERROR, "as --fail asks"))
        } else {
            None
        };
        self.tally.as_asked += u64::from(asked.is_some());
        let (status, reason) = match asked {
            Some((status, reason)) => (status, reason.to_owned()),
            None => (would_be, refused.cloned().unwrap_or_default()),
        };
        Answer { status, reason }
    }

    fn follow(&mut self, verified: &Verified<'_>) -> News {
        let news = match self.followed.take(verified) {
            Ok(news) => news,
            Err(error) => return News::Nothing(error.to_string()),
        };
        self.tally.duplicates += u64::from(news == Arrival::Duplicate);
        let known = self.followed.get(verified.payload.uuid());
        News::Arrival {
            news,
            version: known.map_or(0, TrackedApplication::version),
            missing: known.map_or_else(Vec::new, |it| it.missing().collect()),
        }
    }
}

impl FaultInjection {
    /// Whether the request of this number, counted from 1, is one that fails: as evenly as whole
    /// numbers allow, so the same for every run.
    fn fails(self, number: u64) -> bool {
        let failed = |count: u64| u128::from(count) * u128::from(self.percent) / 100;
        failed(number) > failed(number.saturating_sub(1))
    }
}
