//! What happened in a world, and what must hold of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::world::DELAYS;
use crate::lifecycle::event::Event;
use crate::store::{
    Claim, ClaimedBatch, Delivery, DeliveryId, DeliveryStatus, Outcome, Settlement,
};

/// A webhook, an application, and a version of it: what one delivery brings. They are one number,
/// since almost all that is noted is found by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lane, version) = (self.0 / Self::VERSIONS, self.0 % Self::VERSIONS);
        let application = lane % Self::APPLICATIONS;
        let webhook = self.webhook();
        write!(
            f,
            "version {version} of application {application} for webhook {webhook}"
        )
    }
}

impl Place {
    const VERSIONS: u64 = 1 << 16;
    const APPLICATIONS: u64 = 1 << 32;

    pub(super) fn new(webhook: Uuid, event: &Event) -> Self {
        Self::of(webhook, event.uuid(), event.version())
    }

    fn of(webhook: Uuid, application: Uuid, version: u64) -> Self {
        let ((first, webhook), (second, application)) =
            (webhook.as_u64_pair(), application.as_u64_pair());
        assert_eq!((first, second), (1, 2), "not of this world");
        assert!(webhook < 1 << 16 && application < Self::APPLICATIONS && version < Self::VERSIONS);
        Self((webhook * Self::APPLICATIONS + application) * Self::VERSIONS + version)
    }

    /// The number of the webhook.
    pub(super) const fn webhook(self) -> u64 {
        self.0 / Self::VERSIONS / Self::APPLICATIONS
    }

    /// An identifier that each event has to itself, whatever the webhook.
    pub(super) fn event_id(self) -> Uuid {
        Uuid::from_u64_pair(3, self.0 % (Self::APPLICATIONS * Self::VERSIONS))
    }

    /// What comes before it: the earlier versions for the same webhook.
    const fn earlier(self) -> Range<Self> {
        Self(self.0 - self.0 % Self::VERSIONS)..self
    }
}

/// What became of an event that was recorded for a webhook.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Course {
    /// After how many attempts it is pending; none if it is over.
    pending: Option<u32>,
    is_dead: bool,
    has_arrived: bool,
    /// Its receiver has answered with 204.
    is_accepted: bool,
    /// As what it was found in the end.
    found: Option<DeliveryStatus>,
}

struct Lease {
    place: Place,
    token: i64,
    until: DateTime<Utc>,
    /// How wrong the clock is by which it was taken.
    skew: TimeDelta,
    is_settled: bool,
}

#[derive(Default)]
pub(super) struct Record {
    /// All that was made.
    expected: BTreeMap<Place, Course>,
    /// The newest lease of each delivery.
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
            let course = Course {
                pending: Some(0),
                ..Course::default()
            };
            let before = self.expected.insert(Place::new(webhook, event), course);
            assert!(before.is_none(), "an event was recorded twice");
        }
    }

    fn course(&mut self, place: Place) -> &mut Course {
        let course = self.expected.get_mut(&place);
        course.unwrap_or_else(|| panic!("{place:?} was never made"))
    }

    /// A claim was carried out: it was the turn of all of it, and no lease on any of it was alive.
    pub(super) fn claimed(
        &mut self,
        claim: &Claim,
        batch: &ClaimedBatch,
        skew: TimeDelta,
        now: DateTime<Utc>,
    ) {
        let until = claim.now + claim.lease;
        for it in &batch.deliveries {
            let place = Place::new(it.webhook, it.event.as_ref().unwrap());
            assert_eq!(self.course(place).pending, Some(it.attempts), "{place:?}");
            let mut earlier = self.expected.range(place.earlier());
            let open = earlier.find(|(_, course)| course.pending.is_some());
            assert!(open.is_none(), "{place:?} is claimed before {open:?}");
            let lease = Lease {
                place,
                token: it.token,
                until,
                skew,
                is_settled: false,
            };
            let Some(before) = self.leases.insert(it.id, lease) else {
                continue;
            };
            assert_eq!(before.place, place);
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
        if std::mem::replace(&mut self.course(place).has_arrived, true) {
            return self.count("arrived again");
        }
        let mut earlier = self.expected.range(place.earlier());
        let open = earlier.find(|(_, course)| !course.is_accepted && !course.is_dead);
        assert!(open.is_none(), "{place:?} has overtaken {open:?}");
    }

    pub(super) fn accepts(&mut self, place: Place) {
        self.course(place).is_accepted = true;
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
        let place = lease.place;
        let course = self.course(place);
        let attempts = course.pending.as_mut().unwrap();
        *attempts += u32::from(settlement.attempt.is_some());
        let is_last = *attempts as usize == DELAYS.len();
        match &settlement.outcome {
            Outcome::Delivered => course.pending = None,
            Outcome::Dead { reason } => {
                assert!(is_last, "{place:?} is dead: {reason}");
                course.pending = None;
                course.is_dead = true;
            }
            Outcome::Retry { .. } => assert!(!is_last, "{place:?} is tried once more"),
            Outcome::Released => self.count("released"),
        }
    }

    /// The deliveries that are left in the end: all that was made is delivered or dead.
    pub(super) fn ends(&mut self, rows: &[Delivery]) {
        for it in rows {
            let place = Place::of(it.webhook, it.application, it.version);
            let before = self.course(place).found.replace(it.status);
            assert_eq!(before, None, "a delivery was made twice");
        }
        let (mut pruned, mut dead) = (0, 0);
        for (place, course) in &self.expected {
            assert_eq!(course.pending, None, "{place:?}");
            let is_over = match course.found {
                // It was pruned.
                None => {
                    pruned += 1;
                    course.is_accepted
                }
                Some(DeliveryStatus::Delivered) => course.is_accepted,
                Some(DeliveryStatus::Dead) => {
                    dead += 1;
                    course.is_dead
                }
                Some(DeliveryStatus::Pending) => false,
            };
            assert!(is_over, "{place:?} is lost: {course:?}");
        }
        *self.counts.entry("pruned").or_default() += pruned;
        *self.counts.entry("dead").or_default() += dead;
    }
}
