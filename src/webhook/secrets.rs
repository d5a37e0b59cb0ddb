//! The secrets of a webhook: the current one, and those that it replaces for a while.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::secret::Secret;

/// How many old secrets are kept: a receiver has to find its own among the signatures.
const MOST_OLD: usize = 3;

/// The secrets that sign what is sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    current: Secret,
    /// The oldest first.
    old: Vec<OldSecret>,
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSecret {
    /// The secret.
    pub secret: Secret,
    /// Until then `X-Webhook-Signature`, which has room for one signature, is made with it.
    pub switch_over: DateTime<Utc>,
    /// Until then `webhook-signature` has a signature of it.
    pub until: DateTime<Utc>,
}

impl Secrets {
    /// How long an old secret stays valid by default: a day.
    pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

    /// One secret.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        let old = Vec::new();
        Self {
            current: secret,
            old,
        }
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) const fn restore(current: Secret, old: Vec<OldSecret>) -> Self {
        Self { current, old }
    }

    /// Replaces the current secret. Until `until`, what is sent is signed with both; the platform's
    /// header follows at `switch_over`, or at `until` if that comes first.
    ///
    /// Of those that were replaced before, all that are valid sign on, but three at most: the
    /// oldest beyond these are forgotten, and so is what is past its time.
    ///
    /// A backend shows the new secret once, and replaces the settings of the webhook:
    ///
    /// ```
    /// use certificate_lifecycle::webhook::{Endpoint, Secret, Secrets};
    /// use chrono::{DateTime, Utc};
    ///
    /// fn rotate(endpoint: &mut Endpoint, now: DateTime<Utc>) -> Secret {
    ///     // Random: the operating system may have none, which is an error of its own.
    ///     let secret = Secret::generate().unwrap();
    ///     let until = now + Secrets::GRACE;
    ///     endpoint.secrets.rotate(secret.clone(), now, now + Secrets::GRACE / 2, until);
    ///     secret
    /// }
    ///
    /// let now = "2026-06-04T10:30:00Z".parse()?;
    /// let old: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
    /// let mut endpoint = Endpoint::new("https://example.com/hooks".parse()?, old.clone());
    /// let new = rotate(&mut endpoint, now);
    /// // … and then `store.put_webhook(webhook)`, again where it answers `Put::Conflict`.
    /// assert_eq!(endpoint.secrets.standard(now), [new, old]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rotate(
        &mut self,
        secret: Secret,
        now: DateTime<Utc>,
        switch_over: DateTime<Utc>,
        until: DateTime<Utc>,
    ) {
        let secret = std::mem::replace(&mut self.current, secret);
        self.old.push(OldSecret {
            secret,
            switch_over: switch_over.min(until),
            until,
        });
        // Before they are counted: what signs nothing any more takes no place, not even the last
        // one.
        self.old.retain(|old| old.until > now);
        let surplus = self.old.len().saturating_sub(MOST_OLD);
        self.old.drain(..surplus);
    }

    /// The newest secret.
    #[must_use]
    pub const fn current(&self) -> &Secret {
        &self.current
    }

    /// Those that were replaced, the oldest first. Some may be past their time.
    #[must_use]
    pub fn old(&self) -> &[OldSecret] {
        &self.old
    }

    /// The secret of the platform's signature (`X-Webhook-Signature`) at this time.
    #[must_use]
    pub fn platform(&self, at: DateTime<Utc>) -> &Secret {
        let old = self.old.iter().find(|old| at < old.switch_over);
        old.map_or(&self.current, |old| &old.secret)
    }

    /// The secrets of the Standard Webhooks signatures at this time, the newest first. One that was
    /// replaced and came back signs once.
    #[must_use]
    pub fn standard(&self, at: DateTime<Utc>) -> Vec<Secret> {
        let mut signing = vec![self.current.clone()];
        for old in self.old.iter().rev().filter(|old| at < old.until) {
            if !signing.contains(&old.secret) {
                signing.push(old.secret.clone());
            }
        }
        signing
    }
}
