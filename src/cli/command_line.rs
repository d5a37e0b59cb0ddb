//! One line of commands: what it asks for, or what is wrong with it.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::arguments::{only_hyphenated, rfc_3339};
use super::refusal::Refusal;
use super::refusal::quoted;
use crate::excerpt::shorten;
use crate::json::{FieldError, Fields, Scalar};
use certificate_lifecycle::store::{
    Actor, ActorId, ActorKind, IdempotencyKey, InstitutionId, Operation, Request,
};
use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
    InvalidValue, ProcessingError, RejectionReason, Timestamp, TriggerContext, VaultUpload,
};

const COMMAND: &str = "command";
pub(super) const AT: &str = "at";
const APPLICATION_ID: &str = ApplicationId::FIELD;
const UUID: &str = "uuid";
const CERTIFICATE_TITLE: &str = CertificateTitle::FIELD;
const APPLICANT_EMAIL: &str = ApplicantEmail::FIELD;
const TRIGGER_CONTEXT: &str = "trigger_context";
const REJECTION_REASON: &str = RejectionReason::FIELD;
const ERROR: &str = ProcessingError::FIELD;
const INSTITUTION: &str = InstitutionId::FIELD;
const ACTOR: &str = ActorId::FIELD;
const IDEMPOTENCY_KEY: &str = IdempotencyKey::FIELD;
const EXPECTED_VERSION: &str = "expected_version";

const FIELDS: [&str; 13] = [
    COMMAND,
    AT,
    UUID,
    APPLICATION_ID,
    CERTIFICATE_TITLE,
    APPLICANT_EMAIL,
    TRIGGER_CONTEXT,
    REJECTION_REASON,
    ERROR,
    INSTITUTION,
    ACTOR,
    IDEMPOTENCY_KEY,
    EXPECTED_VERSION,
];

const SUBMIT: &str = Operation::SUBMIT;
const UPLOAD: &str = Operation::UPLOAD;

/// What counts where a line does not say.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    institution: InstitutionId,
    actor: ActorId,
}

impl Defaults {
    /// The institution, and this program as the one who acts.
    pub(super) fn new(institution: InstitutionId) -> Result<Self, InvalidValue> {
        Ok(Self {
            institution,
            actor: ActorId::new("certlife")?,
        })
    }

    /// An actor of the kind whom the contract names first for the operation.
    fn actor(&self, operation: &Operation) -> Actor {
        let kind = operation.permitted_actors().first();
        Actor::new(
            kind.copied().unwrap_or(ActorKind::System),
            self.actor.clone(),
        )
    }
}

/// What a refusal can say about a line, however little of it could be read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uuid: Option<Uuid>,
}

/// Reads one line, and leaves in `known` what a refusal can say about it.
pub(super) fn parse(
    line: &[u8],
    defaults: &Defaults,
    known: &mut Known,
) -> Result<Request, Refusal> {
    let fields = Fields::parse(line, &FIELDS)?;
    let unknown = fields.unknown().map(str::to_owned);
    let unique = fields.refuse_duplicates();
    // In a command, null is the same as leaving the field out.
    let values = fields
        .into_values()
        .map(|value| value.filter(|it| *it != Scalar::Null));
    let present = values.each_ref().map(Option::is_some);
    let [
        command,
        at,
        uuid,
        application_id,
        title,
        email,
        context,
        reason,
        error,
        institution,
        actor,
        key,
        version,
    ] = values;

    let uuid = read_uuid(uuid);
    known.uuid = uuid.as_ref().ok().copied();
    let name = Scalar::text(COMMAND, command);
    if let Ok(name) = &name {
        // Not a title in the place of a command.
        known.command = Some(name_of(name)).filter(|_| quoted(name).starts_with('"'));
    }
    unique?;
    let name = name?;
    refuse_foreign(&name, present, unknown)?;
    let uuid = uuid?;
    let at = at.map(|at| read_time(Some(at))).transpose()?;
    let details = |uuid| -> Result<_, Refusal> {
        Ok(ApplicationDetails::new(
            ApplicationId::new(Scalar::integer(
                APPLICATION_ID,
                ApplicationId::RULE,
                application_id,
            )?)?,
            uuid,
            CertificateTitle::new(Scalar::text(CERTIFICATE_TITLE, title)?)?,
            ApplicantEmail::new(Scalar::text(APPLICANT_EMAIL, email)?)?,
        ))
    };
    let institution = match institution {
        Some(id) => InstitutionId::new(Scalar::text(INSTITUTION, Some(id))?)?,
        None => defaults.institution.clone(),
    };
    let actor = actor.map(|it| read_actor(it, defaults)).transpose()?;
    let key = key
        .map(|key| Scalar::text(IDEMPOTENCY_KEY, Some(key)))
        .transpose()?
        .map(IdempotencyKey::new)
        .transpose()?;
    let operation = match name.as_ref() {
        SUBMIT => Operation::Submit(details(uuid)?.into()),
        UPLOAD => Operation::Upload(details(uuid)?.into(), read_upload(context)?),
        name => {
            let action = name.parse().map_err(|_| unknown_command(name))?;
            let text = match action {
                Action::Reject => Some(Scalar::text(REJECTION_REASON, reason)?),
                Action::Fail => Some(Scalar::text(ERROR, error)?),
                Action::BeginProcessing | Action::Approve | Action::Retry => None,
            };
            Operation::Act {
                uuid,
                command: Command::new(action, text.as_deref())?,
                expected_version: version.map(read_version).transpose()?,
            }
        }
    };
    let actor = actor.unwrap_or_else(|| defaults.actor(&operation));
    let mut request = Request::new(institution, actor, operation);
    request.idempotency_key = key;
    request.at = at.map(Timestamp::to_datetime);
    Ok(request)
}

