//! The tokens that were looked up of late.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::{Token, TokenId};
use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// For how long a token that was looked up counts without another look. A token that another
/// process revokes is refused after at most this long.
pub(super) const REMEMBERED: Duration = Duration::from_secs(5);

/// How many tokens are remembered.
const MOST: usize = 10_000;

/// How often the last use of a token is recorded.
const USES: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

/// The tokens that were looked up of late.
#[derive(Default)]
pub(crate) struct Authentication {
    known: Mutex<HashMap<TokenId, Known>>,
    /// Changes whenever a token is forgotten.
    forgotten: watch::Sender<()>,
}

struct Known {
    token: Arc<Token>,
    since: Instant,
    /// When its use was recorded last.
    used: Option<DateTime<Utc>>,
}

impl Authentication {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<TokenId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a token that was revoked.
    pub(crate) fn forget(&self, id: TokenId) {
        self.known().remove(&id);
        self.forgotten.send_replace(());
    }

    /// What changes whenever a token is forgotten.
    pub(super) fn forgotten(&self) -> watch::Receiver<()> {
        self.forgotten.subscribe()
    }

    /// For how long a token counts without another look.
    pub(super) fn left(&self, id: TokenId) -> Duration {
        let known = self.known();
        let known = known.get(&id);
        known.map_or(Duration::ZERO, |it| {
            REMEMBERED.saturating_sub(it.since.elapsed())
        })
    }

    pub(crate) fn remembered(&self, id: TokenId) -> Option<Arc<Token>> {
        let known = self.known();
        let known = known.get(&id)?;
        (known.since.elapsed() < REMEMBERED).then(|| Arc::clone(&known.token))
    }

    pub(crate) fn remember(&self, token: Arc<Token>) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.retain(|_, it| it.since.elapsed() < REMEMBERED);
        }
        if known.len() >= MOST {
            known.clear();
        }
        let used = known.get(&token.id).and_then(|it| it.used);
        let used = used.max(token.last_used_at);
        let since = Instant::now();
        known.insert(token.id, Known { token, since, used });
    }

    /// Whether the use of a token is to be recorded now.
    pub(super) fn is_use_due(&self, id: TokenId, now: DateTime<Utc>) -> bool {
        let mut known = self.known();
        let Some(known) = known.get_mut(&id) else {
            return false;
        };
        let is_due = known.used.is_none_or(|it| now - it >= USES);
        if is_due {
            known.used = Some(now);
        }
        is_due
    }
}
