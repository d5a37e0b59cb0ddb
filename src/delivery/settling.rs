//! What came of attempts is recorded.

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::recording::{Left, Settled, record};
use super::run::{GATHER, Run, duration};
use super::telemetry;
use super::transport::Transport;
use crate::store::{Due, Outbox, StoreError};

/// How many outcomes may wait to be recorded before nothing more is claimed, as a multiple of the
/// requests at a time.
const BEHIND: usize = 8;

impl<S: Outbox, T: Transport> Run<'_, S, T> {
    /// Whether outcomes cannot be recorded, or not as fast as they come: what is sent then is sent
    /// again when its lease ends, so nothing more is claimed.
    pub(super) fn is_behind(&self) -> bool {
        let most = self.dispatcher.options.concurrency as usize * BEHIND;
        self.is_cut_off || self.finished.len() > most
    }

    pub(super) fn start_settling(&mut self) {
        let is_waiting = self.settle_at.is_some() || self.settling.is_some();
        if is_waiting || self.finished.is_empty() {
            return;
        }
        let settlements = std::mem::take(&mut self.finished);
        let health: Vec<_> = std::mem::take(&mut self.health).into_iter().collect();
        self.telling = health.iter().map(|(id, _)| *id).collect();
        let it = self.dispatcher;
        let span = tracing::debug_span!(
            "settle",
            deliveries = settlements.len(),
            webhooks = health.len()
        );
        let settling = async move { record(&it.store, it.now(), settlements, health).await };
        self.settling = Some(settling.instrument(span).boxed());
    }

    pub(super) fn settled(&mut self, settled: Settled) -> Result<(), StoreError> {
        let telling = std::mem::take(&mut self.telling);
        self.note_refusals(&settled);
        let lost = settled.lost;
        if lost > 0 {
            metrics::counter!(telemetry::LOST_LEASES).increment(lost as u64);
            tracing::info!(
                lost,
                "outcomes do not count: somebody else has taken over, or the webhook is gone"
            );
        }
        let Some(left) = settled.left else {
            self.failures = 0;
            self.is_cut_off = false;
            self.told.extend(telling);
            if self.asking.is_none() {
                self.forget_told();
            }
            // What comes after what is over may go.
            if !self.has_more || self.under_way == 0 {
                self.look();
            } else {
                self.look_in(GATHER);
            }
            return Ok(());
        };
        let Left {
            settlements,
            health,
            error,
        } = left;
        let delay = self.failed(&error, "outcomes cannot be recorded")?;
        self.settle_at = Some(Instant::now() + duration(delay));
        self.is_cut_off = true;
        let newer = std::mem::replace(&mut self.finished, settlements);
        self.finished.extend(newer);
        for (id, earlier) in health {
            let later = self.health.entry(id).or_default();
            *later = earlier.and(*later);
        }
        // The health of some may have been recorded before the fault.
        self.told.extend(telling);
        Ok(())
    }

    /// Notes what the database refuses to record.
    fn note_refusals(&mut self, settled: &Settled) {
        if !self.refused.is_empty() || !self.uncounted.is_empty() {
            for id in &settled.recorded {
                self.refused.remove(id);
                if !settled.uncounted.contains(id) {
                    self.uncounted.remove(id);
                }
            }
        }
        for id in &settled.uncounted {
            let uncounted = self.uncounted.entry(*id).or_default();
            *uncounted = uncounted.saturating_add(1);
        }
        for refused in &settled.refused {
            self.refused.insert(refused.delivery, refused.webhook);
            self.refusal = Some(refused.error.clone());
        }
    }

    /// Whether nothing is left but deliveries whose outcomes the database refuses: each webhook
    /// that has something due later has one of them, and nothing is due now.
    pub(super) fn is_stuck_with(&self, due: &[Due]) -> bool {
        let now = self.dispatcher.now();
        let is_stuck = |due: &Due| {
            let is_due = due.has_new || due.at.is_some_and(|at| at <= now);
            !is_due && self.refused.values().any(|it| *it == Some(due.webhook))
        };
        !self.refused.is_empty() && due.iter().all(is_stuck)
    }

    /// From now on, what the store says of the health of these webhooks includes what it was told.
    pub(super) fn forget_told(&mut self) {
        for id in std::mem::take(&mut self.told) {
            if let Some(line) = self.lines.get_mut(&id) {
                line.has_unsaved_health =
                    self.health.contains_key(&id) || self.telling.contains(&id);
            }
        }
    }
}
