//! What came of attempts is recorded.

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::run::{GATHER, Run, duration};
use super::telemetry;
use super::transport::Transport;
use crate::store::{HealthChange, Outbox, Settlement, StoreError};

/// How many outcomes may wait to be recorded before nothing more is claimed, as a multiple of the requests at a time.
const BEHIND: usize = 8;

/// What was told to the store, and what it said.
pub(super) struct Settled {
    settlements: Vec<Settlement>,
    health: Vec<(Uuid, HealthChange)>,
    counted: Result<Vec<bool>, StoreError>,
}

impl<S: Outbox, T: Transport> Run<'_, S, T> {
    /// Whether outcomes cannot be recorded, or not as fast as they come: what is sent then is sent again when its lease
    /// ends, so nothing more is claimed.
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
        let settling = async move {
            let (told, known) = (settlements.clone(), health.clone());
            let counted = it.store.settle(it.now(), told, known).await;
            Settled {
                settlements,
                health,
                counted,
            }
        };
        self.settling = Some(settling.instrument(span).boxed());
    }

    pub(super) fn settled(&mut self, settled: Settled) -> Result<(), StoreError> {
        let telling = std::mem::take(&mut self.telling);
        match settled.counted {
            Ok(counted) => {
                self.failures = 0;
                self.is_cut_off = false;
                self.told.extend(telling);
                if self.asking.is_none() {
                    self.forget_told();
                }
                let lost = counted.iter().filter(|counts| !**counts).count();
                if lost > 0 {
                    metrics::counter!(telemetry::LOST_LEASES).increment(lost as u64);
                    tracing::info!(
                        lost,
                        "outcomes do not count: somebody else has taken over, or the webhook is gone"
                    );
                }
                // What comes after what is over may go.
                if !self.has_more || self.under_way == 0 {
                    self.look();
                } else {
                    self.look_in(GATHER);
                }
            }
            Err(error) => {
                let delay = self.failed(&error, "outcomes cannot be recorded")?;
                self.settle_at = Some(Instant::now() + duration(delay));
                self.is_cut_off = true;
                let newer = std::mem::replace(&mut self.finished, settled.settlements);
                self.finished.extend(newer);
                for (id, earlier) in settled.health {
                    let later = self.health.entry(id).or_default();
                    *later = earlier.and(*later);
                }
            }
        }
        Ok(())
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
