//! `certlife token revoke`: a token that is good no more.

use crate::cli::acts::{act, acting, unless};
use crate::cli::{Completion, Failure, block_on, say, store};
use certificate_lifecycle::store::{ActKind, TokenId, Tokens};

/// Revoke a token: from now on, requests with it are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 revoked, 1 there is none, 2 the run could not go on.")]
pub(super) struct Args {
    #[command(flatten)]
    store: store::Args,

    /// The token: its id, which certlife token list shows.
    id: TokenId,
}

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let id = args.id;
    let is_removed = block_on(async {
        let engine = args.store.open_existing().await?;
        let store = engine.store();
        // A token that cannot be read can be revoked nevertheless.
        let institution = store
            .token(id)
            .await
            .ok()
            .flatten()
            .and_then(|it| it.institution);
        let act = act(institution.as_ref(), ActKind::TokenRevoked)?;
        let act = act.with_subject(id.to_string().into());
        let removing = async { Ok(store.remove_token(None, id).await?) };
        acting(store, act, |it| unless(*it, "unknown_token"), removing).await
    })?;
    if !is_removed {
        say(&format!("there is no token {id}"));
        return Ok(Completion::Refused);
    }
    say(&format!("token {id} was revoked"));
    Ok(Completion::Clean)
}
