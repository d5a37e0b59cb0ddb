//! The tokens whose streams are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::store::TokenId;

/// The tokens whose streams are open. A task for each token looks after it, however many streams it
/// has; once the token is gone, so is the sender.
#[derive(Default)]
pub(in crate::server) struct Watched(Mutex<HashMap<TokenId, Arc<watch::Sender<()>>>>);

impl Watched {
    pub(super) fn tokens(&self) -> MutexGuard<'_, HashMap<TokenId, Arc<watch::Sender<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a token whose streams have ended; false, if a new one has begun.
    pub(super) fn leave(&self, token: TokenId, sender: &watch::Sender<()>) -> bool {
        let mut tokens = self.tokens();
        let is_idle = sender.receiver_count() == 0;
        if is_idle {
            tokens.remove(&token);
        }
        is_idle
    }
}
