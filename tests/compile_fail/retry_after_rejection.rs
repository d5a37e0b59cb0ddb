//! A rejected application is retried.

use certificate_lifecycle::{Application, Customer, Rejected};
use chrono::{DateTime, Utc};

fn again(rejected: Application<Rejected, Customer>, at: DateTime<Utc>) {
    let _ = rejected.retry(at);
}

fn main() {}
