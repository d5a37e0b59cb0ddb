//! What a client may take of the server while it sends commands: time, and memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::server::problem::{Problem, ProblemCode};

/// How long nothing may come of a stream, and what an atomic one has to begin with.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// What an atomic stream has to send in each further second, in bytes: 256 KiB.
const A_SECOND: usize = 256 << 10;

/// What all atomic streams hold at a time, in bytes of their lines: four of the largest.
const MOST: usize = 256 << 20;

/// Until when an atomic stream has to be complete, of which so many bytes have come.
pub(super) fn deadline(began: Instant, bytes: usize) -> Instant {
    let seconds = u64::try_from(bytes / A_SECOND).unwrap_or(u64::MAX);
    began + QUIET + Duration::from_secs(seconds)
}

/// What all atomic streams hold.
#[derive(Default)]
pub(in crate::server) struct Held(AtomicUsize);

impl Held {
    /// What one of them holds.
    pub(super) const fn share(&self) -> Share<'_> {
        Share { all: self, own: 0 }
    }
}

/// What one atomic stream holds, until this is dropped.
pub(super) struct Share<'a> {
    all: &'a Held,
    own: usize,
}

impl Share<'_> {
    pub(super) const fn bytes(&self) -> usize {
        self.own
    }

    /// Holds so many bytes more.
    ///
    /// # Errors
    /// 429 where all of them would hold too much.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.own += bytes;
        let before = self.all.0.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= MOST {
            return Ok(());
        }
        let detail = "the atomic streams that are being sent have 256 MiB together, and no more is taken; \
                      nothing was carried out";
        Err(Problem::new(ProblemCode::TooManyRequests, detail))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.own, Ordering::Relaxed);
    }
}
