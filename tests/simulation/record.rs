//! What happened in a world, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use certificate_lifecycle::store::{
    Claim, ClaimedBatch, Delivery, DeliveryId, DeliveryStatus, ExecuteError, Outcome, Receipt,
    Request, Settlement, Webhook,
};
use certificate_lifecycle::webhook::Endpoint;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::health::Healths;
use crate::life::Life;
use crate::outcomes::Outcomes;
use crate::progress::Progress;
use crate::world::{LEASE, MARGIN, check};

/// An event's place at a webhook: webhook, application, version.
pub type Place = (Uuid, Uuid, u64);

/// A dispatcher, from its start to its crash or its shutdown.
pub type Number = u64;

/// What happened, for the checks.
#[derive(Default)]
pub struct Record {
    /// What every subscriber must get.
    pub expected: BTreeSet<Place>,
    /// The application and the version of every event.
    pub events: BTreeMap<Uuid, (Uuid, u64)>,
    /// The institution of every webhook that there ever was, and of every application.
    pub institutions: BTreeMap<Uuid, String>,
    /// What the receiving end of every webhook that there ever was knows of it.
    pub receivers: BTreeMap<Uuid, Endpoint>,
    /// The webhooks that are gone, and when that was acknowledged.
    pub removed: BTreeMap<Uuid, DateTime<Utc>>,
    /// What receivers have said yes to, with the bytes.
    pub accepted: BTreeMap<Place, Vec<u8>>,
    /// What has arrived at all.
    pub arrived: BTreeMap<Place, Vec<u8>>,
    pub progress: Progress,
    pub outcomes: Outcomes,
    /// What was delivered and is so still, and when by the clock of the dispatcher that settled it.
    delivered: BTreeMap<DeliveryId, DateTime<Utc>>,
    /// What was delivered and is kept no longer.
    pub pruned: BTreeSet<Place>,
    places: BTreeMap<DeliveryId, Place>,
    /// The newest lease of each delivery.
    leases: BTreeMap<DeliveryId, Lease>,
    /// The newest claim of each dispatcher on each place.
    claims: BTreeMap<(Number, Place), Taken>,
    /// When something was last claimed for each webhook.
    last_claims: BTreeMap<Uuid, DateTime<Utc>>,
    pub health: Healths,
    /// The dispatchers that are suspended, and those that ever were.
    pub suspended: BTreeSet<Number>,
    pub once_suspended: BTreeSet<Number>,
    /// How often what went wrong or might have.
    pub counts: BTreeMap<&'static str, u64>,
    trace: DefaultHasher,
}

struct Lease {
    token: i64,
    holder: Number,
    /// How wrong the clock of its holder is.
    skew: TimeDelta,
    /// By that clock.
    until: DateTime<Utc>,
    state: LeaseState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaseState {
    Held,
    Settled,
    /// The delivery was abandoned meanwhile.
    Withdrawn,
    /// The webhook was removed meanwhile.
    Gone,
}

/// When something was claimed.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// By the clock of the dispatcher that claimed it.
    pub asked_at: DateTime<Utc>,
    /// In truth, in the store.
    pub at: DateTime<Utc>,
}

impl Record {
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub fn trace(&mut self, what: &impl Hash) {
        what.hash(&mut self.trace);
    }

    /// A number for all that happened, in its order.
    pub fn traced(&self) -> u64 {
        self.trace.finish()
    }

    /// A command was carried out now, or refused; these are the webhooks that there are. Who must
    /// hear of it?
    pub fn commanded(
        &mut self,
        request: &Request,
        answer: &Result<Receipt, ExecuteError>,
        webhooks: &[Webhook],
    ) {
        if !self.outcomes.reported(request, answer) {
            return self.count("commands that came again");
        }
        let Ok(Receipt { event, .. }) = answer else {
            return self.count("refused commands");
        };
        let (uuid, version) = (event.uuid(), event.version());
        self.events.insert(event.id(), (uuid, version));
        let institution = request.institution.as_str().to_owned();
        self.institutions.insert(uuid, institution);
        for it in webhooks {
            let wants = it.endpoint.is_enabled() && it.endpoint.kinds.contains(event.kind());
            if wants && it.institution == request.institution {
                let place = (it.id, uuid, version);
                self.expected.insert(place);
                self.progress.made(place);
            }
        }
    }

