//! What happened in a world, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::world::DELAYS;
use crate::lifecycle::event::Event;
use crate::store::{
    Claim, ClaimedBatch, Delivery, DeliveryId, DeliveryStatus, Outcome, Settlement,
};

/// A webhook, an application, and a version of it: what one delivery brings.
pub(super) type Place = (Uuid, Uuid, u64);

struct Lease {
    token: i64,
    until: DateTime<Utc>,
    /// How wrong the clock is by which it was taken.
    skew: TimeDelta,
    is_settled: bool,
}

#[derive(Default)]
pub(super) struct Record {
    expected: BTreeSet<Place>,
    /// What is pending, and after how many attempts.
    pending: BTreeMap<Place, u32>,
    dead: BTreeSet<Place>,
    arrived: BTreeSet<Place>,
    /// What a receiver has answered with 204.
    accepted: BTreeSet<Place>,
    places: BTreeMap<DeliveryId, Place>,
    leases: BTreeMap<DeliveryId, Lease>,
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Record {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// An event was recorded, for these webhooks.
    pub(super) fn made(&mut self, event: &Event, webhooks: impl Iterator<Item = Uuid>) {
        for webhook in webhooks {
            let place = (webhook, event.uuid(), event.version());
            self.expected.insert(place);
            self.pending.insert(place, 0);
        }
    }

    /// A claim was carried out: it was the turn of all of it, and no lease on any of it was alive.
    pub(super) fn claimed(
        &mut self,
        claim: &Claim,
        batch: &ClaimedBatch,
        skew: TimeDelta,
        now: DateTime<Utc>,
    ) {
        for it in &batch.deliveries {
            let event = it.event.as_ref().unwrap();
            let place = (it.webhook, event.uuid(), event.version());
            assert_eq!(*self.places.entry(it.id).or_insert(place), place);
            assert_eq!(self.pending.get(&place), Some(&it.attempts), "{place:?}");
            let mut earlier = self.pending.range((place.0, place.1, 0)..place);
            let open = earlier.next();
            assert!(open.is_none(), "{place:?} is claimed before {open:?}");
            let lease = Lease {
                token: it.token,
                until: claim.now + claim.lease,
                skew,
                is_settled: false,
            };
            let Some(before) = self.leases.insert(it.id, lease) else {
                continue;
            };
            assert!(it.token > before.token, "{}: an old token", it.id);
            if !before.is_settled {
                assert!(before.until <= claim.now, "{}: two live leases", it.id);
                let overlap = before.until - before.skew - now;
                let differ = (skew - before.skew).max(TimeDelta::zero());
                assert!(overlap <= differ, "leases overlap by {overlap}");
                self.count("leases taken over");
            }
        }
    }

    /// A request has arrived: all that comes before it has been taken, or is dead.
    pub(super) fn arrives(&mut self, place: Place) {
        if !self.arrived.insert(place) {
            return self.count("arrived again");
        }
        let earlier = self.expected.range((place.0, place.1, 0)..place);
        let is_over = |it: &&Place| self.accepted.contains(*it) || self.dead.contains(*it);
        let open = earlier.clone().find(|it| !is_over(it));
        assert!(open.is_none(), "{place:?} has overtaken {open:?}");
    }

    pub(super) fn accepts(&mut self, place: Place) {
        self.accepted.insert(place);
    }

    /// A settlement was carried out: the newest lease counts, once, and the outcome follows the
    /// schedule.
    pub(super) fn settled(&mut self, settlement: &Settlement, counted: bool) {
        let lease = self.leases.get_mut(&settlement.id).unwrap();
        let is_alive = lease.token == settlement.token && !lease.is_settled;
        assert_eq!(counted, is_alive, "{settlement:?}");
        if !counted {
            return self.count("settlements that came too late");
        }
        lease.is_settled = true;
        let place = self.places[&settlement.id];
        let attempts = self.pending.get_mut(&place).unwrap();
        *attempts += u32::from(settlement.attempt.is_some());
        let is_last = *attempts as usize == DELAYS.len();
        match &settlement.outcome {
            Outcome::Delivered => {
                self.pending.remove(&place);
            }
            Outcome::Dead { reason } => {
                assert!(is_last, "{place:?} is dead: {reason}");
                self.pending.remove(&place);
                self.dead.insert(place);
            }
            Outcome::Retry { .. } => assert!(!is_last, "{place:?} is tried once more"),
            Outcome::Released => self.count("released"),
        }
    }

    /// The deliveries that are left in the end: all that was made is delivered or dead.
    pub(super) fn ends(&mut self, rows: &[Delivery]) {
        assert_eq!(self.pending, BTreeMap::new());
        let place_of = |it: &Delivery| (it.webhook, it.application, it.version);
        let found: BTreeMap<Place, DeliveryStatus> =
            rows.iter().map(|it| (place_of(it), it.status)).collect();
        assert_eq!(found.len(), rows.len(), "a delivery was made twice");
        for place in self.expected.clone() {
            let is_over = match found.get(&place) {
                // It was pruned.
                None => {
                    self.count("pruned");
                    self.accepted.contains(&place)
                }
                Some(DeliveryStatus::Delivered) => self.accepted.contains(&place),
                Some(DeliveryStatus::Dead) => {
                    self.count("dead");
                    self.dead.contains(&place)
                }
                Some(DeliveryStatus::Pending) => false,
            };
            assert!(is_over, "{place:?} is lost: {:?}", found.get(&place));
        }
        assert!(found.keys().all(|it| self.expected.contains(it)));
    }
}
