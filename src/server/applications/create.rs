//! `POST /v1/applications`.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

use super::receipt::{carried_out, execute};
use crate::lifecycle::details::ApplicationDetails;
use crate::lifecycle::source::{TriggerContext, VaultUpload};
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};
use crate::server::api::Api;
use crate::server::openapi::NewApplication;
use crate::server::principal::{Caller, lacks};
use crate::server::problem::Problem;
use crate::server::request::{Bytes1MiB, Form, IdempotencyHeader, Parameters, uuid};
use crate::server::view::Carried;
use crate::store::{IdempotencyKey, InstitutionId, Operation, Request, Scope};

const COMMAND: &str = "command";
const APPLICATION_ID: &str = "application_id";
const CERTIFICATE_TITLE: &str = "certificate_title";
const APPLICANT_EMAIL: &str = "applicant_email";
const TRIGGER_CONTEXT: &str = "trigger_context";
const UUID: &str = "uuid";

/// The members of the body.
const MEMBERS: [&str; 6] = [
    COMMAND,
    APPLICATION_ID,
    CERTIFICATE_TITLE,
    APPLICANT_EMAIL,
    TRIGGER_CONTEXT,
    UUID,
];

/// Within this namespace lie the UUIDs that are made of keys.
const FROM_KEYS: Uuid = uuid::uuid!("6f2c1c1e-5a0b-4d0e-9b1a-0c3f6f0e7a52");

/// Submit an application, or upload one into the vault.
#[utoipa::path(
    post,
    path = "/v1/applications",
    operation_id = "createApplication",
    tag = "applications",
    summary = "Submit an application, or upload one into the vault",
    params(crate::server::openapi::IdempotencyKeyHeader),
    request_body = NewApplication,
    responses(
        (status = 201, description = "It is created.", body = Carried<'static>,
            headers(("Location" = String), ("ETag" = String), ("Idempotent-Replayed" = bool))),
    ),
)]
pub(in crate::server) async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    IdempotencyHeader(key): IdempotencyHeader,
    parameters: Parameters,
    Bytes1MiB(body): Bytes1MiB,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = NewUuid {
        institution: &caller.institution,
        key: key.as_ref(),
        milliseconds: api.engine.clock().now().timestamp_millis(),
    };
    let operation = read(&body, &new)?;
    let needed = match operation {
        Operation::Submit(_) => Scope::ApplicationsSubmit,
        _ => Scope::ApplicationsUpload,
    };
    if !caller.scopes.contains(needed) {
        return Err(lacks(needed));
    }
    let mut request = Request::new(caller.institution.clone(), caller.actor, operation);
    request.idempotency_key = key;
    let receipt = execute(&api, request).await?;
    let status = StatusCode::CREATED;
    let mut response = carried_out(&api, &caller.institution, status, &receipt).await?;
    let location = format!(
        "{}/{}",
        uri.path().trim_end_matches('/'),
        receipt.event.uuid()
    );
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

fn read(body: &[u8], new: &NewUuid<'_>) -> Result<Operation, Problem> {
    let mut form = Form::read(body, &MEMBERS)?;
    let command = form.text(COMMAND, |text| match text {
        Operation::SUBMIT => Ok(Operation::SUBMIT),
        Operation::UPLOAD => Ok(Operation::UPLOAD),
        _ => Err("field command must be one of submit, upload"),
    });
    let id = form.integer(APPLICATION_ID, ApplicationId::RULE, ApplicationId::new);
    let title = form.text(CERTIFICATE_TITLE, |it| CertificateTitle::new(it));
    let email = form.text(APPLICANT_EMAIL, |it| ApplicantEmail::new(it));
    let given = form.optional_text(UUID, |text| {
        uuid(text).map_err(|expected| format!("field uuid: {expected}"))
    });
    let upload = if command == Some(Operation::UPLOAD) {
        form.text(TRIGGER_CONTEXT, upload)
    } else {
        let context = form.optional_text(TRIGGER_CONTEXT, |_| Ok::<_, String>(()));
        // Without a command, nothing tells whether it belongs there.
        if context.is_some() && command.is_some() {
            form.refuse(
                TRIGGER_CONTEXT,
                "field trigger_context belongs to upload alone",
            );
        }
        None
    };
    form.finish()?;
    let (Some(id), Some(title), Some(email)) = (id, title, email) else {
        // What is missing was an error.
        return Err(Problem::invalid(Vec::new()));
    };
    let details = ApplicationDetails::new(id, given.unwrap_or_else(|| new.make()), title, email);
    Ok(match upload {
        Some(upload) => Operation::Upload(details.into(), upload),
        None => Operation::Submit(details.into()),
    })
}

fn upload(text: &str) -> Result<VaultUpload, &'static str> {
    let context = text.parse::<TriggerContext>().ok();
    let upload = context.and_then(|it| VaultUpload::try_from(it).ok());
    upload.ok_or("field trigger_context must be single_upload or bulk_upload")
}

/// How an application without a UUID gets one.
pub(in crate::server) struct NewUuid<'a> {
    pub(in crate::server) institution: &'a InstitutionId,
    pub(in crate::server) key: Option<&'a IdempotencyKey>,
    /// Since 1970.
    pub(in crate::server) milliseconds: i64,
}

impl NewUuid<'_> {
    /// Of the institution and the key, where there is a key: the same request again then has the
    /// same UUID. Otherwise by time and chance (RFC 9562, 5.7).
    pub(in crate::server) fn make(&self) -> Uuid {
        if let Some(key) = self.key {
            let institution = Uuid::new_v5(&FROM_KEYS, self.institution.as_str().as_bytes());
            return Uuid::new_v5(&institution, key.as_str().as_bytes());
        }
        let mut random = [0; 16];
        // Without chance, what is created in one millisecond is refused as existing already.
        let _ = getrandom::fill(&mut random);
        let milliseconds = u64::try_from(self.milliseconds).unwrap_or_default();
        of_time(milliseconds, u128::from_be_bytes(random))
    }
}

/// A UUID of version 7 (RFC 9562, 5.7): 48 bits of time, and chance but for the four bits of the
/// version and the two of the variant. The oldest uuid that is allowed has no function for it.
const fn of_time(milliseconds: u64, chance: u128) -> Uuid {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    const TIME: u128 = u128::MAX << 80;

    let time = (milliseconds as u128) << 80;
    let chance = chance & !(TIME | VERSION | VARIANT);
    Uuid::from_u128(time | chance | 7 << 76 | 0b10 << 62)
}

#[cfg(test)]
mod tests {
    use super::of_time;

    #[test]
    fn a_uuid_of_time_is_of_version_7() {
        // RFC 9562, A.6: the time of its example, and its chance.
        let uuid = of_time(0x017f_22e2_79b0, 0x0cc3_18c4_dc0c_0c07_398f);
        assert_eq!(uuid.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(of_time(0, u128::MAX).get_version_num(), 7);
        assert!(of_time(1, u128::MAX) < of_time(2, 0));
    }
}