    /// A claim was carried out now: it was the turn of all of it, and no lease on any of it was
    /// alive.
    pub fn claimed(&mut self, by: &Life, claim: &Claim, batch: &ClaimedBatch, now: DateTime<Utc>) {
        self.health.claimed(by.number, claim, batch);
        check(
            TimeDelta::from_std(claim.lease) == Ok(LEASE) && claim.now <= by.now(),
            || format!("a lease of {:?} from {} on", claim.lease, claim.now),
        );
        for it in &batch.deliveries {
            let event = it.event.as_ref().unwrap();
            let place = (it.webhook, event.uuid(), event.version());
            check(!self.removed.contains_key(&it.webhook), || {
                format!("{place:?} was claimed for a webhook that is removed")
            });
            check(self.receivers[&it.webhook].is_enabled(), || {
                format!("{place:?} was claimed for a webhook that is disabled")
            });
            let known = *self.places.entry(it.id).or_insert(place);
            check(known == place, || {
                format!("{}: {place:?} has the number of {known:?}", it.id)
            });
            self.progress.claimed(place, it);
            let lease = Lease {
                token: it.token,
                holder: by.number,
                skew: by.skew,
                until: claim.now + claim.lease,
                state: LeaseState::Held,
            };
            if let Some(before) = self.leases.insert(it.id, lease) {
                check(it.token > before.token, || {
                    format!("{}: token {} again", it.id, before.token)
                });
                if before.state == LeaseState::Held {
                    self.taken_over(&before, by, claim.now, now);
                }
            }
            let taken = Taken {
                asked_at: claim.now,
                at: now,
            };
            self.claims.insert((by.number, place), taken);
            self.last_claims.insert(it.webhook, now);
        }
    }

    /// An unsettled lease was taken over: it was over by the clock of the dispatcher that did, and
    /// in truth as well, but for what the two clocks differ.
    fn taken_over(
        &mut self,
        lease: &Lease,
        by: &Life,
        asked_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        check(lease.until <= asked_at, || {
            format!("two live leases, of {} and {}", lease.holder, by.number)
        });
        let overlap = lease.until - lease.skew - now;
        let differ = (by.skew - lease.skew).max(TimeDelta::zero());
        check(overlap <= differ, || {
            format!(
                "the leases of {} and {} overlap by {overlap}, but their clocks differ by {differ}",
                lease.holder, by.number
            )
        });
        self.count("leases taken over");
        if overlap > TimeDelta::zero() {
            self.count("leases taken over early, by the clocks");
        }
        if self.suspended.contains(&lease.holder) {
            self.count("leases taken over from the suspended");
        }
    }

    /// A request begins: so early in its lease that its answer can come before the end, by the
    /// clock of its sender. So whatever ends a webhook ends its requests as soon.
    pub fn begins(&mut self, by: Number, place: Place, clock: DateTime<Utc>, now: DateTime<Utc>) {
        let taken = self.claims.get(&(by, place));
        let Some(taken) = taken.copied() else {
            panic!("{place:?} is sent by {by}, who has no lease");
        };
        let late = clock - taken.asked_at;
        check(late <= MARGIN / 2, || {
            format!("{place:?} is sent {late} after it was claimed")
        });
        if let Some(at) = self.removed.get(&place.0) {
            let late = now - at;
            check(taken.at <= *at && late <= MARGIN / 2, || {
                format!("{place:?} is sent {late} after its webhook was removed")
            });
            self.count("requests begun after a removal");
        }
    }

