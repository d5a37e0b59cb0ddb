//! What came of attempts, until it is recorded.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::input::{Settled, Unrecorded};
use crate::store::{DeliveryId, Due, HealthChange, Settlement, StoreError};

/// How many outcomes may wait to be recorded before nothing more is claimed, as a multiple of the
/// requests at a time.
const BEHIND: usize = 8;

/// How many outcomes are recorded at once without waiting for others.
const MANY: usize = 256;

/// After a settlement of so many, others follow soon: they are gathered.
const BUSY: usize = 16;
const GATHER: Duration = Duration::from_millis(4);

/// Changes of health, each of a webhook.
type HealthChanges = Vec<(Uuid, HealthChange)>;

/// Outcomes and changes of health, and which of them the database refuses.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// The settlements that are yet to be recorded.
    settlements: Vec<Settlement>,
    /// The changes of health that are yet to be recorded.
    health: BTreeMap<Uuid, HealthChange>,
    /// Whether a settlement is under way.
    is_settling: bool,
    /// The webhooks whose health is in the settlement under way.
    health_under_way: Vec<Uuid>,
    /// The webhooks whose health was recorded while the store was asked: its answer may be older.
    health_recorded: Vec<Uuid>,
    /// When to record again, where the store is away.
    retry_at: Option<Instant>,
    /// How many the last settlement had.
    last_size: usize,
    /// Until when others are gathered.
    gather_until: Option<Instant>,
    /// Whether the last outcomes could not be recorded.
    is_cut_off: bool,
    /// The deliveries whose outcomes the database refuses, each with its webhook, if that is known.
    refused: BTreeMap<DeliveryId, Option<Uuid>>,
    /// The last of these refusals.
    refusal: Option<StoreError>,
    /// How many attempts of a delivery are missing in the store, since the database refuses them.
    uncounted: BTreeMap<DeliveryId, u32>,
}

impl Outcomes {
    pub(super) fn add(&mut self, settlement: Settlement) {
        self.settlements.push(settlement);
    }

    pub(super) fn add_all(&mut self, settlements: impl IntoIterator<Item = Settlement>) {
        self.settlements.extend(settlements);
    }

    pub(super) fn add_health(&mut self, webhook: Uuid, change: HealthChange) {
        let known = self.health.entry(webhook).or_default();
        *known = known.and(change);
    }

    /// Whether outcomes cannot be recorded, or not as fast as they come. A delivery that is sent
    /// then is sent again when its lease ends, so nothing more is claimed.
    pub(super) fn is_behind(&self, concurrency: u32) -> bool {
        self.is_cut_off || self.settlements.len() > concurrency as usize * BEHIND
    }

    /// Whether something is yet to be recorded.
    pub(super) fn is_busy(&self) -> bool {
        self.is_settling || !self.settlements.is_empty()
    }

    /// Begins the next settlement, if there is one, and none is under way or postponed. While many
    /// requests end, it waits a moment for more of them.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        is_sending: bool,
    ) -> Option<(Vec<Settlement>, HealthChanges)> {
        if self.is_settling || self.retry_at.is_some() || self.settlements.is_empty() {
            return None;
        }
        if is_sending && self.last_size >= BUSY && self.settlements.len() < MANY {
            let until = *self.gather_until.get_or_insert(now + GATHER);
            if now < until {
                return None;
            }
        }
        self.gather_until = None;
        self.last_size = self.settlements.len();
        self.is_settling = true;
        let settlements = mem::take(&mut self.settlements);
        let health: Vec<_> = mem::take(&mut self.health).into_iter().collect();
        self.health_under_way = health.iter().map(|(id, _)| *id).collect();
        Some((settlements, health))
    }

    /// A settlement is over: all that it brought, or what was refused.
    pub(super) fn end(&mut self, settled: &Settled) {
        self.is_settling = false;
        self.is_cut_off = settled.unrecorded.is_some();
        // Before a fault, the health of some may have been recorded.
        self.health_recorded.append(&mut self.health_under_way);
        self.note_refusals(settled);
    }

    /// Keeps what was not recorded, and tries again at this time.
    pub(super) fn keep(&mut self, unrecorded: Unrecorded, retry_at: Instant) {
        self.retry_at = Some(retry_at);
        let newer = mem::replace(&mut self.settlements, unrecorded.settlements);
        self.settlements.extend(newer);
        for (id, earlier) in unrecorded.health {
            let later = self.health.entry(id).or_default();
            *later = earlier.and(*later);
        }
    }

    /// When outcomes are to be recorded, or recorded again.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.retry_at.or(self.gather_until)
    }

    /// The time to record has come.
    pub(super) const fn retry(&mut self) {
        self.retry_at = None;
    }

    /// The webhooks whose health was recorded since the store was asked, each once or more.
    pub(super) fn take_recorded_health(&mut self) -> Vec<Uuid> {
        mem::take(&mut self.health_recorded)
    }

    /// Whether a change of this webhook's health is yet to be recorded.
    pub(super) fn has_health_of(&self, webhook: &Uuid) -> bool {
        self.health.contains_key(webhook) || self.health_under_way.contains(webhook)
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

    /// Nothing is pending: nothing is refused either.
    pub(super) fn forget_refusals(&mut self) {
        self.refused.clear();
        self.uncounted.clear();
    }

    /// How many attempts of a delivery are missing in the store.
    pub(super) fn uncounted(&self, delivery: DeliveryId) -> u32 {
        self.uncounted.get(&delivery).copied().unwrap_or_default()
    }

    /// Whether nothing is left but deliveries whose outcomes the database refuses: each webhook
    /// that has something due later has one of them, and nothing is due now.
    pub(super) fn is_stuck_with(&self, due: &[Due], now: DateTime<Utc>) -> bool {
        let is_stuck = |due: &Due| {
            let is_due = due.has_new || due.at.is_some_and(|at| at <= now);
            !is_due && self.refused.values().any(|it| *it == Some(due.webhook))
        };
        !self.refused.is_empty() && due.iter().all(is_stuck)
    }

    /// Why the database refused an outcome last.
    pub(super) const fn refusal(&self) -> Option<&StoreError> {
        self.refusal.as_ref()
    }
}
