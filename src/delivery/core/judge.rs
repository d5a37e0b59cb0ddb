//! What follows from the answer to an attempt: one pure decision.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::options::DispatcherOptions;
use super::super::transport::{Response, SendError};
use crate::lengths::later;
use crate::store::{Health, HealthChange, Outcome};
use crate::webhook::RetrySchedule;

/// The statuses by which a server says that it is overloaded, not that the request is wrong.
const SLOW_DOWN: [u16; 4] = [429, 502, 503, 504];

/// The status of what is gone for good.
const GONE: u16 = 410;

/// How long a webhook is left alone that asks for it without saying how long; then twice as long,
/// and so on.
const PAUSE: Duration = Duration::from_secs(1);

/// An attempt that is judged.
pub(super) struct Tried<'a> {
    pub(super) webhook: Uuid,
    pub(super) event_id: Uuid,
    /// How many attempts there were before.
    pub(super) attempts: u32,
    pub(super) answer: &'a Result<Response, SendError>,
    /// What went wrong, as it is kept.
    pub(super) error: Option<&'a str>,
    /// When the answer came.
    pub(super) now: DateTime<Utc>,
    /// How the webhook was until then.
    pub(super) health: Health,
    /// How often the circuit was opened since something was delivered.
    pub(super) opened: u32,
}

/// What follows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) outcome: Outcome,
    /// What it says of the webhook.
    pub(super) change: HealthChange,
    pub(super) consequence: Consequence,
}

/// What follows for the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    None,
    /// Its server says that it is gone.
    Gone,
    /// Everything has failed since then.
    Failing(DateTime<Utc>),
}

/// What an attempt is counted as, by the metrics.
pub(in crate::delivery) fn outcome(answer: &Result<Response, SendError>) -> &'static str {
    match answer {
        Ok(response) if is_success(response.status) => "delivered",
        Ok(_) => "refused",
        Err(SendError::Refused(_)) => "target_refused",
        Err(SendError::Connect(_)) => "connect_failed",
        Err(SendError::Timeout(_)) => "timeout",
        Err(SendError::Local(_)) => "local",
        Err(SendError::Broken(_)) => "broken",
    }
}

pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// What went wrong, if something did; to be kept only without what is private.
pub(in crate::delivery) fn error(answer: &Result<Response, SendError>) -> Option<String> {
    match answer {
        Ok(response) if is_success(response.status) => None,
        Ok(response) => Some(match response.status {
            300..400 => format!("status {}: redirects are not followed", response.status),
            status => format!("status {status}"),
        }),
        Err(error) => Some(error.to_string()),
    }
}

impl Tried<'_> {
    pub(super) fn judge(&self, options: &DispatcherOptions) -> Judgement {
        let status = self.answer.as_ref().ok().map(|it| it.status);
        if status.is_some_and(is_success) {
            return Judgement {
                outcome: Outcome::Delivered,
                change: HealthChange {
                    delivered: true,
                    ..HealthChange::default()
                },
                consequence: Consequence::None,
            };
        }
        let retry_after = self.answer.as_ref().ok().and_then(|it| it.retry_after);
        let retry_after =
            retry_after.map(|it| it.from(self.now).min(RetrySchedule::LONGEST_RETRY_AFTER));
        let failing_since = self.health.failing_since.unwrap_or(self.now).min(self.now);
        let mut change = HealthChange {
            failed_at: Some(self.now),
            ..HealthChange::default()
        };
        // Also for one that is to be disabled: that may fail, or be wrong by what others have
        // delivered.
        if status.is_some_and(|it| SLOW_DOWN.contains(&it)) {
            let doubled = 1_u32.checked_shl(self.opened.min(20)).unwrap_or(1);
            let pause = (PAUSE * doubled).min(options.longest_break());
            change.not_before = Some(self.now + retry_after.unwrap_or(pause));
        }
        let consequence = if status == Some(GONE) {
            Consequence::Gone
        } else if later(failing_since, options.disable_after) <= self.now {
            Consequence::Failing(failing_since)
        } else {
            Consequence::None
        };
        Judgement {
            outcome: self.next(options, retry_after),
            change,
            consequence,
        }
    }

    fn next(&self, options: &DispatcherOptions, retry_after: Option<Duration>) -> Outcome {
        let failed = self.attempts.saturating_add(1);
        let schedule = &options.schedule;
        if let Some(delay) = schedule.delay(failed, self.event_id, self.webhook, retry_after) {
            return Outcome::Retry {
                at: self.now + delay,
            };
        }
        let error = self.error.unwrap_or_default();
        let reason = match failed {
            1 => format!("the only attempt failed: {error}"),
            _ => format!("all {failed} attempts failed; the last one: {error}"),
        };
        Outcome::Dead { reason }
    }
}
