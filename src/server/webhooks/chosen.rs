//! Deliveries that are sent again or made dead: those with these numbers, or of a filter.

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::server::problem::Problem;
use crate::store::{
    AnyStore, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus, InstitutionId, Outbox,
};

/// How many deliveries are changed at once.
const PAGE: u32 = 500;

/// How many are counted in a first look.
const FIRST: u32 = 250;

/// What is to become of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Redelivered,
    Abandoned,
}

/// How far is counted: all of them, or those of the first look, which takes no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    All,
    #[cfg_attr(
        not(feature = "console"),
        allow(dead_code, reason = "only pages are in a hurry")
    )]
    First,
}

/// How many were found, and whether those are all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: u64,
    #[cfg_attr(
        not(feature = "console"),
        allow(dead_code, reason = "only pages are in a hurry")
    )]
    pub(crate) is_all: bool,
}

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
        limit: u32,
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
                let page = store.deliveries(Some(institution), filter.clone(), after, limit);
                let page = page.await?;
                for (_, corrupt) in &page.corrupt {
                    tracing::error!(error = %corrupt, "left out of what is sent again");
                }
                Ok((page.deliveries, page.next))
            }
        }
    }

    /// Whether a delivery of them would be sent again.
    fn would_be_sent(&self, delivery: &Delivery, now: DateTime<Utc>) -> bool {
        // Without a status, what waits for its time is left to it.
        let takes_pending = match self {
            Self::Ids(_) => true,
            Self::Filter(filter) => filter.status.is_some(),
        };
        delivery.can_be_redelivered(now)
            && (takes_pending || delivery.status != DeliveryStatus::Pending)
    }

    /// Makes them due; how many there were.
    pub(super) async fn redeliver(
        &self,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
    ) -> Result<u64, Problem> {
        let (store, mut deliveries, mut after) = (engine.store(), 0, None);
        loop {
            let (page, next) = self.page(store, institution, after, PAGE).await?;
            let now = engine.clock().now();
            let would_be = |it: &&Delivery| self.would_be_sent(it, now);
            let ids = page.iter().filter(would_be).map(|it| it.id).collect();
            deliveries += store.redeliver(institution, now, ids).await?;
            after = next;
            if after.is_none() {
                return Ok(deliveries);
            }
        }
    }

    /// How many of them would be changed.
    pub(super) async fn count(
        &self,
        engine: &Engine<AnyStore>,
        institution: &InstitutionId,
        change: Change,
        extent: Extent,
    ) -> Result<Found, Problem> {
        let (mut number, mut after) = (0, None);
        let limit = match extent {
            Extent::All => PAGE,
            Extent::First => FIRST,
        };
        loop {
            let store = engine.store();
            let (page, next) = self.page(store, institution, after, limit).await?;
            let now = engine.clock().now();
            let would_be = |it: &&Delivery| match change {
                Change::Redelivered => self.would_be_sent(it, now),
                Change::Abandoned => it.status == DeliveryStatus::Pending,
            };
            number += page.iter().filter(would_be).count() as u64;
            after = next;
            if after.is_none() || extent == Extent::First {
                let is_all = after.is_none();
                return Ok(Found { number, is_all });
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
            let (page, next) = self.page(store, institution, after, PAGE).await?;
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
