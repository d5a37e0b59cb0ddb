//! Waiting for commits.

use std::time::Duration;

use tokio::sync::watch;

/// Tells of commits: at once of those that the store hears of, and otherwise by a regular look.
#[derive(Debug, Clone)]
pub struct Wake {
    commits: watch::Receiver<()>,
    poll: Duration,
}

/// Whoever looks more often than this does nothing else.
const SHORTEST: Duration = Duration::from_millis(1);

impl Wake {
    pub(crate) fn new(commits: watch::Receiver<()>, poll: Duration) -> Self {
        let poll = poll.max(SHORTEST);
        Self { commits, poll }
    }

    /// Waits until there may be new events since the last call, or since this was made.
    pub async fn wait(&mut self) {
        match tokio::time::timeout(self.poll, self.commits.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            // The store has been closed here, but others may still write to it.
            Ok(Err(_)) => tokio::time::sleep(self.poll).await,
        }
    }
}