    /// A settlement was carried out now: the newest lease counts, once, and no other.
    pub fn settled(
        &mut self,
        by: Number,
        at: DateTime<Utc>,
        settlement: &Settlement,
        counted: bool,
        now: DateTime<Utc>,
    ) {
        let Some(lease) = self.leases.get_mut(&settlement.id) else {
            check(!counted, || format!("{}: never claimed", settlement.id));
            return;
        };
        let (id, state) = (settlement.id, lease.state);
        let is_newest = lease.token == settlement.token;
        let is_alive = is_newest && state == LeaseState::Held;
        check(counted == is_alive, || {
            format!("{id}: a lease that is {state:?} (the newest: {is_newest}) counted: {counted}")
        });
        if !counted {
            self.count("settlements that came too late");
            if self.once_suspended.contains(&by) && !is_newest {
                self.count("settlements too late after a suspension");
            }
            if is_newest && state == LeaseState::Withdrawn {
                self.count("settlements of what was abandoned");
            }
            if state == LeaseState::Gone {
                self.count("settlements of what was removed");
            }
            return;
        }
        lease.state = LeaseState::Settled;
        let place = self.places[&id];
        self.progress.settled(by, place, settlement);
        match &settlement.outcome {
            Outcome::Delivered => {
                self.delivered.insert(id, at);
                self.health
                    .delivered(place.0, self.claims[&(by, place)], now);
            }
            Outcome::Dead { .. } | Outcome::Retry { .. } | Outcome::Released => {}
        }
    }

    /// When this dispatcher has claimed it last.
    pub fn taken(&self, by: Number, place: Place) -> Option<Taken> {
        self.claims.get(&(by, place)).copied()
    }

    /// Whether anybody has claimed for this webhook since then.
    pub fn has_claims_since(&self, webhook: Uuid, start: DateTime<Utc>) -> bool {
        self.last_claims.get(&webhook).is_some_and(|at| *at > start)
    }

    pub fn place(&self, id: DeliveryId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    /// These were made dead by hand, also if they were leased.
    pub fn abandoned(&mut self, pending: &[Delivery], reason: &str) {
        for it in pending {
            self.progress.abandoned(place_of(it), reason);
            if let Some(lease) = self.leases.get_mut(&it.id)
                && lease.state == LeaseState::Held
            {
                lease.state = LeaseState::Withdrawn;
            }
        }
    }

    /// These are pending again, as far as they were not; what was put off begins anew, unless
    /// it is leased.
    pub fn redelivered(&mut self, deliveries: &[Delivery], now: DateTime<Utc>) {
        for it in deliveries {
            let lease = self.leases.get(&it.id);
            let is_held = lease.is_some_and(|it| it.state == LeaseState::Held);
            let is_put_off = it.at > now && !is_held;
            self.progress.redelivered(place_of(it), is_put_off);
            self.delivered.remove(&it.id);
        }
    }

    /// A webhook was removed, with these deliveries.
    pub fn removed(&mut self, webhook: Uuid, deliveries: &[Delivery], now: DateTime<Utc>) {
        self.removed.insert(webhook, now);
        self.progress.removed(webhook);
        for it in deliveries {
            self.delivered.remove(&it.id);
            let lease = self.leases.get_mut(&it.id);
            let is_leased = lease
                .as_ref()
                .is_some_and(|it| it.state == LeaseState::Held);
            if let Some(lease) = lease {
                lease.state = LeaseState::Gone;
            }
            self.count(match it.status {
                DeliveryStatus::Pending if is_leased => "removed while leased",
                DeliveryStatus::Pending => "removed while pending",
                DeliveryStatus::Delivered => "removed when delivered",
                DeliveryStatus::Dead => "removed when dead",
            });
        }
    }

    /// These were pruned, and those were left, by a dispatcher that forgets what was delivered
    /// before this time.
    pub fn pruned(&mut self, gone: &[&Delivery], left: &[Delivery], before: DateTime<Utc>) {
        for it in gone {
            let place = place_of(it);
            let delivered = self.delivered.remove(&it.id);
            check(delivered.is_some_and(|at| at < before), || {
                format!("{place:?} was pruned, though {} ({delivered:?})", it.status)
            });
            self.pruned.insert(place);
            self.count("pruned");
        }
        for it in left {
            let delivered = self.delivered.get(&it.id);
            check(delivered.is_none_or(|at| *at >= before), || {
                format!("{:?} was not pruned: {delivered:?}", place_of(it))
            });
            match it.status {
                DeliveryStatus::Delivered => {}
                _ if it.created_at >= before => {}
                DeliveryStatus::Pending => self.count("old and pending, not pruned"),
                DeliveryStatus::Dead => self.count("old and dead, not pruned"),
            }
        }
    }
}

pub fn place_of(delivery: &Delivery) -> Place {
    (delivery.webhook, delivery.application, delivery.version)
}
