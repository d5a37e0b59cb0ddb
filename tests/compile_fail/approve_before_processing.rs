//! A customer's application is approved although no administrator has decided.

use certificate_lifecycle::{Application, ApplicationDetails};
use chrono::{DateTime, Utc};

fn issue(details: ApplicationDetails, at: DateTime<Utc>) {
    let submitted = Application::submit(details, at).application;
    let _ = submitted.approve(at);
}

fn main() {}
