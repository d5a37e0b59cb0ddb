//! Leases as one word.

use uuid::Uuid;

use crate::server::problem::{Problem, ProblemCode};
use crate::store::WorkLease;

/// A lease as a request names it: the application and the lease's token, in hexadecimal digits.
pub(super) fn to_word(lease: WorkLease) -> String {
    let (application, token) = (lease.application.simple(), lease.token.cast_unsigned());
    format!("{application}{token:016x}")
}

/// The lease of a word.
pub(super) fn from_word(word: &str) -> Result<WorkLease, &'static str> {
    let expected = "expected the work as a claim gives it";
    let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    let is_word = word.len() == 48 && word.bytes().all(is_digit);
    let (application, token) = word
        .split_at_checked(32)
        .filter(|_| is_word)
        .ok_or(expected)?;
    let application = Uuid::try_parse(application).map_err(|_| expected)?;
    let token = u64::from_str_radix(token, 16).map_err(|_| expected)?;
    Ok(WorkLease::new(application, token.cast_signed()))
}

/// That a lease is not held any more, or never was.
pub(super) fn lost() -> Problem {
    let detail =
        "the lease on this work has ended, was settled already, or its application has moved on";
    Problem::new(ProblemCode::LeaseLost, detail)
}
