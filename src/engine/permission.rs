//! Who may do what (CONTRACT.md, "Events", column *who acts*).

use crate::lifecycle::action::Action;
use crate::store::{ActorKind, Operation, Refusal, Request};

/// To whom the contract gives an operation; the first is who usually does it.
#[must_use]
pub const fn permitted(operation: &Operation) -> &'static [ActorKind] {
    match operation.action() {
        Some(Action::BeginProcessing | Action::Reject | Action::Retry) => {
            &[ActorKind::Administrator]
        }
        Some(Action::Approve | Action::Fail) => &[ActorKind::System],
        None => match operation {
            Operation::Upload(..) => &[ActorKind::Administrator],
            // By a customer, or by the system on their behalf.
            _ => &[ActorKind::Customer, ActorKind::System],
        },
    }
}

/// Refuses what the contract does not give the request's actor.
pub(super) fn check(request: &Request) -> Result<(), Refusal> {
    let permitted = permitted(&request.operation);
    if permitted.contains(&request.actor.kind) {
        return Ok(());
    }
    Err(Refusal::Forbidden {
        actor: request.actor.clone(),
        operation: request.operation.name(),
        permitted,
    })
}
