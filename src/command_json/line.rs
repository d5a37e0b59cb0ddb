//! A line of JSON with a command: the request that it makes, or why it makes none.

use std::borrow::Cow;

use uuid::Uuid;

use super::defaults::Defaults;
use super::error::CommandJsonError;
use super::fields::{
    ACTOR, APPLICANT_EMAIL, APPLICATION_ID, AT, CERTIFICATE_TITLE, COMMAND, ERROR,
    EXPECTED_VERSION, FIELDS, IDEMPOTENCY_KEY, INSTITUTION, REJECTION_REASON, TRIGGER_CONTEXT,
    UUID,
};
use crate::excerpt::{is_word, quoted, shorten};
use crate::forms::{only_hyphenated, rfc_3339};
use crate::json::{FieldError, Fields, Scalar};
use crate::lifecycle::action::{Action, Command};
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::source::{TriggerContext, VaultUpload};
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};
use crate::store::{Actor, ActorId, ActorKind, IdempotencyKey, InstitutionId, Operation, Request};

const SUBMIT: &str = Operation::SUBMIT;
const UPLOAD: &str = Operation::UPLOAD;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedCommand {
    /// The request, with the defaults for what the line does not say.
    pub request: Request,
    /// The institution that the line names.
    pub institution: Option<InstitutionId>,
    /// The actor whom the line names; if it has the kind alone, with the id of the default actor.
    pub actor: Option<Actor>,
}

/// Reads one command: a JSON object, and nothing after it.
///
/// # Errors
/// [`CommandJsonError`]: the bytes are no JSON object, or it is no command.
pub fn parse(json: &[u8], defaults: &Defaults) -> Result<ParsedCommand, CommandJsonError> {
    let line = Line::read(json)?;
    let (command, uuid) = (line.command.clone(), line.uuid.clone());
    line.parse(defaults)
        .map_err(|error| error.with_known(known_command(command), known_uuid(uuid)))
}

/// What an error can say about the line, however little of it could be read: the name of a command,
/// unless it is a title in its place, and the application.
fn known_command(command: Option<Scalar<'_>>) -> Option<String> {
    match command? {
        Scalar::Text(name) if is_word(&name) => Some(shorten(&name)),
        _ => None,
    }
}

fn known_uuid(uuid: Option<Scalar<'_>>) -> Option<Uuid> {
    match uuid? {
        Scalar::Text(uuid) => only_hyphenated(&uuid),
        _ => None,
    }
}

/// The values of a line; none for a field that is absent or null.
struct Line<'a> {
    command: Option<Scalar<'a>>,
    at: Option<Scalar<'a>>,
    uuid: Option<Scalar<'a>>,
    application_id: Option<Scalar<'a>>,
    certificate_title: Option<Scalar<'a>>,
    applicant_email: Option<Scalar<'a>>,
    trigger_context: Option<Scalar<'a>>,
    rejection_reason: Option<Scalar<'a>>,
    error: Option<Scalar<'a>>,
    institution: Option<Scalar<'a>>,
    actor: Option<Scalar<'a>>,
    idempotency_key: Option<Scalar<'a>>,
    expected_version: Option<Scalar<'a>>,
    /// Which fields have values.
    present: [bool; FIELDS.len()],
    /// The first field that no command has.
    unknown: Option<String>,
    /// Whether each field stands there once.
    unique: Result<(), FieldError>,
}

impl<'a> Line<'a> {
    fn read(json: &'a [u8]) -> Result<Self, CommandJsonError> {
        let fields: Fields<'_, _> = Fields::parse(json, &FIELDS)?;
        let unknown = fields.unknown().next().map(str::to_owned);
        let unique = fields.refuse_duplicates();
        let values = fields.into_values();
        let values = values.map(|value| value.filter(|it| *it != Scalar::Null));
        let present = values.each_ref().map(Option::is_some);
        // In the order of `FIELDS`.
        let [
            command,
            at,
            uuid,
            application_id,
            certificate_title,
            applicant_email,
            trigger_context,
            rejection_reason,
            error,
            institution,
            actor,
            idempotency_key,
            expected_version,
        ] = values;
        Ok(Self {
            command,
            at,
            uuid,
            application_id,
            certificate_title,
            applicant_email,
            trigger_context,
            rejection_reason,
            error,
            institution,
            actor,
            idempotency_key,
            expected_version,
            present,
            unknown,
            unique,
        })
    }

    fn parse(mut self, defaults: &Defaults) -> Result<ParsedCommand, CommandJsonError> {
        let name = self.name()?;
        self.refuse_foreign(&name)?;
        let uuid = match (&*name, self.uuid.take(), defaults.new_uuid()) {
            (SUBMIT | UPLOAD, None, Some(new_uuid)) => Err(new_uuid),
            (_, found, _) => Ok(read_uuid(found)?),
        };
        let at = self.at.take().map(|at| read_time(Some(at))).transpose()?;
        let institution = self.institution.take();
        let institution = institution.map(|id| Scalar::text(INSTITUTION, Some(id)));
        let institution = institution.transpose()?.map(InstitutionId::new);
        let institution = institution.transpose()?;
        let actor = self.actor.take();
        let actor = actor.map(|it| read_actor(it, defaults)).transpose()?;
        let key = self.idempotency_key.take();
        let key = key.map(|key| Scalar::text(IDEMPOTENCY_KEY, Some(key)));
        let key = key.transpose()?.map(IdempotencyKey::new).transpose()?;
        let of = institution.clone();
        let of = of.unwrap_or_else(|| defaults.institution());
        let uuid = uuid.unwrap_or_else(|new_uuid| new_uuid(&of, key.as_ref()));
        let operation = self.operation(&name, uuid)?;
        let acting = actor.clone();
        let acting = acting.unwrap_or_else(|| defaults.actor(&operation));
        let mut request = Request::new(of, acting, operation);
        request.idempotency_key = key;
        request.at = at.map(Timestamp::to_datetime);
        Ok(ParsedCommand {
            request,
            institution,
            actor,
        })
    }

