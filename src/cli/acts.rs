//! What the command line does is recorded: who did what.

use super::Failure;
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::store::{
    self, Act, ActKind, ActOutcome, Actor, AnyStore, InstitutionId,
};

/// An act of this program, which is done now. It does not know which person has called it.
pub(super) fn act(institution: Option<&InstitutionId>, kind: ActKind) -> Result<Act, Failure> {
    let actor = Actor::system("certlife")?;
    let now = SystemClock.now();
    Ok(Act::new(institution.cloned(), actor, kind, now))
}

/// Records an act, does it, and records what came of it: that it was done, unless the answer says
/// why it was refused. What came of a failure is unknown.
pub(super) fn acting<T>(
    store: &AnyStore,
    act: Act,
    refusal: impl FnOnce(&T) -> Option<&'static str>,
    doing: impl Future<Output = Result<T, Failure>>,
) -> impl Future<Output = Result<T, Failure>> {
    let outcome = |answer: &Result<T, Failure>| match answer {
        Ok(it) => Some(refusal(it).map_or(ActOutcome::Done, |it| ActOutcome::Refused(it.into()))),
        Err(_) => None,
    };
    store::acting(store, act, outcome, doing)
}

/// Refused for this reason, unless it was done.
pub(super) fn unless(is_done: bool, reason: &'static str) -> Option<&'static str> {
    (!is_done).then_some(reason)
}
