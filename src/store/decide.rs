//! What becomes of a command: one pure decision, the same in every store.

use chrono::{DateTime, Utc};

use super::error::Refusal;
use super::remembered::Used;
use super::request::{Append, Operation, Receipt, Recorded};
use crate::lifecycle::action::Command;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::application::Application;
use crate::lifecycle::event::{Event, EventBody, EventKind};
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::transition::Transition;

/// The event of a command, given the application as it is in the command's institution.
///
/// What is checked in which order: that the application exists, the version that the caller has
/// seen, whether the transition is legal, the time. Whether a new application's identity is free
/// outside of the institution is for the store to see.
pub(crate) fn decide(append: &Append, current: Option<AnyApplication>) -> Result<Event, Refusal> {
    let at: DateTime<Utc> = append.at().into();
    let uuid = append.uuid();
    let (command, expected_version) = match &append.request.operation {
        _ if current.is_some() && append.request.operation.creation().is_some() => {
            return Err(Refusal::AlreadyExists { uuid });
        }
        Operation::Submit(details) => return Ok(Application::submit(details.clone(), at).event),
        Operation::Upload(details, upload) => {
            return Ok(Application::upload(details.clone(), *upload, at).event);
        }
        Operation::Act {
            command,
            expected_version,
            ..
        } => (command, *expected_version),
    };
    let current = current.ok_or(Refusal::UnknownApplication { uuid })?;
    let (version, status, last) = (current.version(), current.status(), current.updated_at());
    if let Some(expected) = expected_version
        && expected != version
    {
        return Err(Refusal::Conflict {
            uuid,
            expected,
            version,
            status,
        });
    }
    if current.can(command.action()) && append.request.at.is_some() && at < last {
        return Err(Refusal::Backwards {
            at: append.at(),
            last: Timestamp::saturating(last),
        });
    }
    let Transition { event, .. } = current.apply(command.clone(), at)?;
    Ok(event)
}

/// The answer to a command whose key was used before: if it was the same command, the original event, or
/// that it was refused.
///
/// The recorded event tells all of the command but when it was sent and which version it expected;
/// an expected version must be the one that it had.
pub(crate) fn replay(append: &Append, used: Used) -> Result<Receipt, Refusal> {
    let (operation, uuid, actor) = match used {
        Used::Event(recorded) => {
            let Recorded { event, actor, .. } = *recorded;
            if actor == append.request.actor && is_of(&event, &append.request.operation) {
                return Ok(Receipt {
                    event,
                    replayed: true,
                });
            }
            (operation_of(&event), event.uuid(), actor)
        }
        Used::Refused(refused) => {
            if refused.is_of(append) {
                let (code, message) = (refused.code, refused.message);
                return Err(Refusal::Repeated { code, message });
            }
            (refused.operation, refused.uuid, refused.actor)
        }
    };
    Err(match &append.request.idempotency_key {
        Some(key) => Refusal::IdempotencyMismatch {
            key: key.clone(),
            operation,
            uuid,
            actor,
        },
        // Only asked about commands that have a key.
        None => Refusal::AlreadyExists { uuid },
    })
}

/// Whether this is the event that the operation emits.
fn is_of(event: &Event, operation: &Operation) -> bool {
    match operation {
        Operation::Submit(_) | Operation::Upload(..) => {
            operation.creation().is_some_and(|(details, context)| {
                let body = EventBody::Created {
                    trigger_context: context,
                };
                *event.body() == body && event.details() == &**details
            })
        }
        Operation::Act {
            uuid,
            command,
            expected_version,
        } => {
            let texts = match (command, event.body()) {
                (Command::Reject(reason), EventBody::Rejected { rejection_reason }) => {
                    reason == rejection_reason
                }
                (Command::Fail(expected), EventBody::Failed { error, .. }) => expected == error,
                _ => true,
            };
            event.uuid() == *uuid
                && event.kind().action() == Some(command.action())
                && texts
                && expected_version
                    .is_none_or(|version| version.checked_add(1) == Some(event.version()))
        }
    }
}

/// The name of the operation that the event tells of.
fn operation_of(event: &Event) -> &'static str {
    match (event.kind(), event.kind().action()) {
        (_, Some(action)) => action.as_str(),
        (EventKind::Created, None) if event.source() == crate::lifecycle::source::Source::Vault => {
            Operation::UPLOAD
        }
        _ => Operation::SUBMIT,
    }
}
