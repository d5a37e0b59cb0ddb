//! What a caller does is recorded: who did what.

use super::principal::Principal;
use super::problem::Problem;
use crate::engine::Engine;
use crate::store::{
    Act, ActKind, ActOutcome, AnyStore, StoreError, Token, TokenId, Tokens, acting as recorded,
};

/// An act of this caller, which is done now.
pub(crate) fn act(engine: &Engine<AnyStore>, caller: &Principal, kind: ActKind) -> Act {
    let institution = Some(caller.institution.clone());
    Act::new(
        institution,
        caller.actor.clone(),
        kind,
        engine.clock().now(),
    )
}

/// Records an act, does it, and records what came of it. Of a problem, the code is the reason: a
/// detail may have what is not to be kept.
pub(crate) fn acting<T>(
    engine: &Engine<AnyStore>,
    act: Act,
    doing: impl Future<Output = Result<T, Problem>>,
) -> impl Future<Output = Result<T, Problem>> {
    let outcome = |answer: &Result<T, Problem>| match answer {
        Ok(_) => Some(ActOutcome::Done),
        // Whether it was done is unknown after a fault.
        Err(problem) if problem.status >= 500 => None,
        Err(problem) => Some(ActOutcome::Refused((&*problem.code).into())),
    };
    recorded(engine.store(), act, outcome, doing)
}

/// Keeps a new token, as an act of this caller; `false` if its id is taken.
pub(crate) async fn add_token(
    engine: &Engine<AnyStore>,
    caller: &Principal,
    token: Token,
) -> Result<bool, StoreError> {
    let detail = format!("{}, {}, {}", token.name, token.actor, token.scopes);
    let act = act(engine, caller, ActKind::TokenCreated)
        .with_subject(token.id.to_string().into())
        .with_detail(detail.into());
    let doing = engine.store().add_token(token);
    recorded(
        engine.store(),
        act,
        |it| done_or(it, "already_exists"),
        doing,
    )
    .await
}

/// Revokes a token of the caller's institution, as an act of this caller; `false` if there is none.
pub(crate) async fn remove_token(
    engine: &Engine<AnyStore>,
    caller: &Principal,
    id: TokenId,
) -> Result<bool, StoreError> {
    let act = act(engine, caller, ActKind::TokenRevoked).with_subject(id.to_string().into());
    let doing = engine.store().remove_token(Some(&caller.institution), id);
    recorded(
        engine.store(),
        act,
        |it| done_or(it, "unknown_token"),
        doing,
    )
    .await
}

/// Done, or refused for this reason; unknown after a fault.
fn done_or(answer: &Result<bool, StoreError>, reason: &str) -> Option<ActOutcome> {
    match answer {
        Ok(true) => Some(ActOutcome::Done),
        Ok(false) => Some(ActOutcome::Refused(reason.into())),
        Err(_) => None,
    }
}
