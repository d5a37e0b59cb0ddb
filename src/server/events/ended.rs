//! The end of a caller's token: what waits for events ends with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::server::api::Api;
use crate::server::authentication::REMEMBERED;
use crate::server::principal::Principal;
use crate::store::{StoreError, TokenId, Tokens};

/// How long before a token would be forgotten it is looked up anew.
const AHEAD: Duration = Duration::from_millis(500);

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
    let mut watched = {
        let mut tokens = api.watched.tokens();
        let sender = tokens.entry(token).or_insert_with(|| {
            let sender = Arc::new(watch::Sender::new(()));
            tokio::spawn(look_after(api.clone(), token, Arc::clone(&sender)));
            sender
        });
        sender.subscribe()
    };
    // Nothing is sent.
    while watched.changed().await.is_ok() {}
}

/// Looks for a token until it is gone, or has no stream any more.
async fn look_after(api: Api, token: TokenId, sender: Arc<watch::Sender<()>>) {
    let mut forgotten = api.authentication.forgotten();
    loop {
        let mut rest = api.authentication.left(token).saturating_sub(AHEAD);
        if rest.is_zero() {
            match is_known(&api, token).await {
                Ok(true) => continue,
                Ok(false) => break,
                // While the store is away, what was known of the token counts.
                Err(_) => rest = REMEMBERED,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = forgotten.changed() => {}
            () = sender.closed() => {
                if api.watched.leave(token, &sender) {
                    return;
                }
            }
        }
    }
    api.watched.tokens().remove(&token);
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
