//! What is limited: sign-ins that have failed, and lines of the log that browsers ask for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many there may be in a minute.
const MOST: u32 = 60;

const MINUTE: Duration = Duration::from_secs(60);

/// Those of this minute. A sign-in with a good token is never refused: the secrets cannot be
/// guessed, and an attacker keeps no one else out.
#[derive(Default)]
pub(super) struct Attempts(Mutex<Option<(Instant, u32)>>);

impl Attempts {
    /// Counts one more; whether there are too many.
    pub(super) fn is_one_too_many(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (since, count) = match *state {
            Some((since, count)) if now.duration_since(since) < MINUTE => (since, count + 1),
            _ => (now, 1),
        };
        *state = Some((since, count.min(MOST + 1)));
        count > MOST
    }
}
