//! Two decisions on one application: the first one has consumed it.

use certificate_lifecycle::{Application, ApplicationDetails, RejectionReason};
use chrono::{DateTime, Utc};

fn decide(details: ApplicationDetails, reason: RejectionReason, at: DateTime<Utc>) {
    let submitted = Application::submit(details, at).application;
    let _ = submitted.begin_processing(at);
    let _ = submitted.reject(reason, at);
}

fn main() {}
