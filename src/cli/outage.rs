//! A store that does not answer for a while.

use std::time::Duration;

use super::{Failure, say};
use certificate_lifecycle::store::StoreError;

/// How long is waited before the store is asked again: twice as long each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The time for which the store does not answer, if it does not.
#[derive(Default)]
pub(super) struct Outage {
    last_wait: Option<Duration>,
    /// Whether the feed was read, after a cursor of its own.
    has_followed: bool,
}

impl Outage {
    /// Waits until it is time to ask again, and says once that it waits. What waiting does not mend
    /// comes back as the failure that it is.
    pub(super) async fn wait(&mut self, error: StoreError) -> Result<(), Failure> {
        let reason = match error {
            StoreError::Unavailable { reason, .. } => reason,
            // A server has taken the place of another, and nothing was written to it yet: the feed
            // will go on behind it.
            error @ StoreError::CursorBeyondEnd { .. } if self.has_followed => error.to_string(),
            error => return Err(error.into()),
        };
        let wait = if let Some(last) = self.last_wait {
            last.saturating_mul(2).min(LONGEST_WAIT)
        } else {
            say(&format!(
                "the store does not answer ({reason}); waiting until it does, Ctrl-C ends it"
            ));
            FIRST_WAIT
        };
        self.last_wait = Some(wait);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// The store has answered.
    pub(super) fn end(&mut self) {
        self.has_followed = true;
        if self.last_wait.take().is_some() {
            say("the store answers again");
        }
    }
}
