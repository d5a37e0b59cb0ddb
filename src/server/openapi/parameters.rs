//! Parameters and bodies that the document describes; the requests are read strictly elsewhere.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::values;
use crate::lifecycle::source::{TriggerContext, VaultUpload};
use crate::server::view::{CountView, HistoryEntry};
use crate::store::Operation;

/// The application that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the parameter")]
pub(in crate::server) struct ApplicationParameter {
    /// The identity of the application.
    uuid: Uuid,
}

/// The key that makes a request repeatable.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header")]
pub(in crate::server) struct IdempotencyKeyHeader {
    /// Makes the request repeatable: the same request again, with the same key, changes nothing
    /// and has the same answer. Bare, or in quotes (a string of structured fields). It is kept as
    /// long as the data, for each institution.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255
    )]
    idempotency_key: Option<String>,
}

/// What a transition takes beside its body.
pub(in crate::server) struct TransitionParameters;

/// The version that a request expects.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header")]
pub(in crate::server) struct IfMatchHeader {
    /// The `ETag` of what the caller has seen; where it does not fit any more, the answer is 412.
    #[param(rename = "If-Match", required = false, value_type = String, example = "\"3\"",
        pattern = "^(\\*|(W/)?\"[^\"]*\")$")]
    if_match: Option<String>,
}

impl IntoParams for TransitionParameters {
    fn into_params(
        parameter_in_provider: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        let mut all = ApplicationParameter::into_params(&parameter_in_provider);
        all.extend(IdempotencyKeyHeader::into_params(&parameter_in_provider));
        all.extend(IfMatchHeader::into_params(&parameter_in_provider));
        all
    }
}

/// An application that is to be created.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the body")]
pub(in crate::server) enum NewApplication {
    Submission(Submission),
    Upload(Upload),
}

/// A customer submits an application.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Submission {
    #[schema(inline, value_type = SubmitValue)]
    command: &'static str,
    /// The backend's own number.
    #[schema(inline, value_type = values::ApplicationIdValue)]
    application_id: u64,
    /// The title of the certificate.
    #[schema(inline, value_type = values::TitleValue)]
    certificate_title: String,
    /// The address of the applicant.
    #[schema(inline, value_type = values::EmailValue)]
    applicant_email: String,
    /// The identity; a new one, if absent.
    #[schema(required = false, value_type = Uuid)]
    uuid: Option<Uuid>,
}

/// The institution uploads into its vault.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Upload {
    #[schema(inline, value_type = UploadValue)]
    command: &'static str,
    /// The backend's own number.
    #[schema(inline, value_type = values::ApplicationIdValue)]
    application_id: u64,
    /// The title of the certificate.
    #[schema(inline, value_type = values::TitleValue)]
    certificate_title: String,
    /// The address of the applicant.
    #[schema(inline, value_type = values::EmailValue)]
    applicant_email: String,
    /// Alone, or one of many.
    #[schema(inline, value_type = UploadContextValue)]
    trigger_context: String,
    /// The identity; a new one, if absent.
    #[schema(required = false, value_type = Uuid)]
    uuid: Option<Uuid>,
}

values::values! {
    SubmitValue = values::one_of([Operation::SUBMIT]);

    UploadValue = values::one_of([Operation::UPLOAD]);

    UploadContextValue = {
        let is_upload = |it: &TriggerContext| VaultUpload::try_from(*it).is_ok();
        let uploads = TriggerContext::ALL.into_iter().filter(is_upload);
        values::one_of(uploads.map(TriggerContext::as_str))
    };
}

/// Why an application is rejected.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Reason {
    #[schema(inline, value_type = values::ReasonValue)]
    rejection_reason: String,
}

/// What processing ran into.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct WhatFailed {
    #[schema(inline, value_type = values::ReasonValue)]
    error: String,
}

/// The history of an application.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct History {
    data: Vec<HistoryEntry<'static>>,
}

/// The counts of an institution.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Counts {
    data: Vec<CountView>,
}
