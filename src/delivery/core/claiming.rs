//! The answers of the store: what is due is claimed, and what was claimed is sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::effect::{Effect, Lease, NextAttempt, Report};
use super::input::{Instants, is_about_one};
use super::pacing::Pending;
use super::webhooks::is_late;
use super::{Core, Goal};
use crate::lengths::between;
use crate::store::{Claim, ClaimedBatch, Due, LeasedDelivery, Outcome, StoreError, Webhook};

/// Why a delivery is dead of which no request can be made.
pub(in crate::delivery) const UNSENDABLE: &str = "what is stored cannot be sent";

impl Core {
    pub(super) fn due_answered(
        &mut self,
        now: Instants,
        took: Duration,
        answer: Result<Vec<Due>, StoreError>,
    ) {
        self.pacing.answered();
        match answer {
            // What is to be finished is under way already.
            _ if self.goal == Goal::Finish => {}
            Ok(due) => {
                self.pacing.answer_took(took);
                self.due(now, &due);
            }
            Err(error) => {
                self.pacing.set_pending(Pending::Some);
                self.hold_after(now, error, "what is due cannot be read");
            }
        }
        self.trust_recorded_health();
    }

    /// Claims for what is due now, and asks again when something else is.
    fn due(&mut self, now: Instants, due: &[Due]) {
        self.pacing.set_pending(if due.is_empty() {
            self.outcomes.forget_refusals();
            Pending::Nothing
        } else if self.outcomes.is_stuck_with(due, now.wall) {
            Pending::Refused
        } else {
            Pending::Some
        });
        self.webhooks.note_due(due, now.wall);
        self.claim_for(now, due);
        if !self.pacing.is_asking() {
            // Otherwise the claim shows whether the store works.
            self.pacing.store_works();
        }
    }

    /// Claims for these webhooks what there is room for, of what is due.
    pub(super) fn claim_for(&mut self, now: Instants, due: &[Due]) {
        let allotment = self.webhooks.allot(now, due, &self.options);
        if let Some(at) = allotment.next {
            let delay = between(now.wall, at).max(Duration::from_millis(1));
            self.pacing.ask_in(now, delay);
        }
        self.outcomes.add_all(allotment.released);
        let attempts = allotment.attempts.into_iter();
        self.effects.extend(attempts.map(Effect::Send));
        self.pacing
            .plan_claim(allotment.wanted, allotment.claimed_for, allotment.has_more);
    }

    pub(super) fn claim_answered(
        &mut self,
        now: Instants,
        claim: Claim,
        answer: Result<ClaimedBatch, StoreError>,
    ) {
        self.pacing.answered();
        match answer {
            Ok(batch) => self.claimed(now, &claim, batch),
            Err(error) if is_about_one(&error) => {
                if let [(webhook, _)] = *claim.wanted {
                    self.webhooks.note_unreadable(webhook, now.wall);
                    // A corrupt row may quote its URL, which only its institution may see.
                    let why = match error {
                        StoreError::Corrupt { row, .. } => format!("{row} is corrupt"),
                        refused => refused.to_string(),
                    };
                    self.report(Report::Unreadable { webhook, why });
                } else {
                    // The others are served all the same.
                    self.pacing.claim_one_by_one(claim.wanted);
                }
                self.pacing.ask_now(now);
            }
            Err(error) => self.hold_after(now, error, "nothing can be claimed"),
        }
        self.trust_recorded_health();
    }

    fn hold_after(&mut self, now: Instants, error: StoreError, what: &'static str) {
        if let Some(delay) = self.store_failed(error, what) {
            self.pacing.hold(now, delay);
        }
    }

    fn claimed(&mut self, now: Instants, claim: &Claim, batch: ClaimedBatch) {
        self.pacing.store_works();
        // Where the store has taken its time, the leases may end before the answers come.
        let is_late = is_late(now, claim.now, self.options.margin);
        if let Some(in_a_row) = self.pacing.claim_came(now, is_late) {
            self.report(Report::ClaimsLate(in_a_row));
        }
        let is_given_back = is_late || self.goal == Goal::Finish;
        let webhooks: BTreeMap<Uuid, Arc<Webhook>> = batch
            .webhooks
            .into_iter()
            .map(|it| (it.id, Arc::new(it)))
            .collect();
        let mut got: BTreeMap<Uuid, u32> = BTreeMap::new();
        for delivery in batch.deliveries {
            *got.entry(delivery.webhook).or_default() += 1;
            let webhook = webhooks.get(&delivery.webhook);
            if is_given_back {
                self.outcomes.add(lease(&delivery).released());
            } else {
                self.leased(now, claim.now, delivery, webhook);
            }
        }
        let (under_way, queued) = (self.webhooks.under_way(), self.webhooks.queued());
        self.pacing
            .claimed(now, &claim.wanted, &got, under_way, queued);
    }

    /// Sends a claimed delivery, or queues it.
    fn leased(
        &mut self,
        now: Instants,
        claimed_at: DateTime<Utc>,
        delivery: LeasedDelivery,
        webhook: Option<&Arc<Webhook>>,
    ) {
        let mut lease = lease(&delivery);
        let (webhook, event) = match (webhook, delivery.event) {
            (Some(webhook), Ok(event)) => (Arc::clone(webhook), event),
            (None, Ok(_)) => return self.outcomes.add(lease.released()),
            (_, Err(problem)) => {
                let reason = format!("{UNSENDABLE}: {problem}");
                self.summary.dead += 1;
                self.report(Report::Unsendable {
                    delivery: delivery.id,
                    webhook: delivery.webhook,
                });
                let dead = lease.settlement(Outcome::Dead { reason }, None);
                return self.outcomes.add(dead);
            }
        };
        let uncounted = self.outcomes.uncounted(lease.id);
        lease.earlier_attempts = lease.earlier_attempts.saturating_add(uncounted);
        let attempt = NextAttempt {
            webhook,
            event,
            lease,
            claimed_at,
        };
        if let Some(attempt) = self.webhooks.admit(now, attempt) {
            self.effects.push_back(Effect::Send(attempt));
        }
    }

    /// From now on, the store's answers about the health of these webhooks include what was
    /// recorded.
    pub(super) fn trust_recorded_health(&mut self) {
        for webhook in self.outcomes.take_recorded_health() {
            let is_unsaved = self.outcomes.has_health_of(&webhook);
            self.webhooks.set_unsaved_health(webhook, is_unsaved);
        }
    }
}

fn lease(delivery: &LeasedDelivery) -> Lease {
    Lease {
        id: delivery.id,
        token: delivery.token,
        earlier_attempts: delivery.attempts,
        created_at: delivery.created_at,
    }
}
