//! The end of a caller's token: what waits for events ends with it.

use std::sync::Arc;
use std::time::Duration;

use crate::server::api::Api;
use crate::server::authentication::REMEMBERED;
use crate::server::principal::Principal;
use crate::store::chance::chance;
use crate::store::{StoreError, TokenId, Tokens};

/// A token is looked up anew within so many milliseconds before it would be forgotten. Each stream
/// chooses a moment of its own, so that one look serves all streams of a token.
const AHEAD: u64 = 1000;

/// Ends once the caller's token has expired, or was revoked: at once where this API has revoked it,
/// within the time that tokens are remembered where another process has. Never, without a token.
pub(super) fn token_ended(
    api: &Api,
    caller: &Principal,
) -> impl Future<Output = ()> + Send + use<> {
    let now = api.engine.clock().now();
    let left = caller
        .expires_at
        .map(|it| (it - now).to_std().unwrap_or_default());
    let (api, token) = (api.clone(), caller.token);
    async move {
        tokio::select! {
            () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some() => {}
            () = revoked(&api, token) => {}
        }
    }
}

async fn revoked(api: &Api, token: Option<TokenId>) {
    let Some(token) = token else {
        return std::future::pending().await;
    };
    let mut forgotten = api.authentication.forgotten();
    loop {
        let ahead = Duration::from_millis(chance() % AHEAD);
        let mut rest = api.authentication.left(token).saturating_sub(ahead);
        if rest.is_zero() {
            match Box::pin(is_known(api, token)).await {
                Ok(true) => continue,
                Ok(false) => return,
                // While the store is away, what was known of the token counts.
                Err(_) => rest = REMEMBERED,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = forgotten.changed() => {}
        }
    }
}

/// Whether there is such a token. It is remembered.
async fn is_known(api: &Api, id: TokenId) -> Result<bool, StoreError> {
    let token = api.store().token(id).await?;
    let is_known = token.is_some();
    if let Some(token) = token {
        api.authentication.remember(Arc::new(token));
    }
    Ok(is_known)
}
