//! The institution's own upload is rejected: it was approved before it came.

use certificate_lifecycle::{Application, ApplicationDetails, RejectionReason, VaultUpload};
use chrono::{DateTime, Utc};

fn decline(details: ApplicationDetails, reason: RejectionReason, at: DateTime<Utc>) {
    let uploaded = Application::upload(details, VaultUpload::Single, at).application;
    let _ = uploaded.reject(reason, at);
}

fn main() {}
