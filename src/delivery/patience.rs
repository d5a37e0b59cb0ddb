//! How long to wait where a store is away, or slow.

use chrono::TimeDelta;
use tokio::time::Instant;

use super::run::{Run, duration};
use super::transport::Transport;
use crate::store::{Outbox, StoreError};

/// How long to wait where something was due, but somebody else was faster, or the claim came too
/// late.
pub(super) const RACE: TimeDelta = TimeDelta::milliseconds(20);

/// The shortest wait between two tries of a store that is away.
const SHORTEST_BACK_OFF: TimeDelta = TimeDelta::milliseconds(50);

/// The longest: work is to go on soon after the store is back.
const LONGEST_BACK_OFF: TimeDelta = TimeDelta::seconds(2);

/// The longest wait for a store that is too slow.
const LONGEST_WHERE_LATE: TimeDelta = TimeDelta::seconds(5);

/// A wait that is doubled each time.
fn back_off(shortest: TimeDelta, longest: TimeDelta, times: u32) -> TimeDelta {
    let doubled = 1_i32.checked_shl(times.min(10)).unwrap_or(1);
    (shortest * doubled).min(longest)
}

impl<S: Outbox, T: Transport> Run<'_, S, T> {
    /// A claim came too late to be sent under, or in time.
    ///
    /// What is released is due at once. Where every claim comes late, since the store is slow or
    /// the clock jumps, it would be claimed and released without a pause: so the next claim waits,
    /// for longer and longer, and no commit cuts that short.
    pub(super) fn claimed_late(&mut self, is_late: bool) {
        if !is_late {
            self.late = 0;
            return;
        }
        let delay = back_off(RACE, LONGEST_WHERE_LATE, self.late);
        self.late = self.late.saturating_add(1);
        self.held_until = Some(Instant::now() + duration(delay));
        tracing::warn!(
            late = self.late,
            "a claim came too late: the store is slow, or the clock jumps"
        );
    }

    /// Looks again after this time, and not before, whoever commits something meanwhile: a store
    /// that can be read but not written would be asked at every commit.
    pub(super) fn hold(&mut self, delay: TimeDelta) {
        self.look_at = None;
        self.look_in(delay);
        self.held_until = self.look_at;
    }

    /// The store has failed: for how long to leave it alone; or the error, where waiting does not
    /// help.
    pub(super) fn failed(
        &mut self,
        error: &StoreError,
        what: &'static str,
    ) -> Result<TimeDelta, StoreError> {
        if error.is_lasting() {
            return Err(error.clone());
        }
        tracing::warn!(error = %error, "{what}");
        let delay = back_off(SHORTEST_BACK_OFF, LONGEST_BACK_OFF, self.failures);
        self.failures = self.failures.saturating_add(1);
        Ok(delay)
    }
}
