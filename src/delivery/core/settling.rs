//! What was sent is judged, and what came of it is recorded.

use std::time::Duration;

use super::super::transport::SendError;
use super::effect::{Disabling, Effect, Report};
use super::input::{Instants, Sent, Settled};
use super::judge::outcome;
use super::webhook_state::{Circuit, Verdict};
use super::webhooks::Next;
use super::{Core, Goal};
use crate::store::Outcome;

/// For how long nothing is claimed when this machine has run out of what requests need.
const SHORTAGE: Duration = Duration::from_secs(1);

impl Core {
    pub(super) fn sent(&mut self, now: Instants, sent: Sent) {
        let webhook = sent.webhook.id;
        self.webhooks.end(webhook);
        self.report(Report::Attempted {
            outcome: outcome(&sent.answer),
            milliseconds: sent.attempt.milliseconds,
        });
        if let Err(SendError::Local(_)) = &sent.answer {
            return self.postpone(now, &sent);
        }
        let verdict = self.webhooks.judge(&sent, &self.options);
        let is_delivered = verdict.outcome == Outcome::Delivered;
        self.apply(sent, verdict);
        let next = if is_delivered && self.goal != Goal::Finish {
            self.webhooks
                .next_attempt(now, webhook, self.options.margin)
        } else {
            // After a failure, the others wait for their turn.
            self.outcomes.add_all(self.webhooks.release(webhook));
            Next::None
        };
        let is_replaced = matches!(next, Next::Attempt(_));
        match next {
            Next::None => {}
            Next::Attempt(attempt) => self.effects.push_back(Effect::Send(attempt)),
            Next::Late(released) => self.outcomes.add_all(released),
        }
        let (under_way, queued) = (self.webhooks.under_way(), self.webhooks.queued());
        self.pacing
            .request_ended(now, under_way, queued, is_replaced);
    }

    /// Gives back what this machine could not send: that is no attempt, and says nothing of the
    /// webhook. It would fail again at once, and so would others: nothing is claimed for a while.
    fn postpone(&mut self, now: Instants, sent: &Sent) {
        self.outcomes.add(sent.lease.released());
        self.outcomes
            .add_all(self.webhooks.release(sent.webhook.id));
        self.pacing.hold(now, SHORTAGE);
    }

    /// Reports, counts and records what follows from an attempt.
    fn apply(&mut self, sent: Sent, verdict: Verdict) {
        let webhook = sent.webhook.id;
        match verdict.circuit {
            None => {}
            Some(Circuit::Opened) => self.report(Report::CircuitOpened(webhook)),
            Some(Circuit::Closed) => self.report(Report::CircuitClosed(webhook)),
        }
        if verdict.outcome == Outcome::Delivered {
            self.summary.delivered += 1;
            self.report(Report::Delivered {
                created_at: sent.lease.created_at,
                at: sent.answered_at,
            });
        } else {
            self.summary.failed += 1;
        }
        if let Outcome::Dead { reason } = &verdict.outcome {
            self.summary.dead += 1;
            self.report(Report::Dead {
                delivery: sent.lease.id,
                webhook,
                event: sent.event_id,
                reason: reason.clone(),
            });
        }
        if let Some(change) = verdict.health {
            self.outcomes.add_health(webhook, change);
        }
        if let Some(cause) = verdict.disable {
            self.housekeeping.begin_disabling();
            self.effects.push_back(Effect::Disable(Disabling {
                webhook: sent.webhook,
                cause,
                at: sent.answered_at,
            }));
        }
        let settlement = sent.lease.settlement(verdict.outcome, Some(sent.attempt));
        self.outcomes.add(settlement);
    }

    pub(super) fn settled(&mut self, now: Instants, settled: Settled) {
        self.outcomes.end(&settled);
        if settled.lost > 0 {
            self.report(Report::LostLeases(settled.lost));
        }
        let Some(unrecorded) = settled.unrecorded else {
            if !self.pacing.is_asking() {
                self.trust_recorded_health();
            }
            self.pacing
                .outcomes_recorded(now, self.webhooks.under_way(), self.webhooks.queued());
            return;
        };
        let error = unrecorded.error.clone();
        if let Some(delay) = self.store_failed(error, "outcomes cannot be recorded") {
            self.outcomes.keep(unrecorded, now.after(delay));
        }
    }
}
