//! The effects of the core as futures: each gives the input that answers it.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::core::{Disabling, Input, Instants, NextAttempt};
use super::housekeeping::{disable, keep_house};
use super::options::DispatcherOptions;
use super::recording::record;
use super::send::send;
use super::telemetry::UnderWay;
use super::transport::Transport;
use crate::store::{Claim, Clock, HealthChange, Outbox, Settlement};

/// A store, a transport and a clock.
pub(super) struct Effects<'d, S, T> {
    pub(super) store: &'d S,
    pub(super) transport: &'d T,
    pub(super) clock: &'d dyn Clock,
    pub(super) options: &'d Arc<DispatcherOptions>,
}

impl<'d, S: Outbox, T: Transport> Effects<'d, S, T> {
    pub(super) fn now(&self) -> Instants {
        Instants {
            monotonic: Instant::now().into_std(),
            wall: self.clock.now(),
        }
    }

    /// Asks the store which webhooks have deliveries due.
    pub(super) fn ask_due(&self) -> impl Future<Output = Input> + Send + use<'d, S, T> {
        let store = self.store;
        let start = Instant::now();
        let asking = async move {
            let answer = store.due().await;
            Input::Due(start.elapsed(), answer)
        };
        asking.instrument(tracing::debug_span!("due"))
    }

    /// Claims deliveries.
    pub(super) fn claim(&self, claim: Claim) -> impl Future<Output = Input> + Send + use<'d, S, T> {
        let store = self.store;
        let room: u32 = claim.wanted.iter().map(|(_, room)| room).sum();
        let span = tracing::debug_span!("claim", webhooks = claim.wanted.len(), room);
        let claiming = async move {
            let answer = store.claim(claim.clone()).await;
            Input::Claimed(claim, answer)
        };
        claiming.instrument(span)
    }

    /// Makes an attempt.
    pub(super) fn send(
        &self,
        attempt: NextAttempt,
    ) -> impl Future<Output = Input> + Send + use<'d, S, T> {
        let under_way = UnderWay::begin();
        let sending = send(self.transport, self.clock, self.options, attempt);
        sending.map(move |sent| {
            drop(under_way);
            Input::Sent(sent)
        })
    }

    /// Records outcomes.
    pub(super) fn settle(
        &self,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> impl Future<Output = Input> + Send + use<'d, S, T> {
        let (store, clock) = (self.store, self.clock);
        let span = tracing::debug_span!(
            "settle",
            deliveries = settlements.len(),
            webhooks = health.len()
        );
        let settling =
            async move { Input::Settled(record(store, clock.now(), settlements, health).await) };
        settling.instrument(span)
    }

    /// Disables a webhook.
    pub(super) fn disable(
        &self,
        disabling: Disabling,
    ) -> impl Future<Output = Input> + Send + use<'d, S, T> {
        disable(self.store, disabling, self.options.disable_after).map(Input::Disabled)
    }

    /// Counts the backlog and prunes old rows.
    pub(super) fn keep_house(&self) -> impl Future<Output = Input> + Send + use<'d, S, T> {
        keep_house(self.store, self.clock, self.options).map(Input::HouseKept)
    }
}
