//! Waiting for commits.

use std::time::Duration;

use tokio::sync::watch;

/// The shortest wait before a store is asked again that has failed, however often its followers
/// look.
const SHORTEST_BACK_OFF: Duration = Duration::from_millis(50);

/// The longest wait between two questions to a store that fails: not so long that it is noticed
/// late when the store is back.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(2);

/// Tells of commits: at once of those that the store hears of, and otherwise by a regular look.
#[derive(Debug, Clone)]
pub struct CommitWatch {
    commits: watch::Receiver<()>,
    poll: Duration,
}

/// A loop that looks more often than this does nothing else.
const SHORTEST: Duration = Duration::from_millis(1);

impl CommitWatch {
    pub(crate) fn new(commits: watch::Receiver<()>, poll: Duration) -> Self {
        let poll = poll.max(SHORTEST);
        Self { commits, poll }
    }

    /// The same, with regular looks no more often than this.
    #[cfg(feature = "processor")]
    pub(crate) fn at_most_every(self, poll: Duration) -> Self {
        let poll = self.poll.max(poll);
        Self { poll, ..self }
    }

    /// Waits until there may be new events since the last call, or since this was made.
    pub async fn wait(&mut self) {
        match tokio::time::timeout(self.poll, self.commits.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            // The store has been closed here, but others may still write to it.
            Ok(Err(_)) => tokio::time::sleep(self.poll).await,
        }
    }

    /// Waits before the store is asked again that has failed so often in a row: the time between
    /// two looks, doubled with each failure, at most 2 seconds. Commits do not cut it short, since
    /// a store can fail to read what others go on writing.
    pub async fn back_off(&self, failures: u32) {
        let doubled = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let pause = self.poll.saturating_mul(doubled);
        tokio::time::sleep(pause.clamp(SHORTEST_BACK_OFF, LONGEST_BACK_OFF)).await;
    }
}
