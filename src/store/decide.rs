//! What becomes of a command: one pure decision, the same in every store.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::actor::Actor;
use super::error::Refusal;
use super::name::IdempotencyKey;
use super::remembered::UsedKey;
use super::request::{Append, Operation, Receipt, RecordedEvent, Request};
use crate::lifecycle::action::Command;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::application::Application;
use crate::lifecycle::event::{Event, EventBody, EventKind};
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::transition::Transition;

/// The application that a command names, as a store has found it.
pub(crate) enum Found {
    /// There is none.
    Nothing,
    /// There is one, and it is another institution's: a creation is refused, and to all else it
    /// does not exist. A store may say so of any, to a creation.
    Taken,
    /// It is the institution's.
    Ours(AnyApplication),
}

/// What a store does about a command that is not refused.
pub(crate) enum Answer {
    /// Nothing: its key was used for it before, and this is what it was answered.
    Repeated(Receipt),
    /// It records this event.
    Go(Event),
}

/// The answer to a command, in the order that is the same in every store: is its key known, does
/// its application exist, and what does [`decide`] say. An application is looked for only if the
/// key is new.
///
/// # Errors
/// The refusal, or what kept the store from looking.
pub(crate) fn answer<E: From<Refusal>>(
    append: &Append,
    used: Option<UsedKey>,
    find: impl FnOnce() -> Result<Found, E>,
) -> Result<Answer, E> {
    if let (Some(key), Some(used)) = (&append.request.idempotency_key, used) {
        return Ok(Answer::Repeated(replay(append, key, used)?));
    }
    let current = match find()? {
        Found::Taken if append.request.operation.creation().is_some() => {
            return Err(taken(append).into());
        }
        Found::Nothing | Found::Taken => None,
        Found::Ours(application) => Some(application),
    };
    Ok(Answer::Go(decide(append, current)?))
}

/// The refusal of a creation whose identity is taken.
pub(crate) fn taken(append: &Append) -> Refusal {
    let uuid = append.uuid();
    Refusal::AlreadyExists { uuid }
}

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
            return Err(taken(append));
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

/// The answer to a command whose key was used before: if it was the same command, the original
/// event, or that it was refused.
///
/// The recorded event tells all of the command but when it was sent and which version it expected;
/// an expected version must be the one that it had. The backend's number is compared as well: two
/// forms that differ in it alone may be two applications, and one would be lost without a word.
fn replay(append: &Append, key: &IdempotencyKey, used: UsedKey) -> Result<Receipt, Refusal> {
    let (operation, uuid, actor, differing) = match used {
        UsedKey::Event(recorded) => {
            let RecordedEvent {
                cursor,
                event,
                actor,
                ..
            } = *recorded;
            let differing = differing(&event, &actor, &append.request);
            if differing.is_empty() {
                return Ok(Receipt {
                    event,
                    cursor,
                    replayed: true,
                });
            }
            (operation_of(&event), event.uuid(), actor, differing)
        }
        UsedKey::Refused(refused) => {
            if refused.is_of(append) {
                let (code, message) = (refused.code, refused.message);
                let then = refused.then;
                return Err(Refusal::Repeated {
                    code,
                    message,
                    then,
                });
            }
            let (operation, uuid, actor) = (refused.operation, refused.uuid, refused.actor);
            let differing = of_another(&append.request, operation, uuid, &actor);
            (operation, uuid, actor, differing)
        }
    };
    Err(Refusal::IdempotencyMismatch {
        key: key.clone(),
        operation,
        uuid,
        actor,
        differing,
    })
}

/// The fields in which a request is not the command that emitted the event; none, if it is that
/// command.
fn differing(event: &Event, actor: &Actor, request: &Request) -> Vec<&'static str> {
    let operation = &request.operation;
    let mut differing = of_another(request, operation_of(event), event.uuid(), actor);
    let mut compare = |field, is_same: bool| {
        if !is_same {
            differing.push(field);
        }
    };
    match (operation, event.body()) {
        (Operation::Submit(_) | Operation::Upload(..), EventBody::Created { trigger_context }) => {
            let (known, created) = (event.details(), operation.creation());
            if let Some((details, context)) = created {
                let number = known.application_id() == details.application_id();
                compare("application_id", number);
                let title = known.certificate_title() == details.certificate_title();
                compare("certificate_title", title);
                let email = known.applicant_email() == details.applicant_email();
                compare("applicant_email", email);
                compare("trigger_context", *trigger_context == context);
            }
        }
        (
            Operation::Act {
                command,
                expected_version,
                ..
            },
            body,
        ) => {
            match (command, body) {
                (Command::Reject(reason), EventBody::Rejected { rejection_reason }) => {
                    compare("rejection_reason", reason == rejection_reason);
                }
                (Command::Fail(expected), EventBody::Failed { error, .. }) => {
                    compare("error", expected == error);
                }
                _ => {}
            }
            let is_same = expected_version
                .is_none_or(|version| version.checked_add(1) == Some(event.version()));
            compare("expected_version", is_same);
        }
        _ => {}
    }
    differing
}

/// Of the fields that every command has, those in which the request is not the key's own command.
fn of_another(
    request: &Request,
    operation: &'static str,
    uuid: Uuid,
    actor: &Actor,
) -> Vec<&'static str> {
    let same = [
        ("command", request.operation.name() == operation),
        ("uuid", request.uuid() == uuid),
        ("actor", request.actor == *actor),
    ];
    let fields = same.into_iter();
    fields
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
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
