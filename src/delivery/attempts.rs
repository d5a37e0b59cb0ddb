//! What is claimed is sent, and what was sent is judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;
use uuid::Uuid;

use super::chores::{Cause, disable};
use super::judge::{Consequence, Tried};
use super::run::{Goal, Run};
use super::send::{Leased, Sent, send};
use super::telemetry;
use super::transport::Transport;
use crate::store::{ClaimedBatch, Due, Outbox, Settlement, Verdict, Webhook};

/// How long small groups of free places are gathered before something is claimed for them.
const GATHER: TimeDelta = TimeDelta::milliseconds(2);

/// How long to wait where something was due, but somebody else was faster.
const RACE: TimeDelta = TimeDelta::milliseconds(20);

impl<S: Outbox, T: Transport> Run<'_, S, T> {
    pub(super) fn claimed(&mut self, wanted: &[(Uuid, u32)], batch: ClaimedBatch) {
        let webhooks: BTreeMap<Uuid, Arc<Webhook>> = batch
            .webhooks
            .into_iter()
            .map(|it| (it.id, Arc::new(it)))
            .collect();
        let mut got: BTreeMap<Uuid, u32> = BTreeMap::new();
        for claimed in batch.deliveries {
            *got.entry(claimed.webhook).or_default() += 1;
            let settlement = |verdict| Settlement {
                id: claimed.id,
                token: claimed.token,
                verdict,
                attempt: None,
            };
            let (webhook, event) = match (webhooks.get(&claimed.webhook), claimed.event) {
                _ if self.goal == Goal::Finish => {
                    self.finished.push(settlement(Verdict::Released));
                    continue;
                }
                (Some(webhook), Ok(event)) => (webhook, event),
                (None, Ok(_)) => {
                    self.finished.push(settlement(Verdict::Released));
                    continue;
                }
                (_, Err(problem)) => {
                    let reason = format!("what is stored cannot be sent: {problem}");
                    tracing::error!(delivery = %claimed.id, reason, "dead");
                    self.summary.dead += 1;
                    self.finished.push(settlement(Verdict::Dead { reason }));
                    continue;
                }
            };
            let line = self.lines.entry(claimed.webhook).or_default();
            if !line.has_unsaved_health {
                line.health = webhook.health;
            }
            line.under_way += 1;
            self.under_way += 1;
            let leased = Leased {
                id: claimed.id,
                token: claimed.token,
                attempts: claimed.attempts,
                created_at: claimed.created_at,
            };
            let it = self.dispatcher;
            let (transport, webhook) = (&*it.transport, Arc::clone(webhook));
            let sending = send(transport, &*it.clock, &it.options, webhook, event, leased);
            self.sending.push(sending.boxed());
        }
        telemetry::under_way(self.under_way);
        self.mark = self.under_way;
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

    pub(super) fn sent(&mut self, sent: Sent) {
        let it = self.dispatcher;
        let line = self.lines.entry(sent.webhook).or_default();
        line.under_way = line.under_way.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(1);
        telemetry::under_way(self.under_way);
        telemetry::attempted(&sent);
        let tried = Tried {
            webhook: sent.webhook,
            event_id: sent.event_id,
            attempts: sent.attempts,
            answer: &sent.answer,
            now: sent.now,
            health: line.health,
            opened: line.breaker.opened(),
        };
        let judgement = tried.judge(&it.options);
        match &judgement.verdict {
            Verdict::Delivered => {
                line.breaker.succeed();
                telemetry::delivered(sent.created_at, sent.now);
                self.summary.delivered += 1;
            }
            verdict => {
                line.breaker.fail(sent.now, it.options.longest_break());
                self.summary.failed += 1;
                if let Verdict::Dead { reason } = verdict {
                    metrics::counter!(telemetry::DEAD_TOTAL).increment(1);
                    tracing::error!(delivery = %sent.id, reason, "dead");
                    self.summary.dead += 1;
                }
            }
        }
        if judgement.health != line.health {
            line.health = judgement.health;
            line.has_unsaved_health = true;
            self.health.insert(sent.webhook, judgement.health);
        }
        let cause = match judgement.consequence {
            Consequence::None => None,
            Consequence::Pause(until) => {
                line.breaker.pause(until);
                None
            }
            Consequence::Gone => Some(Cause::Gone),
            Consequence::Failing(since) => Some(Cause::Failing(since)),
        };
        if let Some(cause) = cause {
            let (id, now, after) = (sent.webhook, sent.now, it.options.disable_after);
            let chore = disable(&it.store, id, cause, now, after);
            self.chores.push(chore.boxed());
        }
        self.finished.push(Settlement {
            id: sent.id,
            token: sent.token,
            verdict: judgement.verdict,
            attempt: Some(sent.attempted),
        });
        if self.has_more {
            let is_worth_it = self.under_way <= self.mark - self.mark / 4;
            self.look_in(if is_worth_it {
                TimeDelta::zero()
            } else {
                GATHER
            });
        }
    }
}
