//! Webhooks and deliveries in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::lengths::later;
use crate::lifecycle::event::EventKind;
use crate::store::outbox::{
    Attempt, Backlog, Claim, DeliveryFilter, DeliveryId, Due, LOOK_AGAIN, LeasedDelivery, Settled,
    Settlement, State, Webhook, can_be_redelivered, is_let_go, is_of_lease, next_lease, wait_until,
};
use crate::store::{InstitutionId, ListOrder};

/// All webhooks and deliveries.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) webhooks: BTreeMap<Uuid, Webhook>,
    /// By institution, in the order of creation.
    pub(super) by_institution: HashMap<u32, Vec<Uuid>>,
    /// In the order of creation.
    pub(super) order: Vec<Uuid>,
    pub(super) deliveries: BTreeMap<i64, Row>,
    last: i64,
    pub(super) queues: HashMap<Uuid, Queue>,
    /// What is pending of one application and webhook, by the place of the event in the log.
    pub(super) lanes: HashMap<(u32, Uuid), BTreeMap<u32, i64>>,
    pub(super) attempts: Vec<(i64, Attempt)>,
}

/// A delivery.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) webhook: Uuid,
    /// The place of its event in the log.
    pub(super) event: u32,
    pub(super) application: u32,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) at: DateTime<Utc>,
    pub(super) token: i64,
    pub(super) reason: Option<String>,
}

/// What is pending for one webhook.
#[derive(Debug, Default)]
pub(super) struct Queue {
    new: BTreeSet<i64>,
    later: BTreeSet<(DateTime<Utc>, i64)>,
}

impl Outbox {
    /// An event was recorded: one delivery for every webhook that wants it.
    pub(super) fn enter(
        &mut self,
        institution: u32,
        application: u32,
        event: u32,
        kind: EventKind,
        now: DateTime<Utc>,
    ) {
        let Some(webhooks) = self.by_institution.get(&institution) else {
            return;
        };
        for id in webhooks {
            let wants = |it: &Webhook| it.endpoint.is_enabled() && it.endpoint.kinds.contains(kind);
            if !self.webhooks.get(id).is_some_and(wants) {
                continue;
            }
            self.last += 1;
            let row = Row {
                webhook: *id,
                event,
                application,
                state: State::New,
                attempts: 0,
                created_at: now,
                at: now,
                token: 0,
                reason: None,
            };
            self.deliveries.insert(self.last, row);
            let queue = self.queues.entry(*id).or_default();
            queue.new.insert(self.last);
            let lane = self.lanes.entry((application, *id)).or_default();
            lane.insert(event, self.last);
        }
    }

    /// The places in the log of the events of which the webhook has a delivery.
    pub(super) fn events_of(&self, webhook: Uuid) -> HashSet<u32> {
        let rows = self.deliveries.values();
        let of = rows.filter(|row| row.webhook == webhook);
        of.map(|row| row.event).collect()
    }

    /// A delivery of an event that was recorded before, at this time, and is due now, or when the
    /// leases end on what comes after it.
    pub(super) fn make_again(
        &mut self,
        (application, webhook): (u32, Uuid),
        event: u32,
        created_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        let lane = (application, webhook);
        let at = self.end_of_leases_after(lane, event).max(Some(now));
        self.last += 1;
        let row = Row {
            webhook,
            event,
            application,
            state: State::Later,
            attempts: 0,
            created_at,
            at: now,
            token: 0,
            reason: None,
        };
        self.deliveries.insert(self.last, row);
        self.lanes.entry(lane).or_default().insert(event, self.last);
        self.move_to(self.last, at.unwrap_or(now));
    }

    /// Takes back the deliveries of the events from this place of the log on.
    pub(super) fn truncate(&mut self, events: u32) {
        while let Some(entry) = self.deliveries.last_entry() {
            if entry.get().event < events {
                return;
            }
            let (no, row) = entry.remove_entry();
            self.leave(no, &row);
            self.last = no - 1;
        }
    }

