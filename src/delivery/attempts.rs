//! What is claimed is sent, and what was sent is judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use tokio::time::Instant;
use uuid::Uuid;

use super::chores::{Cause, disable};
use super::judge::{Consequence, Tried};
use super::line::Waiting;
use super::patience::RACE;
use super::run::{GATHER, Goal, Run};
use super::send::{Leased, Sent, send};
use super::telemetry::{self, UnderWay};
use super::transport::{SendError, Transport};
use crate::store::{Claim, ClaimedBatch, Due, Outbox, Outcome, Settlement, Webhook};

/// Why a delivery is dead of which no request can be made.
const UNSENDABLE: &str = "what is stored cannot be sent";

/// How often the store is told that a webhook is well.
const TELL_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// For how long nothing is claimed when this machine has run out of what requests need.
const SHORTAGE: TimeDelta = TimeDelta::seconds(1);

/// A server that answers within so many milliseconds is quick: what is claimed ahead for it is sent
/// soon.
const QUICK: u64 = 100;

impl<S: Outbox, T: Transport> Run<'_, S, T> {
    pub(super) fn claimed(&mut self, claim: &Claim, batch: ClaimedBatch) {
        let wanted = &claim.wanted;
        // Where the store has taken its time, the leases may end before the answers come.
        let is_late = self.is_late(claim.now);
        self.claimed_late(is_late);
        let webhooks: BTreeMap<Uuid, Arc<Webhook>> = batch
            .webhooks
            .into_iter()
            .map(|it| (it.id, Arc::new(it)))
            .collect();
        let mut got: BTreeMap<Uuid, u32> = BTreeMap::new();
        for claimed in batch.deliveries {
            *got.entry(claimed.webhook).or_default() += 1;
            let settlement = |outcome| Settlement {
                id: claimed.id,
                token: claimed.token,
                outcome,
                attempt: None,
            };
            let (webhook, event) = match (webhooks.get(&claimed.webhook), claimed.event) {
                _ if is_late || self.goal == Goal::Finish => {
                    self.finished.push(settlement(Outcome::Released));
                    continue;
                }
                (Some(webhook), Ok(event)) => (webhook, event),
                (None, Ok(_)) => {
                    self.finished.push(settlement(Outcome::Released));
                    continue;
                }
                (_, Err(problem)) => {
                    // Stores are to quote nothing; the log does not rely on it.
                    tracing::error!(
                        delivery = %claimed.id,
                        webhook = %claimed.webhook,
                        reason = UNSENDABLE,
                        "dead"
                    );
                    let reason = format!("{UNSENDABLE}: {problem}");
                    metrics::counter!(telemetry::DEAD_TOTAL).increment(1);
                    self.summary.dead += 1;
                    self.finished.push(settlement(Outcome::Dead { reason }));
                    continue;
                }
            };
            let uncounted = self.uncounted.get(&claimed.id).copied().unwrap_or_default();
            let line = self.lines.entry(claimed.webhook).or_default();
            if !line.has_unsaved_health {
                line.health = webhook.health;
            }
            let next = Waiting {
                webhook: Arc::clone(webhook),
                event,
                leased: Leased {
                    id: claimed.id,
                    token: claimed.token,
                    attempts: claimed.attempts.saturating_add(uncounted),
                    created_at: claimed.created_at,
                },
                since: claim.now,
            };
            if line.under_way < line.allowed {
                self.start(next);
            } else {
                self.waiting += 1;
                line.waiting.push_back(next);
            }
        }
        self.mark = self.under_way + self.waiting;
        let filled = |(id, room): &(Uuid, u32)| got.get(id).is_some_and(|got| got >= room);
        self.has_more |= wanted.iter().any(filled);
        let is_filled = |due: &Due| {
            let room = wanted.iter().find(|(id, _)| *id == due.webhook);
            room.is_some_and(filled)
        };
        self.hot = std::mem::take(&mut self.asked);
        self.hot.retain(is_filled);
        if got.is_empty() {
            self.look_in(RACE);
        }
    }

    fn start(&mut self, next: Waiting) {
        let line = self.lines.entry(next.webhook.id).or_default();
        line.under_way += 1;
        line.tried_at = Some(Instant::now());
        self.under_way += 1;
        let it = self.dispatcher;
        let (transport, clock, options) = (&*it.transport, &*it.clock, &*it.options);
        let sending = send(
            transport,
            clock,
            options,
            next.webhook,
            next.event,
            next.leased,
        );
        let under_way = UnderWay::begin();
        let counted = sending.inspect(move |_| drop(under_way));
        self.sending.push(counted.boxed());
    }

    /// In place of a request that has ended, the next one to the same webhook.
    pub(super) fn start_next(&mut self, webhook: Uuid) {
        let line = self.lines.get_mut(&webhook);
        let Some(next) = line.and_then(|it| it.waiting.pop_front()) else {
            return;
        };
        self.waiting -= 1;
        if self.is_late(next.since) {
            self.finished.push(released(&next));
            return self.release(webhook);
        }
        self.start(next);
    }

    /// Gives back what was claimed ahead for a webhook.
    pub(super) fn release(&mut self, webhook: Uuid) {
        if let Some(line) = self.lines.get_mut(&webhook) {
            let waiting = std::mem::take(&mut line.waiting);
            self.waiting -= u32::try_from(waiting.len()).unwrap_or_default();
            self.finished.extend(waiting.iter().map(released));
        }
    }

    /// Whether a lease that was taken then may end before an answer comes.
    fn is_late(&self, claimed: DateTime<Utc>) -> bool {
        self.dispatcher.now() - claimed > self.dispatcher.options.margin / 2
    }

    pub(super) fn sent(&mut self, sent: Sent) {
        let webhook = sent.webhook;
        self.ended(&sent);
        if let Err(SendError::Local(_)) = &sent.answer {
            return self.put_off(&sent);
        }
        let is_delivered = self.judge(sent);
        if is_delivered && self.goal != Goal::Finish {
            self.start_next(webhook);
        } else {
            // Whatever befell this one, the others wait for their turn.
            self.release(webhook);
        }
        if self.has_more {
            let in_hand = self.under_way + self.waiting;
            let is_worth_it = in_hand <= self.mark - self.mark / 4;
            self.look_in(if is_worth_it {
                TimeDelta::zero()
            } else {
                GATHER
            });
        }
    }

    /// A request is no longer under way.
    fn ended(&mut self, sent: &Sent) {
        let line = self.lines.entry(sent.webhook).or_default();
        line.under_way = line.under_way.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(1);
        telemetry::attempted(sent);
    }

    /// Gives back what this machine could not send: that is no attempt, and nobody is to blame. It
    /// would fail again at once, and so would others: nothing is claimed for a while.
    fn put_off(&mut self, sent: &Sent) {
        self.finished.push(Settlement {
            id: sent.id,
            token: sent.token,
            outcome: Outcome::Released,
            attempt: None,
        });
        self.release(sent.webhook);
        self.hold(SHORTAGE);
    }

    /// Judges an attempt; whether it was a success.
    fn judge(&mut self, sent: Sent) -> bool {
        let it = self.dispatcher;
        let line = self.lines.entry(sent.webhook).or_default();
        let tried = Tried {
            webhook: sent.webhook,
            event_id: sent.event_id,
            attempts: sent.attempts,
            answer: &sent.answer,
            error: sent.attempted.error.as_deref(),
            now: sent.now,
            health: line.health,
            opened: line.breaker.opened(),
        };
        let judgement = tried.judge(&it.options);
        let is_delivered = judgement.outcome == Outcome::Delivered;
        line.is_quick = sent.attempted.milliseconds < QUICK;
        match &judgement.outcome {
            Outcome::Delivered => {
                if line.breaker.opened() > 0 {
                    tracing::info!(webhook = %sent.webhook, "circuit closed: something was delivered");
                }
                line.breaker.succeed();
                telemetry::delivered(sent.created_at, sent.now);
                self.summary.delivered += 1;
            }
            outcome => {
                let is_silence = matches!(sent.answer, Err(SendError::Timeout(_)));
                let longest = it.options.longest_break();
                let was_closed = line.breaker.opened() == 0;
                line.breaker.fail(sent.now, longest, is_silence);
                if was_closed && line.breaker.opened() > 0 {
                    tracing::warn!(
                        webhook = %sent.webhook,
                        "circuit opened: attempts fail in a row; until one succeeds, only a few are made now and then"
                    );
                }
                self.summary.failed += 1;
                if let Outcome::Dead { reason } = outcome {
                    metrics::counter!(telemetry::DEAD_TOTAL).increment(1);
                    tracing::error!(
                        delivery = %sent.id,
                        webhook = %sent.webhook,
                        event = %sent.event_id,
                        reason,
                        "dead"
                    );
                    self.summary.dead += 1;
                }
            }
        }
        let change = judgement.change;
        let health = line.health.after(change, sent.now);
        // What others have noted meanwhile is not known here: so it is told now and then, whatever
        // is known.
        let is_news = line
            .told_at
            .is_none_or(|at| (sent.now - at).abs() > TELL_AGAIN);
        if health != line.health || (change.delivered && is_news) {
            line.health = health;
            line.has_unsaved_health = true;
            if change.delivered {
                line.told_at = Some(sent.now);
            }
            let known = self.health.entry(sent.webhook).or_default();
            *known = known.and(change);
        }
        let cause = match judgement.consequence {
            Consequence::None => None,
            Consequence::Gone => Some(Cause::Gone(sent.to.endpoint.url.clone())),
            Consequence::Failing(since) => Some(Cause::Failing(since)),
        };
        if let Some(cause) = cause {
            let (now, after) = (sent.now, it.options.disable_after);
            let chore = disable(&it.store, sent.to, cause, now, after);
            self.chores.push(chore.boxed());
        }
        self.finished.push(Settlement {
            id: sent.id,
            token: sent.token,
            outcome: judgement.outcome,
            attempt: Some(sent.attempted),
        });
        is_delivered
    }
}

/// It was not tried.
fn released(waiting: &Waiting) -> Settlement {
    Settlement {
        id: waiting.leased.id,
        token: waiting.leased.token,
        outcome: Outcome::Released,
        attempt: None,
    }
}
