//! Claimed work as one word.

use uuid::Uuid;

use crate::server::problem::{Problem, ProblemCode};
use crate::store::WorkLease;

/// What a request about work names, in 64 hexadecimal digits: the application, the version that was
/// claimed, and the lease's token.
///
/// The version is needed beside the token: an application that has moved on and come into progress
/// again may still have the token of the claim before, until a processor asks for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClaimedWork {
    pub(super) lease: WorkLease,
    pub(super) version: u64,
}

impl std::fmt::Display for ClaimedWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (application, token) = (self.lease.application, self.lease.token.cast_unsigned());
        let (application, version) = (application.simple(), self.version);
        write!(f, "{application}{version:016x}{token:016x}")
    }
}

impl std::str::FromStr for ClaimedWork {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, &'static str> {
        let expected = "expected the work as a claim gives it";
        let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        let is_word = word.len() == 64 && word.bytes().all(is_digit);
        let word = Some(word).filter(|_| is_word).ok_or(expected)?;
        let part = |place: std::ops::Range<usize>| word.get(place).ok_or(expected);
        let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| expected);
        let application = Uuid::try_parse(part(0..32)?).map_err(|_| expected)?;
        let (version, token) = (number(part(32..48)?)?, number(part(48..64)?)?);
        let lease = WorkLease::new(application, token.cast_signed());
        Ok(Self { lease, version })
    }
}

/// That a lease is not held any more, or never was.
pub(super) fn lost() -> Problem {
    let detail = "another claim has taken this work, it was settled already, or its application has moved on";
    Problem::new(ProblemCode::LeaseLost, detail)
}
