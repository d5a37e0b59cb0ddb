//! One line of commands: what it asks for, or what is wrong with it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::refusal::Refusal;
use certificate_lifecycle::json::{Fields, Scalar, excerpt};
use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
    FieldError, ProcessingError, RejectionReason, Timestamp, TriggerContext, VaultUpload,
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

const FIELDS: [&str; 9] = [
    COMMAND,
    AT,
    UUID,
    APPLICATION_ID,
    CERTIFICATE_TITLE,
    APPLICANT_EMAIL,
    TRIGGER_CONTEXT,
    REJECTION_REASON,
    ERROR,
];

const SUBMIT: &str = "submit";
const UPLOAD: &str = "upload";

/// A command about one application.
pub(super) struct CommandLine {
    pub(super) uuid: Uuid,
    /// Now, where the line does not say.
    pub(super) at: Option<Timestamp>,
    pub(super) request: Request,
}

/// What is asked for.
pub(super) enum Request {
    Submit(ApplicationDetails),
    Upload(ApplicationDetails, VaultUpload),
    Act(Command),
}

/// What a refusal can say about a line, however little of it could be read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uuid: Option<Uuid>,
}

impl CommandLine {
    /// Reads one line, and leaves in `known` what a refusal can say about it.
    pub(super) fn parse(line: &[u8], known: &mut Known) -> Result<Self, Refusal> {
        let fields = Fields::parse(line, &FIELDS)?;
        let unknown = fields.unknown().map(excerpt);
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
        ] = values;

        let uuid = read_uuid(uuid);
        known.uuid = uuid.as_ref().ok().copied();
        let name = Scalar::text(COMMAND, command);
        if let Ok(name) = &name {
            known.command = Some(excerpt(name));
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
        let request = match name.as_ref() {
            SUBMIT => Request::Submit(details(uuid)?),
            UPLOAD => Request::Upload(details(uuid)?, read_upload(context)?),
            name => {
                let action = name.parse().map_err(|_| unknown_command(name))?;
                let text = match action {
                    Action::Reject => Some(Scalar::text(REJECTION_REASON, reason)?),
                    Action::Fail => Some(Scalar::text(ERROR, error)?),
                    Action::BeginProcessing | Action::Approve | Action::Retry => None,
                };
                Request::Act(Command::new(action, text.as_deref())?)
            }
        };
        Ok(Self { uuid, at, request })
    }
}

/// The fields that a command takes; none for an unknown command.
fn fields_of(command: &str) -> Option<&'static [&'static str]> {
    Some(match command {
        SUBMIT => &[
            COMMAND,
            AT,
            UUID,
            APPLICATION_ID,
            CERTIFICATE_TITLE,
            APPLICANT_EMAIL,
        ],
        UPLOAD => &[
            COMMAND,
            AT,
            UUID,
            APPLICATION_ID,
            CERTIFICATE_TITLE,
            APPLICANT_EMAIL,
            TRIGGER_CONTEXT,
        ],
        action => match action.parse().ok()? {
            Action::Reject => &[COMMAND, AT, UUID, REJECTION_REASON],
            Action::Fail => &[COMMAND, AT, UUID, ERROR],
            Action::BeginProcessing | Action::Approve | Action::Retry => &[COMMAND, AT, UUID],
        },
    })
}

/// A field that the command does not take is a mistake: a mistyped `at`, or the reason for another
/// decision. Passing over it could do what nobody asked for.
fn refuse_foreign(
    command: &str,
    present: [bool; FIELDS.len()],
    unknown: Option<String>,
) -> Result<(), Refusal> {
    let taken = fields_of(command).ok_or_else(|| unknown_command(command))?;
    let foreign = FIELDS
        .into_iter()
        .zip(present)
        .find(|(field, present)| *present && !taken.contains(field));
    let Some(field) = foreign.map(|(field, _)| field.to_owned()).or(unknown) else {
        return Ok(());
    };
    let taken = taken.join(", ");
    Err(Refusal::field(
        &field,
        format!("field {field:?} does not belong to {command}, which takes: {taken}"),
    ))
}

fn unknown_command(name: &str) -> Refusal {
    let found = excerpt(name);
    let actions = Action::NAMES.join(", ");
    Refusal::field(
        COMMAND,
        format!("field {COMMAND} must be one of {SUBMIT}, {UPLOAD}, {actions}, but is {found:?}"),
    )
}

fn read_uuid(found: Option<Scalar<'_>>) -> Result<Uuid, Refusal> {
    let expected = "a hyphenated UUID such as 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    read(UUID, expected, found, |text| {
        text.parse().map(Hyphenated::into_uuid).ok()
    })
}

fn read_time(found: Option<Scalar<'_>>) -> Result<Timestamp, Refusal> {
    let expected = "an RFC 3339 time with its offset from UTC, such as 2026-06-04T10:30:00Z, in the \
        years 0000 to 9999";
    read(AT, expected, found, |text| {
        // chrono reads more than RFC 3339, such as U+2212 for the sign of an offset.
        let text = Some(text).filter(|text| text.is_ascii())?;
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        Timestamp::new(at.with_timezone(&Utc)).ok()
    })
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
