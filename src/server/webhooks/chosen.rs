//! Deliveries that are sent again or made dead: those with these numbers, or of a filter.

use crate::engine::Engine;
use crate::server::problem::Problem;
use crate::store::{
    AnyStore, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus, InstitutionId, Outbox,
};

/// How many deliveries are changed at once.
const PAGE: u32 = 500;

/// The deliveries that a request is about.
pub(crate) enum Chosen {
    Ids(Vec<DeliveryId>),
    Filter(DeliveryFilter),
}

impl Chosen {
    /// What names them in an act: the number, where it is one, and the numbers or the filter.
    pub(super) fn words(&self) -> (String, String) {
        match self {
            Self::Ids(ids) => {
                let all: Vec<_> = ids.iter().map(ToString::to_string).collect();
                match &all[..] {
                    [one] => (one.clone(), String::new()),
                    many => (
                        String::new(),
                        format!("{}: {}", many.len(), many.join(", ")),
                    ),
                }
            }
            Self::Filter(filter) => (String::new(), filter.to_string()),
        }
    }

    /// A page of the deliveries, and what the next one begins after; none after the last.
    async fn page(
        &self,
        store: &AnyStore,
        institution: &InstitutionId,
        after: Option<DeliveryId>,
    ) -> Result<(Vec<Delivery>, Option<DeliveryId>), Problem> {
        match self {
            Self::Ids(ids) => {
                let mut found = Vec::with_capacity(ids.len());
                for id in ids {
                    found.extend(store.delivery(institution, *id).await?);
                }
                Ok((found, None))
            }
            Self::Filter(filter) => {
                let page = store.deliveries(Some(institution), filter.clone(), after, PAGE);
                let page = page.await?;
                for (_, corrupt) in &page.corrupt {
                    tracing::error!(error = %corrupt, "left out of what is sent again");
                }
                Ok((page.deliveries, page.next))
            }
        }
    }

    /// Makes them due, or only counts those that would be; how many there were.
    pub(super) async fn redeliver(
        &self,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
        is_dry_run: bool,
    ) -> Result<u64, Problem> {
        // Without a status, what waits for its time is left to it.
        let takes_pending = match self {
            Self::Ids(_) => true,
            Self::Filter(filter) => filter.status.is_some(),
        };
        let (store, mut deliveries, mut after) = (engine.store(), 0, None);
        loop {
            let (page, next) = self.page(store, institution, after).await?;
            let now = engine.clock().now();
            let can_be = |it: &&Delivery| {
                it.can_be_redelivered(now)
                    && (takes_pending || it.status != DeliveryStatus::Pending)
            };
            let ids: Vec<_> = page.iter().filter(can_be).map(|it| it.id).collect();
            deliveries += if is_dry_run {
                ids.len() as u64
            } else {
                store.redeliver(institution, now, ids).await?
            };
            after = next;
            if after.is_none() {
                return Ok(deliveries);
            }
        }
    }

    /// How many of them are pending.
    pub(super) async fn count_pending(
        &self,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
    ) -> Result<u64, Problem> {
        let (mut count, mut after) = (0, None);
        loop {
            let (page, next) = self.page(engine.store(), institution, after).await?;
            let is_pending = |it: &&Delivery| it.status == DeliveryStatus::Pending;
            count += page.iter().filter(is_pending).count() as u64;
            after = next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// Makes those that are pending dead; how many there were.
    pub(super) async fn abandon(
        &self,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
        reason: &str,
    ) -> Result<u64, Problem> {
        let (store, mut count, mut after) = (engine.store(), 0, None);
        loop {
            let (page, next) = self.page(store, institution, after).await?;
            let is_pending = |it: &&Delivery| it.status == DeliveryStatus::Pending;
            let ids = page.iter().filter(is_pending).map(|it| it.id).collect();
            let now = engine.clock().now();
            let abandoned = store.abandon(institution, now, ids, reason.to_owned());
            count += abandoned.await?;
            after = next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}
