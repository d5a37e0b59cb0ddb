//! The transition is thrown away, and with it the event.

#![deny(unused_must_use)]

use certificate_lifecycle::{Application, Customer, Processing};
use chrono::{DateTime, Utc};

fn approve(processing: Application<Processing, Customer>, at: DateTime<Utc>) {
    processing.approve(at);
}

fn main() {}