    /// Takes a pending delivery out of its queue and its lane.
    fn leave(&mut self, no: i64, row: &Row) {
        if let Some(queue) = self.queues.get_mut(&row.webhook) {
            queue.new.remove(&no);
            queue.later.remove(&(row.at, no));
        }
        let lane = (row.application, row.webhook);
        if let Some(pending) = self.lanes.get_mut(&lane) {
            pending.remove(&row.event);
            if pending.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Puts a pending delivery off, or forward.
    fn move_to(&mut self, no: i64, at: DateTime<Utc>) {
        if let Some(row) = self.deliveries.get_mut(&no) {
            let queue = self.queues.entry(row.webhook).or_default();
            queue.new.remove(&no);
            queue.later.remove(&(row.at, no));
            queue.later.insert((at, no));
            row.at = at;
            row.state = State::Later;
        }
    }

    pub(super) fn due(&self) -> Vec<Due> {
        let enabled = self.in_order().filter(|it| it.endpoint.is_enabled());
        enabled
            .filter_map(|webhook| {
                let queue = self.queues.get(&webhook.id)?;
                let at = queue.later.first().map(|(at, _)| *at);
                let has_new = !queue.new.is_empty();
                (has_new || at.is_some()).then_some(Due {
                    webhook: webhook.id,
                    has_new,
                    at,
                    not_before: webhook.health.not_before,
                })
            })
            .collect()
    }

    fn is_enabled(&self, webhook: Uuid) -> bool {
        let webhook = self.webhooks.get(&webhook);
        webhook.is_some_and(|it| it.endpoint.is_enabled())
    }

    /// When the first of what is pending for a webhook is due.
    fn first_due(&self, webhook: Uuid) -> Option<DateTime<Utc>> {
        let queue = self.queues.get(&webhook)?;
        let new = queue.new.first().and_then(|no| self.deliveries.get(no));
        let later = queue.later.first().map(|(at, _)| *at);
        new.map(|row| row.created_at).into_iter().chain(later).min()
    }

    /// The deliveries that were claimed, each with the place of its event in the log, which says
    /// the rest.
    pub(super) fn claim(&mut self, claim: &Claim) -> Vec<(u32, LeasedDelivery)> {
        let mut leased = Vec::new();
        for (webhook, room) in &claim.wanted {
            if self.is_enabled(*webhook) {
                self.claim_for(*webhook, *room, claim, &mut leased);
            }
        }
        leased
    }

    fn claim_for(
        &mut self,
        webhook: Uuid,
        room: u32,
        claim: &Claim,
        leased: &mut Vec<(u32, LeasedDelivery)>,
    ) {
        let again = leased.len() + claim.again(room) as usize;
        let end = leased.len() + room as usize;
        for (is_new, until) in [(false, again), (true, end), (false, end)] {
            while leased.len() < until {
                let next = self.queues.get(&webhook).and_then(|queue| {
                    if is_new {
                        return queue.new.first().copied();
                    }
                    let (at, no) = queue.later.first()?;
                    (*at <= claim.now).then_some(*no)
                });
                let Some(no) = next else { break };
                leased.extend(self.lease(no, claim));
            }
        }
    }

    /// Takes a lease on a delivery, unless an earlier one of its application is pending: then it is
    /// put off.
    fn lease(&mut self, no: i64, claim: &Claim) -> Option<(u32, LeasedDelivery)> {
        let row = self.deliveries.get(&no)?;
        let lane = self.lanes.get(&(row.application, row.webhook))?;
        let (first, earlier) = lane.first_key_value()?;
        if *first < row.event {
            let at = self.deliveries.get(earlier).map_or(claim.now, |it| it.at);
            let soon = later(claim.now, LOOK_AGAIN);
            let end_of_lease = later(claim.now, claim.lease);
            self.move_to(no, wait_until(row.token, at, end_of_lease, soon));
            return None;
        }
        self.move_to(no, later(claim.now, claim.lease));
        let row = self.deliveries.get_mut(&no)?;
        row.token = next_lease(row.token);
        let leased = LeasedDelivery {
            id: DeliveryId(no),
            webhook: row.webhook,
            token: row.token,
            attempts: row.attempts,
            created_at: row.created_at,
            event: Err("its event is missing".to_owned()),
        };
        Some((row.event, leased))
    }

    pub(super) fn settle(&mut self, now: DateTime<Utc>, settlement: Settlement) -> bool {
        let no = settlement.id.0;
        let is_ours = |row: &Row| row.token == settlement.token && row.state.is_pending();
        if !self.deliveries.get(&no).is_some_and(is_ours) {
            return false;
        }
        if let Some(row) = self.deliveries.get_mut(&no) {
            row.token += 1;
            row.attempts += u32::from(settlement.attempt.is_some());
        }
        let attempt = settlement.attempt.map(|attempt| (no, attempt));
        self.attempts.extend(attempt);
        let settled = settlement.outcome.settled(now);
        if settled.state.is_pending() {
            self.move_to(no, settled.at);
        } else {
            self.end(no, settled);
        }
        true
    }

    /// A delivery is over: the next one of its application goes.
    fn end(&mut self, no: i64, settled: Settled<'_>) {
        let Some(mut row) = self.deliveries.remove(&no) else {
            return;
        };
        self.leave(no, &row);
        let lane = self.lanes.get(&(row.application, row.webhook));
        let next = lane.and_then(|it| it.first_key_value().map(|(_, no)| *no));
        row.state = settled.state;
        row.reason = settled.reason.map(str::to_owned);
        row.at = settled.at;
        self.deliveries.insert(no, row);
        let Some(next) = next else { return };
        let is_next = |row: &Row| is_let_go(row.token, row.at, settled.at);
        if self.deliveries.get(&next).is_some_and(is_next) {
            self.move_to(next, settled.at);
        }
    }

    pub(super) fn matching(
        &self,
        institution: Option<&InstitutionId>,
        after: Option<DeliveryId>,
        filter: &DeliveryFilter,
    ) -> impl Iterator<Item = (i64, &Row)> {
        let order = filter.order;
        let (webhook, status) = (filter.webhook, filter.status);
        let (since, until) = (filter.since, filter.until);
        let institution = institution.cloned();
        let matches = move |row: &Row| {
            let is_of = |it: &InstitutionId| self.webhook_of(it, row.webhook).is_some();
            webhook.is_none_or(|it| it == row.webhook)
                && status.is_none_or(|it| it == row.state.status())
                && since.is_none_or(|it| it <= row.created_at)
                && until.is_none_or(|it| row.created_at < it)
                && institution.as_ref().is_none_or(is_of)
        };
        let (above, below) = match (order, after) {
            (_, None) => (Bound::Unbounded, Bound::Unbounded),
            (ListOrder::OldestFirst, Some(it)) => (Bound::Excluded(it.0), Bound::Unbounded),
            (ListOrder::NewestFirst, Some(it)) => (Bound::Unbounded, Bound::Excluded(it.0)),
        };
        let mut rows = self.deliveries.range((above, below));
        let in_order = std::iter::from_fn(move || match order {
            ListOrder::OldestFirst => rows.next(),
            ListOrder::NewestFirst => rows.next_back(),
        });
        in_order
            .filter(move |(_, row)| matches(row))
            .map(|(no, row)| (*no, row))
    }

    pub(super) fn attempts(&self, delivery: DeliveryId) -> Vec<Attempt> {
        let of = self.attempts.iter().filter(|(no, _)| *no == delivery.0);
        of.map(|(_, attempt)| attempt.clone()).collect()
    }

    pub(super) fn redeliver(&mut self, now: DateTime<Utc>, delivery: DeliveryId) -> bool {
        let no = delivery.0;
        let Some(row) = self.deliveries.get(&no) else {
            return false;
        };
        if !can_be_redelivered(row.state, row.token, row.at, now) {
            return false;
        }
        let (lane, event) = ((row.application, row.webhook), row.event);
        let at = self.end_of_leases_after(lane, event).max(Some(now));
        if let Some(row) = self.deliveries.get_mut(&no) {
            row.reason = None;
            row.attempts = 0;
        }
        self.lanes.entry(lane).or_default().insert(event, no);
        self.move_to(no, at.unwrap_or(now));
        true
    }

    /// When the last of the leases ends on what comes after this event.
    fn end_of_leases_after(&self, lane: (u32, Uuid), event: u32) -> Option<DateTime<Utc>> {
        let pending = self.lanes.get(&lane)?.range(event.saturating_add(1)..);
        let rows = pending.filter_map(|(_, no)| self.deliveries.get(no));
        let leased = rows.filter(|row| is_of_lease(row.token));
        leased.map(|row| row.at).max()
    }

    pub(super) fn abandon(
        &mut self,
        now: DateTime<Utc>,
        delivery: DeliveryId,
        reason: &str,
    ) -> bool {
        let row = self.deliveries.get_mut(&delivery.0);
        let Some(row) = row.filter(|row| row.state.is_pending()) else {
            return false;
        };
        // If it is redelivered, the holder of the old lease does not end that.
        row.token += i64::from(is_of_lease(row.token));
        let dead = Settled {
            state: State::Dead,
            at: now,
            reason: Some(reason),
        };
        self.end(delivery.0, dead);
        true
    }

    pub(super) fn prune(&mut self, before: DateTime<Utc>, limit: usize) -> u64 {
        let mut pruned = 0;
        let mut room = limit;
        self.attempts.retain(|(_, attempt)| {
            let goes = attempt.at < before && room > 0;
            room -= usize::from(goes);
            pruned += u64::from(goes);
            !goes
        });
        let old = |row: &Row| row.state == State::Delivered && row.at < before;
        let rows = self.deliveries.iter().filter(|(_, row)| old(row));
        let gone: HashSet<i64> = rows.map(|(no, _)| *no).take(limit).collect();
        for no in &gone {
            self.deliveries.remove(no);
            pruned += 1;
        }
        self.attempts.retain(|(no, _)| !gone.contains(no));
        pruned
    }

    pub(super) fn backlog(&self) -> Vec<Backlog> {
        let mut backlog: BTreeMap<Uuid, Backlog> = BTreeMap::new();
        for row in self.deliveries.values() {
            if row.state == State::Delivered {
                continue;
            }
            let Some(webhook) = self.webhooks.get(&row.webhook) else {
                continue;
            };
            let entry = backlog.entry(row.webhook).or_insert_with(|| Backlog {
                webhook: row.webhook,
                institution: webhook.institution.clone(),
                is_enabled: self.is_enabled(row.webhook),
                pending: 0,
                oldest: None,
                first_due: self.first_due(row.webhook),
                dead: 0,
            });
            if row.state == State::Dead {
                entry.dead += 1;
                continue;
            }
            entry.pending += 1;
            entry.oldest.get_or_insert(row.created_at);
        }
        backlog.into_values().collect()
    }
}