/// The name of a command, as a refusal quotes it.
fn name_of(name: &str) -> Cow<'static, str> {
    let mut known = [SUBMIT, UPLOAD].into_iter().chain(Action::NAMES);
    match known.find(|it| *it == name) {
        Some(name) => name.into(),
        None => shorten(name).into(),
    }
}

/// Whether a command takes a field; `action` is what it does to an application that exists.
fn takes(command: &str, action: Option<Action>, field: &str) -> bool {
    match field {
        COMMAND | AT | UUID | INSTITUTION | ACTOR | IDEMPOTENCY_KEY => true,
        APPLICATION_ID | CERTIFICATE_TITLE | APPLICANT_EMAIL => action.is_none(),
        TRIGGER_CONTEXT => command == UPLOAD,
        REJECTION_REASON => action == Some(Action::Reject),
        ERROR => action == Some(Action::Fail),
        // What is created has no version that anybody could have seen.
        EXPECTED_VERSION => action.is_some(),
        _ => false,
    }
}

/// A field that the command does not take is a mistake: a mistyped `at`, or the reason for another
/// decision. Passing over it could do what nobody asked for.
fn refuse_foreign(
    command: &str,
    present: [bool; FIELDS.len()],
    unknown: Option<String>,
) -> Result<(), Refusal> {
    let action = command.parse().ok();
    if action.is_none() && ![SUBMIT, UPLOAD].contains(&command) {
        return Err(unknown_command(command));
    }
    let takes = |field: &&str| takes(command, action, field);
    let foreign = FIELDS
        .into_iter()
        .zip(present)
        .find(|(field, present)| *present && !takes(field));
    let Some(field) = foreign.map(|(field, _)| field.to_owned()).or(unknown) else {
        return Ok(());
    };
    let own: Vec<_> = FIELDS.into_iter().filter(takes).collect();
    let own = own.join(", ");
    let shown = quoted(&field);
    let message = format!("field {shown} does not belong to {command}, which takes: {own}");
    Err(if shown.starts_with('"') {
        Refusal::field(&shorten(&field), message)
    } else {
        Refusal::content(message)
    })
}

fn unknown_command(name: &str) -> Refusal {
    let found = quoted(name);
    let actions = Action::NAMES.join(", ");
    Refusal::field(
        COMMAND,
        format!("field {COMMAND} must be one of {SUBMIT}, {UPLOAD}, {actions}, but is {found}"),
    )
}

fn read_uuid(found: Option<Scalar<'_>>) -> Result<Uuid, Refusal> {
    let expected = "a hyphenated UUID such as 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    read(UUID, expected, found, only_hyphenated)
}

fn read_time(found: Option<Scalar<'_>>) -> Result<Timestamp, Refusal> {
    let expected = "an RFC 3339 time with its offset from UTC, such as 2026-06-04T10:30:00Z, in the \
        years 0000 to 9999";
    read(AT, expected, found, rfc_3339)
}

fn read_upload(found: Option<Scalar<'_>>) -> Result<VaultUpload, Refusal> {
    read(
        TRIGGER_CONTEXT,
        "single_upload or bulk_upload",
        found,
        |text| {
            let context: TriggerContext = text.parse().ok()?;
            VaultUpload::try_from(context).ok()
        },
    )
}

/// Reads `kind:id`, or the kind alone, for this program as the one who acts.
fn read_actor(found: Scalar<'_>, defaults: &Defaults) -> Result<Actor, Refusal> {
    let expected =
        "customer, administrator or system, alone or with an id as in administrator:jane";
    let Scalar::Text(text) = &found else {
        return Err(FieldError::unfit(ACTOR, expected, Some(found)).into());
    };
    let (kind, id) = match text.split_once(':') {
        Some((kind, id)) => (kind, Some(id)),
        None => (text.as_ref(), None),
    };
    let Ok(kind) = kind.parse::<ActorKind>() else {
        return Err(FieldError::unfit(ACTOR, expected, Some(found)).into());
    };
    let id = id.map(ActorId::new).transpose()?;
    Ok(Actor::new(
        kind,
        id.unwrap_or_else(|| defaults.actor.clone()),
    ))
}

fn read_version(found: Scalar<'_>) -> Result<u64, Refusal> {
    let expected = "an integer from 1";
    match found {
        Scalar::Integer(version) if version > 0 => Ok(version),
        other => Err(FieldError::unfit(EXPECTED_VERSION, expected, Some(other)).into()),
    }
}

/// Reads a field of a form of its own; a refusal says which, whatever was found instead.
fn read<T>(
    field: &'static str,
    expected: &'static str,
    found: Option<Scalar<'_>>,
    from_text: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Refusal> {
    let value = match &found {
        Some(Scalar::Text(text)) => from_text(text),
        _ => None,
    };
    value.ok_or_else(|| FieldError::unfit(field, expected, found).into())
}