    /// The name of the command, if no field stands there twice.
    fn name(&mut self) -> Result<Cow<'a, str>, CommandJsonError> {
        self.unique.clone()?;
        Ok(Scalar::text(COMMAND, self.command.take())?)
    }

    /// A field that the command does not take is a mistake: a mistyped `at`, or the reason for
    /// another decision. Ignoring it could do what the caller did not ask for.
    fn refuse_foreign(&mut self, command: &str) -> Result<(), CommandJsonError> {
        let action = command.parse().ok();
        if action.is_none() && ![SUBMIT, UPLOAD].contains(&command) {
            return Err(unknown_command(command));
        }
        let takes = |field: &&str| takes(command, action, field);
        let foreign = FIELDS
            .into_iter()
            .zip(self.present)
            .find(|(field, present)| *present && !takes(field));
        let foreign = foreign.map(|(field, _)| field.to_owned());
        let Some(field) = foreign.or_else(|| self.unknown.take()) else {
            return Ok(());
        };
        let own: Vec<_> = FIELDS.into_iter().filter(takes).collect();
        let own = own.join(", ");
        let shown = quoted(&field);
        let message = format!("field {shown} does not belong to {command}, which takes: {own}");
        Err(if shown.starts_with('"') {
            CommandJsonError::of_field(&shorten(&field), message)
        } else {
            CommandJsonError::whole(message)
        })
    }

    fn operation(mut self, name: &str, uuid: Uuid) -> Result<Operation, CommandJsonError> {
        Ok(match name {
            SUBMIT => Operation::Submit(self.details(uuid)?.into()),
            UPLOAD => Operation::Upload(
                self.details(uuid)?.into(),
                read_upload(self.trigger_context)?,
            ),
            name => {
                let action = name.parse().map_err(|_| unknown_command(name))?;
                let text = match action {
                    Action::Reject => Some(Scalar::text(REJECTION_REASON, self.rejection_reason)?),
                    Action::Fail => Some(Scalar::text(ERROR, self.error)?),
                    Action::BeginProcessing | Action::Approve | Action::Retry => None,
                };
                Operation::Act {
                    uuid,
                    command: Command::new(action, text.as_deref())?,
                    expected_version: self.expected_version.map(read_version).transpose()?,
                }
            }
        })
    }

    fn details(&mut self, uuid: Uuid) -> Result<ApplicationDetails, CommandJsonError> {
        let id = self.application_id.take();
        let (title, email) = (self.certificate_title.take(), self.applicant_email.take());
        let id = ApplicationId::new(Scalar::integer(APPLICATION_ID, ApplicationId::RULE, id)?)?;
        let title = Scalar::text(CERTIFICATE_TITLE, title)?;
        CertificateTitle::check(title.as_ref())?;
        let email = Scalar::text(APPLICANT_EMAIL, email)?;
        ApplicantEmail::check(email.as_ref())?;
        Ok(ApplicationDetails::of_checked(id, uuid, &title, &email))
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

fn unknown_command(name: &str) -> CommandJsonError {
    let found = quoted(name);
    let actions = Action::NAMES.join(", ");
    CommandJsonError::of_field(
        COMMAND,
        format!("field {COMMAND} must be one of {SUBMIT}, {UPLOAD}, {actions}, but is {found}"),
    )
}

fn read_uuid(found: Option<Scalar<'_>>) -> Result<Uuid, CommandJsonError> {
    let expected = "a hyphenated UUID such as 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    read(UUID, expected, found, only_hyphenated)
}

fn read_time(found: Option<Scalar<'_>>) -> Result<Timestamp, CommandJsonError> {
    let expected = "an RFC 3339 time with its offset from UTC, such as 2026-06-04T10:30:00Z, in the \
        years 0000 to 9999";
    read(AT, expected, found, |text| {
        // Most are written as events have them.
        Timestamp::parse_wire(text).or_else(|| Timestamp::new(rfc_3339(text)?).ok())
    })
}

fn read_upload(found: Option<Scalar<'_>>) -> Result<VaultUpload, CommandJsonError> {
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

/// Reads `kind:id`, or the kind alone, with the id of the default actor.
fn read_actor(found: Scalar<'_>, defaults: &Defaults) -> Result<Actor, CommandJsonError> {
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
    Ok(Actor::new(kind, id.unwrap_or_else(|| defaults.actor_id())))
}

fn read_version(found: Scalar<'_>) -> Result<u64, CommandJsonError> {
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
) -> Result<T, CommandJsonError> {
    let value = match &found {
        Some(Scalar::Text(text)) => from_text(text),
        _ => None,
    };
    value.ok_or_else(|| FieldError::unfit(field, expected, found).into())
}
